"""Domain names and addresses as settings and commands accept them.

Names are kept in lower case and in A-label form for DNS; see RFC 5890 for the labels and
RFC 5321, section 4.1.2, for addresses.
"""

from __future__ import annotations

import re
import string
from typing import Annotated

import pydantic

LOCAL_CHARACTERS = f"{string.ascii_letters}{string.digits}.-_+=&!#~^'"
"""What the local-part of an address here may be made of: all of RFC 5322's atoms but those that
mean something in paths, patterns or variables of the daemons (``/ % * $ ? { } | ```). An account
that has another one in a tree made elsewhere receives nothing and does not log in. Capitals mean the same as
small letters. Accounts have no ``+``: it begins a sub-address."""
REQUIRED = ("postmaster", "abuse")
"""Local-parts that every domain must have (RFC 2142; RFC 5321, 4.5.1)."""
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LOGIN = re.compile(r"[a-z0-9]([a-z0-9._'-]*[a-z0-9_-])?")
ATOM = re.compile(r"[^\s@()<>\[\]:;,\\\"\x00-\x1f\x7f]+")


def domain_name(text: str) -> str:
    """Return a normalised domain name; raises ValueError with a sentence."""
    name = text.strip().rstrip(".").lower()
    if "." not in name:
        raise ValueError(f'"{text}" has no dot; write a full domain name such as example.org')
    try:
        ascii_name = name.encode("ascii").decode() if name.isascii() else name.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f'"{text}" is not a domain name that DNS can hold') from error
    if len(ascii_name) > 253 or not all(LABEL.fullmatch(part) for part in ascii_name.split(".")):
        raise ValueError(f'"{text}" is not a domain name; use letters, digits and hyphens between dots')
    return ascii_name


def mail_address(text: str) -> str:
    """Return a normalised ``local-part@domain``; raises ValueError with a sentence."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local:
        raise ValueError(f'"{text}" is not an address; write it as name@example.org')
    if len(local.encode()) > 64 or not ATOM.fullmatch(local) or ".." in local or "." in (local[0], local[-1]):
        raise ValueError(
            f'"{text}" has a local-part that mail programs refuse; use letters, digits and . _ -'
        )
    return f"{local.lower()}@{domain_name(domain)}"


def local_address(text: str) -> str:
    """Return a normalised address that this suite can carry; raises ValueError with a sentence."""
    address = mail_address(text)
    local = address.rpartition("@")[0]
    strange = sorted(set(local) - set(LOCAL_CHARACTERS))
    if strange:
        raise ValueError(
            f'"{address}" has {" ".join(strange)} before the @, which an address here cannot have; '
            "use letters a to z, digits and . _ -"
        )
    return address


def login_address(text: str) -> str:
    """Return a normalised address for a new account; raises ValueError with a sentence.

    Narrower: it is a login name too, and people type it. Letters, digits, . _ - and ', not . or a
    sign first, not . last.
    """
    address = local_address(text)
    if not LOGIN.fullmatch(address.rpartition("@")[0]):
        raise ValueError(
            f'"{address}" cannot be an account: its local-part is also a login name; '
            "use letters a to z, digits and . _ - before the @"
        )
    return address


DomainName = Annotated[str, pydantic.AfterValidator(domain_name)]
MailAddress = Annotated[str, pydantic.AfterValidator(mail_address)]
LoginAddress = Annotated[str, pydantic.AfterValidator(login_address)]
