"""Unbound: the suite's own validating DNS resolver.

Postfix needs DNSSEC answers for DANE (RFC 7672), and block lists refuse the big public
resolvers; so every suite resolves by itself. It listens on a loopback address of its own
(``Site.resolver``, port 53) and answers nobody but this machine.

Made files: ``unbound.conf``; ``root.key`` in its data folder, the root's trust anchor, started
from Debian's dns-root-data and kept current by Unbound itself (RFC 5011).
Manual: https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html
"""
