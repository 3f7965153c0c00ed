"""The directory as its owner changes it without Keryx: ldapadd, ldapmodify, ldappasswd."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keryx.core.process import Completed, run
from keryx.settings.site import Site


@dataclass(frozen=True)
class Ldap:
    """ldap-utils at one server, bound as one person; the password comes from a file."""

    uri: str
    dn: str
    password_file: Path
    ca: Path | None = None
    """Who vouches for the server, where TLS is spoken."""

    @classmethod
    def admin(cls, site: Site) -> Ldap:
        """The directory's administrator, at the port of the embedded server."""
        secret = site.paths.secrets / "ldap-admin"
        return cls(f"ldap://127.0.0.1:{site.ldap_port}", site.directory.admin_dn, secret)

    def tool(self, name: str, *arguments: str, input: str = "", check: bool = True) -> Completed:
        """Run one of ldap-utils."""
        env = {"LDAPTLS_CACERT": str(self.ca)} if self.ca else {}
        words = [name, "-x", "-H", self.uri, "-D", self.dn, "-y", str(self.password_file), *arguments]
        return run(words, input=input, check=check, env=env)

    def add(self, *entries: str) -> None:
        """Add entries given as LDIF."""
        self.tool("ldapadd", input="\n".join(entries))

    def replace(self, dn: str, attribute: str, *values: str) -> None:
        """Give an attribute other values."""
        lines = [f"{attribute}: {value}" for value in values]
        self.tool(
            "ldapmodify",
            input="\n".join([f"dn: {dn}", "changetype: modify", f"replace: {attribute}", *lines, ""]),
        )

    def delete(self, dn: str) -> None:
        """Remove an entry."""
        self.tool("ldapdelete", dn)


def domain(site: Site, name: str) -> str:
    """Return a domain's entry as an existing tree has it."""
    base = site.directory.domain_base
    return f"dn: ou={name},{base}\nobjectClass: organizationalUnit\nou: {name}\n"


def account_dn(site: Site, address: str) -> str:
    """Return the name of an account's entry."""
    return f"mail={address},{site.directory.user_base}"


def account(site: Site, address: str, stored: str, *aliases: str, **attributes: str) -> str:
    """Return an account's entry as an existing tree has it; ``stored`` is its ``userPassword``."""
    values = {
        "mailActive": "TRUE",
        "mailQuotaMb": "100",
        "mailSendOnly": "FALSE",
        "mailSuperUser": "FALSE",
        **attributes,
    }
    lines = [
        f"dn: {account_dn(site, address)}",
        "objectClass: inetOrgPerson",
        "objectClass: mailAccount",
        "cn: Alice Liddell",
        "sn: Liddell",
        "givenName: Alice",
        f"mail: {address}",
        f"userPassword: {stored}",
        *(f"mailAlias: {alias}" for alias in aliases),
        *(f"{name}: {value}" for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"
