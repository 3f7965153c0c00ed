"""sogod: what the components ``sogo``, ``dav`` and ``activesync`` have in common. No component itself.

SOGo reads its settings as GNUstep defaults: first /etc/sogo/sogo.conf, then the domain ``sogod`` of
the user's defaults, which wins. Where those are is said by the GNUstep configuration file, and
which file that is by ``GNUSTEP_CONFIG_FILE``: so each home has its own, and nothing below /etc is
touched. Every key that decides who gets in or where data goes is written here, so that a
packaged or foreign /etc/sogo/sogo.conf decides none of them.

Made files (below ``etc/NAME`` of each): ``GNUstep.conf`` names the folder;
``sogod.plist`` are the settings; ``pg_service.conf`` says how to reach the database, its password
included, so that no table URL, and no line of a log, holds one; ``ldap.conf`` makes LDAP verify
certificates and not wait for ever.

Manual: https://www.sogo.nu/files/docs/SOGoInstallationGuide.html
"""
