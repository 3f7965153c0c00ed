"""Accounts for the load: ``1u@bench.test``, ``2u@bench.test`` ..., as smtp-source names them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.load import DOMAIN
from keryx.core import password, process
from keryx.core.secret import Secret
from keryx.settings.site import Site

PASSWORD = "correct horse battery bench"


@dataclass(frozen=True)
class Directory:
    """A running directory as the stock configurations reach it."""

    port: int
    bind_dn: str
    password: str
    user_base: str
    domain_base: str


def of(site: Site) -> Directory:
    """Return how to reach a suite's embedded directory by TCP."""
    access = site.directory
    return Directory(
        site.ldap_port,
        access.bind_dn,
        site.reader_password.reveal(),
        access.user_base,
        access.domain_base,
    )


def entries(site: Site, first: int, last: int, *, pattern: str = "{}u") -> Iterator[str]:
    """Return accounts as LDIF. They share one hash: making 100,000 would take an hour."""
    stored = password.hashed(Secret(PASSWORD))
    base = site.directory.user_base
    for number in range(first, last + 1):
        name = pattern.format(number)
        address = f"{name}@{DOMAIN}"
        yield (
            f"dn: mail={address},{base}\n"
            "objectClass: inetOrgPerson\nobjectClass: mailAccount\n"
            f"cn: {name}\nsn: {name}\ngivenName: Bench\nmail: {address}\n"
            f"mailAlias: alias.{address}\n"
            "mailActive: TRUE\nmailSendOnly: FALSE\nmailSuperUser: FALSE\nmailQuotaMb: 1024\n"
            f"userPassword: {stored}\n\n"
        )


def domain(site: Site) -> str:
    """Return the domain's entry as LDIF."""
    return f"dn: ou={DOMAIN},{site.directory.domain_base}\nobjectClass: organizationalUnit\nou: {DOMAIN}\n\n"


def load(site: Site, last: int, folder: Path) -> None:
    """Add the domain and accounts to a running directory; those that exist stay as they are."""
    path = folder / "accounts.ldif"
    path.write_text(domain(site) + "".join(entries(site, 1, last)))
    path.chmod(0o600)
    # Root needs no password at the Unix socket (SASL EXTERNAL). Status 68: it is there already.
    argv = ["ldapadd", "-c", "-Q", "-Y", "EXTERNAL", "-H", site.ldapi, "-f", str(path)]
    done = process.run(argv, timeout=600, check=False)
    if done.returncode not in (0, 68):
        done = process.run(argv, timeout=600)
