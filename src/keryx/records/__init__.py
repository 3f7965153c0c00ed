"""What Keryx itself must remember: roles, sessions, API keys, audit log, statistics, preferences. PostgreSQL.

One module for each table, of plain functions that take the site first; each is one transaction.
Addresses and domains are expected as they are normalised (``settings.names``). ``engine`` connects,
``provision`` makes databases and roles, ``migrations`` the tables. All raise ``errors.Unreachable``
when the database is away.
"""
