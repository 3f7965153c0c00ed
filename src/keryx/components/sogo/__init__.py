"""SOGo: webmail, calendars, contacts; CalDAV and CardDAV for programs.

Accounts, identities and the common address book come from the directory, mail from Dovecot, whose
ACLs share folders and whose Sieve files, forwards and answers; calendars, contacts, what is shared
of them, and what people set are in the database ``sogo``. People who are signed in to Keryx are
signed in here: the gateway says who they are.

Made files: see ``components/sogod``. HTTP on the loopback address, for the gateway only: paths
``/SOGo`` and ``/SOGo/dav``. Without it mail flows, and mail programs go on working.

Standards: CalDAV (RFC 4791), CardDAV (RFC 6352), WebDAV ACL (RFC 3744), scheduling (RFC 6638),
iCalendar (RFC 5545), vCard (RFC 6350), iMIP (RFC 6047).
Manual: https://www.sogo.nu/files/docs/SOGoInstallationGuide.html
"""
