"""The suite in a root of Debian 13: the daemons of the images' release, without containers.

The root is that of script/trixie. Each command runs in mounts of its own, which its daemons keep;
network and processes are the machine's.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

from bench.daemons import BenchError
from bench.delivery import say
from bench.services import CHECKOUT
from bench.suite import Suite
from bench.variant import Place
from keryx.core import process

ROOT = Path(os.environ.get("KERYX_TRIXIE", "/var/cache/keryx-tests/trixie-suite"))
RELEASE = "13"
INSIDE = """
root=$1 checkout=$2 home=$3; shift 3
mkdir -p "$root$home"
mount --rbind /proc "$root/proc" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" &&
    mount --bind "$checkout" "$root/keryx" && mount --bind "$home" "$root$home" &&
    exec chroot "$root" /keryx/keryx "$@" --home "$home"
"""


def is_here() -> bool:
    """Whether this machine is of that release itself."""
    found = platform.freedesktop_os_release()
    return (found.get("ID"), found.get("VERSION_ID")) == ("debian", RELEASE)


class Trixie(Suite):
    """The suite, started by ``keryx up`` in the root."""

    def start(self, place: Place) -> None:
        if not (ROOT / "keryx").exists():
            say(f"making a root of Debian {RELEASE} in {ROOT}: some minutes")
            process.run([CHECKOUT / "script/trixie", "--version"], timeout=1800)
        super().start(place)

    def stop(self) -> None:
        super().stop()
        if self._place is not None:
            with contextlib.suppress(OSError):
                (ROOT / self.home.relative_to("/")).rmdir()

    def keryx(
        self, *words: str, timeout: float = 120, check: bool = True, input: str | None = None
    ) -> process.Completed:
        paths = map(str, (ROOT, CHECKOUT, self.home))
        argv = ["unshare", "--mount", "sh", "-c", INSIDE, "sh", *paths, *words]
        env = {"KERYX_VENV": "/opt/keryx-venv", "HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        # The packages are installed by the first one.
        done = process.run(argv, timeout=max(timeout, 900), check=False, input=input, env=env)
        if check and done.returncode != 0:
            raise BenchError(f"keryx {' '.join(words)}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done
