"""SMTP for the cluster's applications: a send-only account each, and a Secret where it runs.

The Secret is the truth about the password: it is made first, and whatever it says the account gets.
So a restart changes nothing, a Secret that was removed comes back with another password, and a
release that is made anew beside the old Secrets works with the passwords that applications have.

The account's full name says whose it is. An account without that name is somebody else's, be it a
person's of the same address, and is never touched. An account that an administrator has switched off
stays off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from keryx.admin import accounts
from keryx.admin.access import reading
from keryx.cluster.api import Cluster
from keryx.cluster.constants import SECRETS, Kind
from keryx.cluster.objects import Body, check_owner, decoded, encoded, frame
from keryx.cluster.settings import Application
from keryx.core import errors, secret
from keryx.core.model import Account
from keryx.settings.site import Site

log = logging.getLogger(__name__)

QUOTA_MB = 1
"""Of an account that receives nothing: the least that it can take of its domain's share."""
SECURITY = "starttls"


@dataclass(frozen=True)
class Server:
    """Where applications hand in their mail."""

    host: str
    port: int
    authority: str
    """The certificate (PEM) that vouches for the server."""

    @classmethod
    def of(cls, site: Site) -> Server:
        """Return the submission port for pods: it never wants a PROXY header."""
        endpoint = site.inside("submission")
        try:
            authority = site.paths.authority.read_text()
        except OSError as error:
            raise errors.BadInput(
                f"The authority's certificate {site.paths.authority} cannot be read: {error.strerror}.",
                remedy="The release mounts it with the other files of tls/.",
            ) from error
        return cls(endpoint.host, endpoint.port, authority)


def full_name(application: Application, mark: str) -> str:
    """Return the account's full name, by which it is known as the application's."""
    return f"Application {application.namespace}/{application.name}{_ending(mark)}"


def _ending(mark: str) -> str:
    return f" of the release {mark}"


def is_ours(account: Account, mark: str) -> bool:
    """Whether the account was made for an application of this release, and still is one."""
    return account.send_only and account.name.endswith(_ending(mark))


def reconcile(
    application: Application,
    address: str,
    server: Server,
    mark: str,
    observed: Body | None,
    generate: Callable[[], str] = secret.generate,
) -> tuple[Body, str]:
    """Return the Secret as it has to be, and its password: the one that is there already, or a new one."""
    password = decoded(((observed or {}).get("data") or {}).get("SMTP_PASSWORD")) or str(generate())
    values: Mapping[str, str] = {
        "SMTP_HOST": server.host,
        "SMTP_PORT": str(server.port),
        "SMTP_USERNAME": address,
        "SMTP_PASSWORD": password,
        "SMTP_SECURITY": SECURITY,
        "SMTP_FROM": address,
        "SMTP_CA": server.authority,
    }
    body = frame(SECRETS, application.namespace, application.secret, mark)
    body["data"] = {key: encoded(value) for key, value in values.items()}
    return body, password


def reconcile_account(
    application: Application, address: str, mark: str, observed: Account | None, *, fits: bool
) -> Sequence[str]:
    """Return what is to be done about an account: ``add``, or any of ``rename`` and ``password``.

    ``fits`` says whether it has the Secret's password. Raises Refused when it is somebody else's.
    """
    if observed is None:
        return ["add"]
    if not is_ours(observed, mark):
        raise errors.Refused(
            f"The account {address} exists and was not made for the application "
            f"{application.namespace}/{application.name}; it was left as it is.",
            remedy="Give the application another address in the chart's values, or remove the account.",
        )
    steps = [] if observed.name == full_name(application, mark) else ["rename"]
    return steps if fits else [*steps, "password"]


@dataclass
class Provider:
    """The duty."""

    cluster: Cluster
    wanted: Sequence[Application]
    mark: str
    load: Callable[[], Site]
    """Reads the settings anew."""
    name: str = "applications"
    watched: Sequence[tuple[Kind, str, str]] = ()
    """None: it would take a connection for each; a Secret that went is found at the resync."""
    _tidy: bool = field(default=False, init=False)

    async def fulfil(self) -> str:
        """Give every application its Secret and its account; remove the accounts of former ones."""
        site = await asyncio.to_thread(self.load)
        addresses = self._addresses(site)
        failed: list[errors.KeryxError] = []
        for application, address in zip(self.wanted, addresses, strict=True):
            try:
                await self._provide(site, Server.of(site), application, address)
            except errors.KeryxError as error:
                failed.append(error)
        if not self._tidy:
            # Once is enough: with another list the operator begins anew.
            await asyncio.to_thread(self._remove_former, site, set(addresses))
            self._tidy = True
        if failed:
            raise _joined(failed)
        return f"{len(self.wanted)} have their accounts and Secrets" if self.wanted else "there are none"

    def _addresses(self, site: Site) -> list[str]:
        found = [one.address or f"{one.name}@{site.settings.domain}" for one in self.wanted]
        twice = sorted({address for address in found if found.count(address) > 1})
        if twice:
            raise errors.BadInput(
                f"Several applications have the address {', '.join(twice)}.",
                remedy="Give each an address of its own (applications[].address).",
            )
        return found

    async def _provide(self, site: Site, server: Server, application: Application, address: str) -> None:
        # Before a Secret is made that nothing would belong to.
        await asyncio.to_thread(self._check, site, application, address)
        observed = await self.cluster.get(SECRETS, application.secret, application.namespace)
        check_owner(observed, self.mark)
        body, password = reconcile(application, address, server, self.mark, observed)
        await self.cluster.apply(SECRETS, body, observed)
        await asyncio.to_thread(self._see_to_account, site, application, address, password)

    def _check(self, site: Site, application: Application, address: str) -> None:
        with reading(site) as directory:
            known = directory.accounts.get(address)
        reconcile_account(application, address, self.mark, known, fits=True)

    def _see_to_account(self, site: Site, application: Application, address: str, password: str) -> None:
        with reading(site) as directory:
            known = directory.accounts.get(address)
            fits = known is not None and directory.accounts.authenticate(site, address, password) is not None
        for step in reconcile_account(application, address, self.mark, known, fits=fits):
            self._carry_out(step, site, application, address, password)

    def _carry_out(
        self, step: str, site: Site, application: Application, address: str, password: str
    ) -> None:
        name = full_name(application, self.mark)
        if step == "add":
            new = accounts.NewAccount(address, password, name, QUOTA_MB, send_only=True)
            done = accounts.add(site, new)
        elif step == "rename":
            done = accounts.change(site, address, accounts.Changes(name=name))
        else:
            done = accounts.set_password(site, address, password)
        log.info("%s: %s", self.name, done.sentences[0])

    def _remove_former(self, site: Site, kept: set[str]) -> None:
        """Remove the accounts of applications that are wanted no longer.

        Nothing is lost with one: it has no mailbox, and its password stays in the Secret, which the
        operator may not even read any more. Wanted again, the application finds all as it was.
        """
        for account in accounts.all_of(site):
            if is_ours(account, self.mark) and account.address not in kept:
                log.info("%s: %s", self.name, accounts.remove(site, account.address).sentences[0])


def _joined(failed: Sequence[errors.KeryxError]) -> errors.KeryxError:
    """Return one error for all; temporary when any is, since then trying again soon helps."""
    kind = errors.Unreachable if any(error.temporary for error in failed) else errors.Refused
    return kind(" ".join(str(error) for error in failed))
