"""PostgreSQL: Keryx's own records, SOGo's calendars and contacts, Roundcube's preferences.

Runs when ``database.embedded`` says so; an external server needs nothing from here. Databases and
roles are made by ``keryx.records.provision``, in the same way on both.

Made files: ``postgresql.conf``, ``pg_hba.conf``, ``pg_ident.conf``. Socket: ``run/postgresql``; it
listens on no network port. Data: ``data/postgresql/<major version>``, with checksums, made by
initdb at the first start. Nobody becomes its superuser but root and postgres of this machine; every
other role logs in with its password (SCRAM-SHA-256, RFC 7677) and only to the database of its name.

A major version's data are served by that version's programs for as long as these are installed,
whatever newer ones are there besides; without them it refuses to start and says why.
Manual: https://www.postgresql.org/docs/current/runtime-config.html
"""
