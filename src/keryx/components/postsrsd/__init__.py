"""PostSRSd: rewrites the envelope sender of forwarded mail (Sender Rewriting Scheme).

Mail that a list, an alias or a Sieve redirect sends on to another site keeps the sender of a
third site, whose SPF record does not name this server. Postfix therefore passes such mail (and
no other) through a second, internal SMTP service that asks PostSRSd for a sender address in
our own domain: ``SRS0=hash=time=origin.example=user@example.org``. Bounces come back to that
address, are recognised by the hash, and go on to the original sender.

Version 1 (Debian 12) offers two TCP tables and takes its parameters as arguments; version 2
(Debian 13) offers a socketmap and reads ``postsrsd.conf``. The key is the secret ``srs``.
Manual: https://github.com/roehling/postsrsd; the scheme: https://www.libsrs2.net/srs/srs.pdf
"""
