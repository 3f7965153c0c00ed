"""Who may do what: the one place where that is decided.

Three roles. A **site** administrator may do everything. A **domain** administrator works within his
domains. A **user** works on the own account. API keys have one of the first two and are further bound to
their domains and to reading or writing.

``ACTIONS`` says for every action which role it needs and over what. ``check`` raises Forbidden. Beyond
that table one rule stands for all: **nobody reaches above himself**. What would change an account that
has a higher role (a site administrator, an administrator of a domain that is not the actor's, an account
that may use any sender) is refused to a domain administrator, whatever the action; he would else take
that role over by a new password or a redirected mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from keryx.admin import addresses, roles
from keryx.core import errors
from keryx.core.model import Account
from keryx.settings.site import Site

Role = Literal["site", "domain", "user"]
Access = Literal["read", "write"]
Via = Literal["session", "key", "cli"]


@dataclass(frozen=True)
class Actor:
    """Who acts: made from a session or an API key."""

    address: str
    role: Role
    domains: frozenset[str] = frozenset()
    """Domains of a domain administrator; empty for the other roles."""
    access: Access = "write"
    via: Via = "session"
    ip: str = ""


@dataclass(frozen=True)
class Action:
    """What an action needs."""

    scope: Literal["site", "domain", "account", "anyone"]
    """``site``: a site administrator. ``domain``: over one domain, its administrator. ``account``: over
    one account, its owner or the administrator of its domain. ``anyone``: whoever is signed in."""
    writes: bool = False
    people: bool = False
    """Only for people who are signed in, never for a key."""


def _read(scope: Literal["site", "domain", "account", "anyone"]) -> Action:
    return Action(scope)


def _write(scope: Literal["site", "domain", "account", "anyone"]) -> Action:
    return Action(scope, writes=True)


ACTIONS: Mapping[str, Action] = {
    # the suite
    "status.read": _read("site"),
    "checks.read": _read("site"),
    "checks.run": _write("site"),
    "statistics.read": _read("site"),
    "settings.read": _read("site"),
    "queue.read": _read("site"),
    "queue.change": _write("site"),
    "audit.read": _read("site"),
    "rspamd.use": Action("site", writes=True, people=True),
    "announcements.read": _read("anyone"),
    "announcements.change": _write("site"),
    "administrators.read": _read("site"),
    "administrators.change": _write("site"),
    # domains; lists are open to administrators and show only what is theirs (see visible_domains)
    "domain.list": _read("domain"),
    "domain.read": _read("domain"),
    "domain.add": _write("site"),
    "domain.change": _write("domain"),
    "domain.limits": _write("site"),
    "domain.remove": _write("site"),
    "domain.dns": _read("domain"),
    "domain.dkim.read": _read("domain"),
    "domain.dkim.make": _write("domain"),
    "domain.administrators.read": _read("domain"),
    "domain.administrators.change": _write("domain"),
    "domain.alias-domains.read": _read("domain"),
    "domain.alias-domains.change": _write("site"),
    "trace.read": _read("domain"),
    # accounts
    "account.list": _read("domain"),
    "account.read": _read("account"),
    "account.add": _write("domain"),
    "account.change": _write("domain"),
    "account.super-user": _write("site"),
    "account.host": _write("site"),
    "account.remove": _write("domain"),
    "account.password": _write("account"),
    "account.quota": _read("account"),
    "account.setup": _read("account"),
    "forwarding.read": _read("account"),
    "forwarding.change": _write("account"),
    "vacation.read": _read("account"),
    "vacation.change": _write("account"),
    "filters.read": _read("account"),
    "filters.change": _write("account"),
    "spam.read": _read("account"),
    "spam.change": _write("account"),
    "preferences.read": _read("account"),
    "preferences.change": _write("account"),
    "mail-sessions.read": _read("account"),
    "mail-sessions.end": _write("account"),
    # aliases
    "alias.list": _read("domain"),
    "alias.read": _read("domain"),
    "alias.add": _write("domain"),
    "alias.change": _write("domain"),
    "alias.remove": _write("domain"),
    # the actor's own
    "session.read": _read("anyone"),
    "session.end": Action("anyone", writes=True, people=True),
    "api-keys.read": Action("domain", people=True),
    "api-keys.change": Action("domain", writes=True, people=True),
}
"""Every action of the web side. ``domain`` actions without a domain (lists, own keys) need the role only."""


def check(site: Site, actor: Actor, action: str, *, domain: str = "", account: str = "") -> None:
    """Raise Forbidden unless the actor may do this, to this domain or account.

    ``account`` may be any address of the directory's account or one that is still to be made. The roles of
    the account are looked up here, so that no caller can forget them.
    """
    wanted = ACTIONS[action]
    standing = roles.NOBODY
    if account and wanted.writes and actor.role != "site" and not _is_own(actor, account):
        standing = roles.standing(site, account)
    problem = refusal(actor, action, domain=domain, account=account, standing=standing)
    if problem:
        raise errors.Forbidden(problem)


def check_addresses(actor: Actor, changed: Iterable[str]) -> None:
    """Raise Forbidden when an address to be given or taken is in a domain that is not the actor's.

    For aliases of accounts, which may be in another domain than the account itself.
    """
    if actor.role == "site":
        return
    for address in changed:
        if addresses.domain_of(address) not in actor.domains:
            raise errors.Forbidden(f"{address} is in a domain that {actor.address} does not administer.")


def check_account_change(site: Site, actor: Actor, before: Account, after: Account) -> None:
    """Raise Forbidden unless the actor may make this account so; ``before`` equals a new one's defaults."""
    check(site, actor, "account.change", account=before.address)
    if before.super_user != after.super_user:
        check(site, actor, "account.super-user", account=before.address)
    if before.host != after.host:
        check(site, actor, "account.host", account=before.address)
    check_addresses(actor, sorted(set(before.aliases) ^ set(after.aliases)))


