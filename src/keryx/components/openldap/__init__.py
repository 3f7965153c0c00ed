"""OpenLDAP: the embedded directory, where the daemons look up domains, accounts and aliases.

Made files: ``config.ldif`` (the whole cn=config as text), ``schema/*.ldif``; from them
``slapadd -n0`` makes ``slapd.d``, anew whenever the text changes, so nothing in it is worth
editing. Sockets: ``run/openldap/ldapi`` and one port on the loopback address.
Data: ``data/openldap/db`` (LMDB; every write is on disk before it is answered), filled at the
first start with the root of the tree, its branches, the reader and the administrator.

Who may what: root, over the Unix socket with SASL EXTERNAL, everything; the administrator all of
the tree; the reader (the daemons) reads all but passwords; an account reads itself and writes its
own password; nobody else anything.

Standards: RFC 4511 (LDAP), RFC 2849 (LDIF), RFC 2798 (inetOrgPerson), RFC 3062 (password change).
Manual: https://www.openldap.org/doc/admin25/ , slapd-config(5), slapd-mdb(5), slapo-unique(5).
"""
