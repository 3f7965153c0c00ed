"""DAV: calendars and contacts for programs (CalDAV, CardDAV), by SOGo.

SOGo once more, apart from the one for browsers: that one believes the gateway who is signed in,
and with it the name in every Authorization header; programs, who send one with each request, must
be asked for the password. Accounts, database and cache are SOGo's.

Made files: see ``components/sogod``. HTTP on the loopback address, for the gateway only: path
``/SOGo/dav``. Without it programs work on with what they have and synchronise later.

Standards: CalDAV (RFC 4791), CardDAV (RFC 6352), WebDAV ACL (RFC 3744), scheduling (RFC 6638).
Manual: https://www.sogo.nu/files/docs/SOGoInstallationGuide.html
"""
