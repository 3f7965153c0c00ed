"""ActiveSync: mail, calendars and contacts for phones and Outlook, pushed.

SOGo once more, with its ActiveSync module, apart from the one for browsers: each phone that waits
for news holds a worker for minutes, and must not take it from people at their desks. Accounts,
database and cache are SOGo's.

Made files: see ``components/sogod``. HTTP on the loopback address, for the gateway only: path
``/Microsoft-Server-ActiveSync``. Without it phones wait; nothing else does.

Standards: MS-ASHTTP, MS-ASWBXML, MS-ASCMD, protocol versions 2.5 to 14.1.
Manual: https://www.sogo.nu/files/docs/SOGoInstallationGuide.html (Microsoft Enterprise ActiveSync)
"""
