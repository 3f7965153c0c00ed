"""The first start: keryx.yaml from a few words, the first account, what to tell the administrator."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keryx.admin import accounts, dns, domains, roles, spam
from keryx.admin.access import reading
from keryx.components import registry
from keryx.core import errors, files
from keryx.core.render import render
from keryx.host import home as homes
from keryx.host.progress import Progress
from keryx.settings import load
from keryx.settings.ports import STANDARD
from keryx.settings.site import Site

ADMINISTRATOR = "administrator"
"""The secret that holds the first account's password."""


@dataclass(frozen=True)
class Wishes:
    """What the command line asked of ``up``."""

    domain: str = ""
    hostname: str = ""
    port_offset: int | None = None
    bind: tuple[str, ...] = ()


def settle(home: Path, config: Path, wishes: Wishes) -> tuple[Site, str]:
    """Return the site and, where there was none, the text of the keryx.yaml to write.

    An existing keryx.yaml is the truth: wishes that contradict it are refused (BadInput).
    """
    if config.exists():
        site = homes.site(home, config)
        _agree(site, config, wishes)
        return site, ""
    if not wishes.domain:
        raise errors.BadInput(
            f"There is no {config} yet, and --domain is missing.",
            remedy="Write: keryx up --domain example.org",
        )
    text = render(
        __package__ or "",
        "keryx.yaml",
        wishes=wishes,
        addresses=[str(_address(text)) for text in wishes.bind],
    )
    return homes.of(home, load.parse(text, registry.settings_model(), "the command line")), text


def reach_directory(site: Site) -> None:
    """Raise KeryxError with the remedy when somebody else's directory cannot be read.

    The suite runs all the same: mail waits (451) and comes in when the directory is back.
    """
    if not site.settings.directory.embedded:
        with reading(site):
            pass


def first_account(site: Site, progress: Progress) -> bool:
    """Make the first domain and the administrator's account at the first start.

    The password is kept in ``secrets/administrator``. In a directory that Keryx may only read,
    the domains get their DKIM keys and nothing else is made. Returns whether anything was done.
    Later starts make nothing, even when the administrator has removed the account since.
    """
    done = site.paths.state / "first-account"
    if done.exists():
        return False
    if site.directory_writable:
        settings = site.settings
        progress.step(f"Adding {settings.domain} and {settings.administrator_address}")
        domains.add(site, settings.domain, if_missing=True)
        # The secret before the account: whoever interrupts here loses no password.
        password = site.secrets.get(ADMINISTRATOR)
        new = accounts.NewAccount(settings.administrator_address, password, "Administrator")
        accounts.add(site, new, if_missing=True)
        roles.add(site, settings.administrator_address)
        progress.done(f"added the domain {settings.domain} and the account {settings.administrator_address}")
    else:
        progress.step("Making DKIM keys")
        domains.make_keys(site)
    files.write(done, "", mode=0o600)
    return True


def personal_settings(site: Site) -> None:
    """Have the filter know what users set about spam: its map may come from another time."""
    with contextlib.suppress(errors.Unreachable):
        spam.write_map(site)


def summary(site: Site) -> Iterator[str]:
    """Say what the administrator wants to know after a start, ending with the next command."""
    settings, offset = site.settings, site.settings.port_offset
    ports = ", ".join(f"{name} {site.port(name)}" for name in STANDARD if site.port(name))
    yield f"Host name      {settings.host}"
    yield f"Ports          {ports}" + (f"  (offset {offset})" if offset else "")
    if site.https_port is not None:
        if settings.webmail != "none":
            yield f"Webmail        {site.web_url('webmail')}/"
        yield f"Administration {site.web_url('admin')}/admin/"
        yield f"Own account    {site.base_url}/account/"
        yield f"Set-up         {site.base_url}/setup shows how mail programs and phones are set up"
    if site.directory_writable:
        yield f"Administrator  {settings.administrator_address}"
        yield f"Password       in {site.secrets.path(ADMINISTRATOR)}"
    else:
        yield f"Directory      {site.directory.uri}, read-only: domains and accounts are made there"
        for sentence in domains.lacking(site):
            yield f"Missing there  {sentence}"
    yield ""
    yield "DNS records to publish:"
    for record in (*dns.host_records(site), *dns.domain_records(site, settings.domain)):
        yield f"  {record.zone}"
    yield ""
    if site.directory_writable:
        then = f"keryx user add NAME@{settings.domain}"
        yield f"Next: keryx doctor checks everything with a real message; {then}"
    else:
        yield "Next: keryx doctor --account ADDRESS --password-stdin checks everything with a real message"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise errors.BadInput(
            f'--bind: "{text}" is not an address.',
            remedy="Write an address of this machine, such as 192.0.2.1.",
        ) from error


def _agree(site: Site, config: Path, wishes: Wishes) -> None:
    settings = site.settings
    for option, wish, fact, key in (
        ("--domain", wishes.domain.lower(), settings.domain, "domain"),
        ("--hostname", wishes.hostname.lower(), settings.host, "hostname"),
        ("--port-offset", wishes.port_offset, settings.port_offset, "port_offset"),
        ("--bind", sorted(wishes.bind), sorted(map(str, settings.bind)), "bind"),
    ):
        if wish not in ("", None, [], fact):
            raise errors.BadInput(
                f"{option} {wish} differs from {key} {fact} in {config}.",
                remedy=f"Edit {key} there and run keryx up, or choose another --home for a second suite.",
            )
