"""Postfix: receives mail from other servers and from users, routes it, sends it out.

Doors (each can be moved or switched off; ``Site`` has the internal ones):

* 25, SMTP from other servers (RFC 5321), behind postscreen. STARTTLS offered, no login.
* 587 and 465, submission (RFC 6409, RFC 8314): login, and only inside TLS.
* internal, loopback only: ``Site.internal_smtp`` for this machine's programs; with the PROXY
  protocol on 587 or 465 also ``Site.inside`` of these; ``Site.srs_reinjection`` for Postfix itself.

Every recipient is looked up live in the directory, through proxymap, which keeps the LDAP
connections for all processes. What the lookups mean is told in ``lookups.py``; what can be said
about a recipient at RCPT is said there (550, 452), never in a bounce. Delivery is by LMTP over a
Unix socket, filtering by milter, login by SASL: sockets of other daemons stand in the queue
folder, since Postfix's network daemons are confined to it (chroot) and see no other file system.
There, ``etc/resolv.conf`` names the suite's own validating resolver.

Forwarded mail. A foreign sender's mail to a foreign recipient (after aliases were expanded) goes
through ``srs``, a second pass through Postfix on loopback, where PostSRSd writes the envelope
sender. Local senders and bounces go straight; headers are never touched. SRS addresses that come
back are accepted from the null sender only: whoever learns such an address cannot relay by it.

PROXY protocol. Postfix believes whoever can connect to a port with ``proxy_protocol``; it has no
list of trusted proxies. So on those ports no address is trusted: no relaying by network, and a
header that claims to come from this machine, a relay network or a load balancer is refused. What
is left to a spoofed header is to lie about the client's address to block lists, SPF and the log:
let a firewall open these ports to ``trusted_proxies`` only.

Internationalised addresses (SMTPUTF8, RFC 6531): Dovecot's LMTP cannot take them, so they are not
announced and refused at MAIL and RCPT with a clear answer; nothing is accepted to be bounced.

Made files: ``main.cf``, ``master.cf``, ``ldap/*.cf`` (with the reader's password: root and the
group postfix only), ``maps/*``, and ``etc/`` in the queue folder.
Manual: https://www.postfix.org/documentation.html
"""
