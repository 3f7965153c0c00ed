"""The entries that an empty directory starts with, as LDIF (RFC 2849)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence

from keryx.core import errors
from keryx.settings.site import DirectoryAccess

Pairs = list[tuple[str, str]]

CLASSES = {
    "ou": ("organizationalUnit",),
    "o": ("organization",),
    "dc": ("dcObject", "organization"),
    "cn": ("organizationalRole",),
}
"""Object classes by the attribute that names the entry."""


def branches(access: DirectoryAccess) -> list[str]:
    """Return the names of the root, the bases and their parents, parents first."""
    found: list[str] = []
    for leaf in (access.domain_base, access.user_base, access.alias_base):
        found += [name for name in lineage(leaf, access.root_dn) if name not in found]
    return found


def people(access: DirectoryAccess) -> list[str]:
    """Return the names of those who log in for the suite: the reader and the administrator."""
    return [access.bind_dn, access.admin_dn]


def lineage(name: str, root: str) -> list[str]:
    """Return ``name`` and its parents up to the root, the root first."""
    names = [name]
    while names[0].lower() != root.lower():
        _, _, parent = _cut(names[0])
        names.insert(0, parent)
    return names


def entry(name: str, password_hash: str = "") -> str:
    """Return the entry of that name; with a hash it may log in."""
    attribute, value, _ = _cut(name)
    classes = CLASSES.get(attribute.lower())
    if classes is None:
        raise errors.BadInput(
            f'directory: "{name}" starts with {attribute}=, which Keryx cannot create.',
            remedy=f"Use one of {', '.join(f'{key}=' for key in CLASSES)} in root_dn and the bases.",
        )
    pairs: Pairs = [("dn", name), *(("objectClass", kind) for kind in ("top", *classes))]
    pairs.append((attribute, value))
    if attribute.lower() == "dc":
        pairs.append(("o", value))
    if password_hash:
        pairs += [("objectClass", "simpleSecurityObject"), ("userPassword", password_hash)]
    return ldif(pairs)


def new_password(name: str, password_hash: str) -> str:
    """Return the change that gives the entry another password."""
    return ldif(
        [("dn", name), ("changetype", "modify"), ("replace", "userPassword"), ("userPassword", password_hash)]
    )


def ldif(pairs: Iterable[tuple[str, str]]) -> str:
    """Return one record; values that LDIF cannot show plainly are in base 64."""
    lines = []
    for name, value in pairs:
        plain = re.fullmatch(r"[!-9;=-~][ -~]*(?<! )", value) is not None
        lines.append(f"{name}: {value}" if plain else f"{name}:: {base64.b64encode(value.encode()).decode()}")
    return "\n".join(lines) + "\n\n"


def names(text: str) -> list[str]:
    """Return the names of the entries in slapcat's output, in its order: parents first."""
    unfolded = text.replace("\n ", "")
    found = re.findall(r"^dn(::?) (.*)$", unfolded, re.MULTILINE)
    return [base64.b64decode(value).decode() if colons == "::" else value for colons, value in found]


def _cut(name: str) -> tuple[str, str, str]:
    """Return attribute and value of the first part of a distinguished name, and the rest."""
    parts: Sequence[str] = re.split(r"(?<!\\),", name, maxsplit=1)
    attribute, _, value = parts[0].partition("=")
    return attribute.strip(), re.sub(r"\\(.)", r"\1", value.strip()), parts[1] if len(parts) > 1 else ""
