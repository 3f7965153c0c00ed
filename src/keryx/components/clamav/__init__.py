"""ClamAV: the virus scanner, asked by the filter about every message; off by default.

It holds the whole database in memory, about 1.5 GB. Made files: ``clamd.conf``. Socket:
``run/clamav/clamd.sock``, open to the filter. The database in ``data/clamav`` is kept up to date by the
component ``freshclam``; until there is one, mail is deferred (451), never let through unscanned.
Manual: https://docs.clamav.net/manual/Usage/Configuration.html
"""
