"""What Postfix asks the directory: each lookup table as data.

=============  ==================================  ==========================================
table          question                            answer
=============  ==================================  ==========================================
domains        is this a domain of ours?           its name; an alias domain's target
local_senders  is the sender's domain ours?        DUNNO: no SRS
alias_domains  which address is an address of      the same local-part in the target domain
               an alias domain?
alias_targets  the same                            the target domain's catch-all, ``@domain``
recipients     which account is this address?      the account's ``mail``; active and receiving
                                                   accounts only. An account maps to itself, so
                                                   that a catch-all never takes precedence
lists          where does this alias, list or      its targets (many, also external)
               catch-all (``@domain``) go?
list_members   the same, of full addresses only    its targets. An access table is also asked about
                                                   the domain, its parents and ``user@``, which
                                                   would be three searches for nothing per recipient
blocked        must this address be refused?       550: its account is inactive or send-only
discarded      the same, for members of lists      a target that the transport map discards
senders        who may use this sender address?    the login: the account's ``mail``
super_users    may this login use any sender?      OK
=============  ==================================  ==========================================

``%s`` is the whole key, ``%u@%d`` its two parts: with the latter Postfix skips keys that are no
full address (a bare domain, ``@domain``). It escapes what it inserts (RFC 4515). See ldap_table(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from keryx.settings.directory import ALIAS_DOMAIN
from keryx.settings.site import Site

REFUSAL = "550 5.2.1 This address does not accept mail"
DISCARDED = "discarded@keryx.invalid"
"""Where list members go that must receive nothing (a reserved name, RFC 6761)."""


@dataclass(frozen=True)
class Lookup:
    """One table: the file ``ldap/<name>.cf``."""

    name: str
    base: str
    filter: str
    attribute: str
    result_format: str = ""


def lookups(site: Site) -> list[Lookup]:
    """Return every table, with the site's names of classes and attributes."""
    wanted, access = site.settings.directory, site.directory
    names, extra = wanted.attributes, wanted.filters
    domain = f"(objectClass={wanted.domain_object_class})" + _literal(extra.domain)
    account = f"(objectClass={wanted.account_object_class})" + _literal(extra.account)
    # An alias need not say that it is active; only FALSE switches it off.
    alias = f"(objectClass={wanted.alias_object_class})(!({names.active}=FALSE))" + _literal(extra.alias)
    active, send_only = f"({names.active}=TRUE)", f"({names.send_only}=TRUE)"
    # Without mailboxes no account receives anything.
    receives = f"{active}(!{send_only})" if site.settings.mailboxes else "(!(objectClass=*))"
    full_key = f"(|({names.mail}=%u@%d)({names.alias}=%u@%d))"
    own_key = f"({names.mail}=%u@%d)"
    unwilling = f"(|(!{active}){send_only})" if site.settings.mailboxes else ""
    blocked = f"(&{full_key}{account}{unwilling})"
    users = access.user_base

    def of_domain(key: str) -> str:
        return f"(&(|({wanted.domain_attribute}={key})({ALIAS_DOMAIN}={key})){domain})"

    alias_of = f"(&({ALIAS_DOMAIN}=%d){domain})"
    return [
        Lookup("domains", access.domain_base, of_domain("%s"), wanted.domain_attribute),
        Lookup("local_senders", access.domain_base, of_domain("%d"), wanted.domain_attribute, "DUNNO"),
        # %U: the local-part of the key. Keys without one are not looked up.
        Lookup("alias_domains", access.domain_base, alias_of, wanted.domain_attribute, "%U@%s"),
        Lookup(
            "alias_targets",
            access.domain_base,
            alias_of,
            wanted.domain_attribute,
            "@%s",
        ),
        Lookup("recipients", users, f"(&{full_key}{account}{receives})", names.mail),
        Lookup("lists", access.alias_base, f"(&({names.mail}=%s){alias})", names.target),
        Lookup("list_members", access.alias_base, f"(&({names.mail}=%u@%d){alias})", names.target),
        Lookup("blocked", users, blocked, names.mail, REFUSAL),
        Lookup("discarded", users, blocked, names.mail, DISCARDED),
        Lookup("senders", users, f"(&{full_key}{account}{active})", names.mail),
        Lookup(
            "super_users", users, f"(&{own_key}{account}{active}({names.super_user}=TRUE))", names.mail, "OK"
        ),
    ]


def _literal(text: str) -> str:
    """Return a filter of the settings with its percent signs kept from Postfix."""
    return text.replace("%", "%%")
