"""nginx: the gateway, the only door of the web side.

Behind it stand SOGo (browsers and DAV; ActiveSync apart), Roundcube (FastCGI), the filter's pages
and Keryx's own process. It ends TLS, leads HTTP to HTTPS, asks Keryx's process who is signed in
(``auth_request``) and hands the webmails what they need to sign in by themselves.

Made files: ``nginx.conf`` with one server per host name; ``listen.conf``, ``headers.conf`` and
``proxy.conf``, which all servers share; one file per group of paths. Those that switched-off parts
would need are not made. Ports: ``http`` (80), ``https`` (443).

What a client sends is never trusted to say who it is: the headers by which the parts behind trust
the gateway are set or cleared at every door, and X-Forwarded-For is read from ``trusted_proxies``
only.

The master process is root's: it binds ports below 1024 and reads the private key. Its workers,
which do all the talking, run as ``keryx-web``.

Standards: HTTP RFC 9110, 9113 (HTTP/2); HSTS RFC 6797; well-known paths RFC 8615, 6764 (CalDAV,
CardDAV), 8555 (ACME), 8461 (MTA-STS); TLS as Mozilla's "intermediate" advises
(https://wiki.mozilla.org/Security/Server_Side_TLS).
Manual: https://nginx.org/en/docs/
"""
