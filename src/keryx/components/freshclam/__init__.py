"""freshclam: keeps the virus scanner's database up to date; runs when ``clamav.enabled`` is true.

Made files: ``freshclam.conf``. It fetches into ``data/clamav`` and tells clamd to load what is new.
Manual: https://docs.clamav.net/manual/Usage/SignatureManagement.html
"""