def check_grant(site: Site, actor: Actor, address: str, domain: str) -> None:
    """Raise Forbidden unless the actor may give or take this role; an empty domain is the site's."""
    if domain:
        check(site, actor, "domain.administrators.change", domain=domain)
    else:
        check(site, actor, "administrators.change")


def check_key(actor: Actor, role: str, domains: Iterable[str]) -> None:
    """Raise Forbidden unless the actor may make a key of this role over these domains."""
    if actor.role == "site":
        return
    if role != "domain" or not set(domains) or not set(domains) <= actor.domains:
        raise errors.Forbidden("A key may not do more than who makes it: name some of your own domains.")


def visible_domains(actor: Actor) -> frozenset[str] | None:
    """Return the domains whose contents the actor may list; None for all."""
    if actor.role == "site":
        return None
    return actor.domains if actor.role == "domain" else frozenset()


def refusal(
    actor: Actor,
    action: str,
    *,
    domain: str = "",
    account: str = "",
    standing: roles.Standing = roles.NOBODY,
) -> str:
    """Return why the actor may not do this, or nothing. Pure: the matrix of the tests is about it."""
    wanted = ACTIONS[action]
    if wanted.writes and actor.access != "write":
        return "This API key may only read."
    if wanted.people and actor.via == "key":
        return "This needs a person who is signed in; an API key cannot do it."
    problem = _without_role(actor, wanted, domain or addresses.domain_of(account), account)
    free = actor.role == "site" or _is_own(actor, account) or wanted.scope == "anyone"
    if problem or free or not wanted.writes:
        return problem
    if standing.role == "site" or standing.super_user or not standing.domains <= actor.domains:
        return f"{account} has rights that {actor.address} has not; a site administrator can do this."
    return ""


def _is_own(actor: Actor, account: str) -> bool:
    """Whether it is the actor's own account. A key is not its owner: it may be bound to less."""
    return account == actor.address and actor.via != "key"


def _without_role(actor: Actor, wanted: Action, domain: str, account: str) -> str:
    """Return why the role does not do, or nothing."""
    if actor.role == "site" or wanted.scope == "anyone":
        return ""
    if wanted.scope == "account" and _is_own(actor, account):
        return ""
    if wanted.scope == "site":
        return "Only a site administrator may do this."
    if actor.role == "user":
        return "Only an administrator may do this."
    if domain and domain not in actor.domains:
        return f"{domain} is not among the domains that {actor.address} administers."
    return ""
