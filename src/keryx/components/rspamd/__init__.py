"""Rspamd: the spam filter, signer and verifier; Postfix's milter.

Made files, all below ``etc/rspamd`` of the home: ``local.d/*`` and ``override.d/*``, which the
packaged /etc/rspamd/rspamd.conf includes once its variable LOCAL_CONFDIR points here (nothing
in /etc is touched, and /etc/rspamd/local.d is not read), and ``rspamd.local.lua`` with ``lua/*``,
our own rules: the header From of a login's mail, the DKIM and ARC keys, the rate limit's key.

Sockets: the milter in Postfix's spool, the controller and the control socket in ``run/rspamd``.
Data: ``data/rspamd`` (compiled expressions, maps, statistics); what it has learnt is in Redis.
Standards: SPF RFC 7208, DKIM RFC 6376 and 8463, DMARC RFC 7489, ARC RFC 8617,
Authentication-Results RFC 8601, RFC 5322.
Manual: https://rspamd.com/doc/configuration/index.html
"""
