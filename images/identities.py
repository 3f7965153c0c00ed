"""The system users and groups of every image, with numbers that never change.

A volume keeps numbers, not names: an image of another day, or of another component, must find the
same owners in it. Packages take a user that is there already, so these are made before any package
is installed. A number is never changed nor given to another name; a new name takes the next one.

Run while the shared layers are built: ``python3 identities.py``. Needs the standard library only.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

IDENTITIES: Mapping[str, int] = {
    "keryx": 600,  # the web process
    "keryx-web": 601,  # the gateway
    "keryx-webmail": 602,  # Roundcube's PHP workers
    "vmail": 603,  # every mailbox
    "_rspamd": 604,
    "clamav": 605,
    "dovecot": 606,
    "dovenull": 607,
    "memcache": 608,
    "openldap": 609,
    "postfix": 610,
    "postgres": 611,
    "postsrsd": 612,
    "redis": 613,
    "sogo": 614,
    "unbound": 615,
}
"""Users, each with a group of the same name and number."""

GROUPS: Mapping[str, int] = {
    "postdrop": 650,  # who may put mail into Postfix's maildrop
    "ssl-cert": 651,  # made by PostgreSQL's packages
}
"""Groups without a user."""

HOMES: Mapping[str, str] = {"postgres": "/var/lib/postgresql"}
"""Where a home is looked at; all others have none."""


def commands() -> Sequence[Sequence[str]]:
    """Return the commands that make them all."""
    made: list[Sequence[str]] = []
    for name, number in (*IDENTITIES.items(), *GROUPS.items()):
        made.append(("groupadd", "--system", "--gid", str(number), name))
    for name, number in IDENTITIES.items():
        home = HOMES.get(name, "/nonexistent")
        who = ("--system", "--uid", str(number), "--gid", name, "--no-create-home", "--home-dir", home)
        made.append(("useradd", *who, "--shell", "/usr/sbin/nologin", name))
    return made


if __name__ == "__main__":
    for command in commands():
        subprocess.run(command, check=True)
