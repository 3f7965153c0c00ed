"""Roundcube: webmail, in a PHP process pool of its own.

Made files, in ``etc/roundcube``: ``php-fpm.conf``, ``php.ini``, ``prepend.php``; in ``config/`` what
Roundcube reads (``config.inc.php``, ``defaults.inc.php``, ``mimetypes.php``); in ``plugins/`` our own
plugins (``keryx_signin``: who is signed in to Keryx is signed in here; ``keryx_directory``:
identities and address book from the directory) and, made of links, those of the package that are
switched on, without their configuration in /etc. ``pgpass`` is for psql.
Socket: ``run/roundcube/fpm.sock`` (FastCGI), for the gateway. Temporary files: ``data/roundcube``.
Database: ``roundcube``; its tables are made and brought up to date before every start.
Roundcube talks to the suite as a mail program does: IMAP, submission and ManageSieve with the
user's own login, over TLS with the certificate verified.
Manual: https://github.com/roundcube/roundcubemail/wiki, https://www.php.net/manual/en/install.fpm.configuration.php
"""
