"""SOGo: webmail, calendars, contacts in the browser. Programs have ``dav`` and ``activesync``.

Accounts, identities and the common address book come from the directory, mail from Dovecot, whose
ACLs share folders and whose Sieve files, forwards and answers; calendars, contacts, what is shared
of them, and what people set are in the database ``sogo``. People who are signed in to Keryx are
signed in here: the gateway says who they are.

Made files: see ``components/sogod``. HTTP on the loopback address, for the gateway only: path
``/SOGo``. Who else may open that port, every user of this machine, could say who he is: run nothing
else here that you do not trust. Without it mail flows, and mail programs go on working.

Standards: iCalendar (RFC 5545), vCard (RFC 6350), iMIP (RFC 6047), IMAP ACL (RFC 4314).
Manual: https://www.sogo.nu/files/docs/SOGoInstallationGuide.html
"""
