"""Dovecot: the message store and its doors (IMAP, POP3, ManageSieve), delivery, login for all.

What it does here: LMTP delivery from Postfix with Sieve (Pigeonhole), IMAP, POP3, ManageSieve,
SASL for Postfix, quota answers at RCPT, and the user lookups of the filter.

Made files: ``dovecot.conf`` in the dialect of the installed version (2.3 or 2.4; they differ
too much to share a file), with 2.3 the LDAP lookups ``ldap-*.conf``, the global Sieve scripts
below ``sieve/`` (compiled by sievec before every start) and the small shell scripts that they
run. Public ports: imap, imaps, pop3, pop3s, sieve. Sockets: ``lmtp``, ``auth`` and
``quota-status`` where Postfix's confined daemons reach them, ``keryx-userdb`` for the filter.

Data: ``data/dovecot/mail/DOMAIN/LOCAL-PART/`` is an account's home: ``Maildir`` holds the
messages, ``sieve`` the user's scripts; all of it belongs to the system user ``vmail``.
``data/dovecot/state`` is Dovecot's own memory, ``data/dovecot/shared`` says who shares folders.

Standards: IMAP4rev1 (RFC 3501) with IDLE (2177), QUOTA (2087), ACL (4314), SPECIAL-USE (6154),
COMPRESS (4978); POP3 (1939); LMTP (2033); ManageSieve (5804); Sieve (5228).
Manuals: https://doc.dovecot.org/2.3/ and https://doc.dovecot.org/2.4.1/
"""
