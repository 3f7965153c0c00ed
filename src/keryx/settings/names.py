"""Domain names and addresses as settings and commands accept them.

Names are kept in lower case and in A-label form for DNS; see RFC 5890 for the labels and
RFC 5321, section 4.1.2, for addresses.
"""

from __future__ import annotations

import re
from typing import Annotated

import pydantic

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
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


DomainName = Annotated[str, pydantic.AfterValidator(domain_name)]
MailAddress = Annotated[str, pydantic.AfterValidator(mail_address)]
