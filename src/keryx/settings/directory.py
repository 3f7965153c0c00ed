"""Where the accounts are looked up: Keryx's own OpenLDAP or any LDAP server."""

from __future__ import annotations

from pathlib import Path

import pydantic

from keryx.settings.section import Section

ALIAS_DOMAIN = "mailDomainAlias"
"""The attribute of a domain's entry that names its alias domains. Where a directory has no such
attribute, there are none."""


class Attributes(Section):
    """What the directory calls the things Keryx looks for."""

    mail: str = "mail"
    """The account's address and login name."""
    alias: str = "mailAlias"
    """Further addresses of the account (many)."""
    active: str = "mailActive"
    """FALSE: no login, no mail."""
    quota: str = "mailQuotaMb"
    """Limit of the store in MiB; 0 is unlimited."""
    send_only: str = "mailSendOnly"
    """TRUE: may send and receives nothing."""
    super_user: str = "mailSuperUser"
    """TRUE: may use any sender address."""
    target: str = "mailTarget"
    """Where an alias or list of its own delivers to (many)."""


class Filters(Section):
    """Extra LDAP filters, joined by AND to Keryx's own; empty for none (RFC 4515)."""

    domain: str = ""
    """For domains, for example ``(businessCategory=mail)``."""
    account: str = ""
    """For accounts, for example ``(memberOf=cn=mail,ou=groups,dc=example,dc=org)``."""
    alias: str = ""
    """For aliases and lists."""


class Directory(Section):
    """The directory of domains, accounts and aliases (LDAP)."""

    embedded: bool = True
    """Whether Keryx runs its own OpenLDAP; false uses the server at ``uri``."""
    uri: str = ""
    """LDAP URI of an external server: ``ldap://host``, ``ldaps://host``."""
    starttls: bool = False
    """Upgrade an ldap:// connection by StartTLS before anything else is said."""
    ca: Path | None = None
    """Certificate authority that signed the external server's certificate (PEM file)."""
    root_dn: str = ""
    """Root of the tree; derived from ``domain`` when empty: example.org is dc=example,dc=org."""
    domain_base: str = "ou=domains"
    """Where domains are, relative to ``root_dn``."""
    user_base: str = "ou=users"
    """Where accounts are, relative to ``root_dn``."""
    alias_base: str = "ou=aliases"
    """Where aliases and lists of their own are, relative to ``root_dn``."""
    bind_dn: str = "cn=reader"
    """Who the daemons bind as: may search, may not write. Relative to ``root_dn``, or a full DN
    when it contains it or the server is external."""
    bind_password_file: Path | None = None
    """File with its password; needed with an external server, made by Keryx otherwise."""
    admin_dn: str = "cn=admin"
    """Who ``keryx user add`` and the like bind as."""
    admin_password_file: Path | None = None
    """File with its password; leave it empty with an external server that Keryx must not write."""
    attributes: Attributes = Attributes()
    """Attribute names; the defaults are the schema that Keryx ships."""
    filters: Filters = Filters()
    """Further conditions an entry must meet."""
    domain_attribute: str = "ou"
    """The attribute of a domain's entry that holds its name."""
    domain_object_class: str = "organizationalUnit"
    """The object class of a domain's entry."""
    account_object_class: str = "mailAccount"
    """The object class of an account's entry."""
    alias_object_class: str = "mailGroup"
    """The object class of an alias's or list's own entry."""
    timeout: int = pydantic.Field(default=5, ge=1, le=60)
    """Seconds to wait for an answer before a lookup counts as failed (and mail is deferred)."""

    @pydantic.model_validator(mode="after")
    def _external_is_complete(self) -> Directory:
        if self.embedded:
            if self.uri:
                raise ValueError("uri is set but embedded is true; set embedded: false to use it")
            if self.attributes != Attributes():
                raise ValueError(
                    "attributes are for an external directory; the embedded one has Keryx's own schema"
                )
            return self
        if not self.uri.startswith(("ldap://", "ldaps://", "ldapi://")):
            raise ValueError('an external directory needs uri, such as "ldaps://ldap.example.org"')
        if self.starttls and not self.uri.startswith("ldap://"):
            raise ValueError("starttls works with ldap:// only; use one of the two")
        if self.bind_password_file is None:
            raise ValueError(
                "an external directory needs bind_password_file, a file with the password of bind_dn"
            )
        if not self.root_dn:
            raise ValueError("an external directory needs root_dn, the root of its tree")
        return self
