"""The directory of domains, accounts and aliases: the only room that speaks LDAP.

``engine`` connects and maps errors, ``mapping`` turns entries into the model and back, the
repositories (``domains``, ``accounts``, ``aliases``) list, get, add, change and remove.
``schema`` holds the LDIF files that an OpenLDAP server loads; they serve an external one too.
"""
