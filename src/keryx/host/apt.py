"""Installing Debian packages without starting their daemons.

It imports the kernel only: an image's build runs it with nothing else of Keryx there, as
``python3 -m keryx.host.apt PACKAGE ...``, so that changed code makes no packages be installed anew.
There nothing of apt's own stays behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from keryx.core import debian, errors, files
from keryx.core.process import run

POLICY = Path("/usr/sbin/policy-rc.d")
DENIAL = "#!/bin/sh\n# Made by Keryx for the time of an installation.\nexit 101\n"
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/keryx.conf")
"""Read by PostgreSQL's packages when they are installed (pg_createcluster(1))."""

PUT_OFF = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LEFTOVERS = (Path("/var/lib/apt/lists"), Path("/var/log"))
"""What an installation leaves and an image has no use for."""

# What the packages would otherwise ask, or make: a directory, a mail system, a database of their own.
ANSWERS = """\
slapd slapd/no_configuration boolean true
postfix postfix/main_mailer_type select No configuration
roundcube-core roundcube/dbconfig-install boolean false
roundcube-core roundcube/reconfigure-webserver multiselect
"""


def install(names: Sequence[str]) -> None:
    """Install packages without starting their services, now or at the next boot.

    Raises KeryxError naming the packages when apt cannot get them. Who ends this process meanwhile
    waits until apt has finished.
    """
    with _to_the_end():
        _install(names)


def _install(names: Sequence[str]) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    run(["debconf-set-selections"], input=ANSWERS)
    try:
        with _services_stay_down(), _no_database_cluster():
            run(["apt-get", "update", "-q"], env=environment, timeout=600)
            # Another apt, such as the nightly one, may be at work: wait for it.
            options = ["-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
            argv = ["apt-get", "install", *options, *names]
            # In a session of its own no terminal's ^C reaches it.
            run(["setsid", "--wait", *argv], env=environment, timeout=3600)
    except errors.CommandFailed as error:
        raise errors.KeryxError(
            f"These packages are missing and could not be installed: {' '.join(names)}. apt-get says: "
            f"{_last_complaint(error)}",
            remedy="Check the network and the package sources (apt-get update), or install them from a "
            "medium of your own; then run keryx up again.",
        ) from error
    finally:
        debian.forget()
        # Also of those that were installed before something went wrong.
        _mask_services(names)


@contextlib.contextmanager
def _to_the_end() -> Iterator[None]:
    """Put signals off that would end this process: packages would be left half installed."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        # The terminal may be what is gone.
        with contextlib.suppress(OSError):
            os.write(2, b"keryx: apt is at work; this ends when it has finished.\n")
        heard.append(number)

    # Not those that are ignored already, as in a shell's background or below nohup(1).
    heeded = [number for number in PUT_OFF if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in heeded}
    try:
        yield
    finally:
        for put_off, handler in before.items():
            signal.signal(put_off, handler)
        for number in heard[:1]:
            signal.raise_signal(number)


def _last_complaint(error: errors.CommandFailed) -> str:
    lines = [line for line in error.stderr.splitlines() if line.startswith(("E:", "Err:"))]
    return lines[-1] if lines else error.sentence


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """Deny every service start while packages are installed (policy-rc.d, Debian Policy 9.3.3)."""
    # An existing policy is somebody else's (a container's usually denies everything as well), unless an
    # installation of ours was cut off.
    kept = (POLICY.read_bytes(), POLICY.stat().st_mode & 0o7777) if POLICY.exists() else None
    if kept and kept[0] == DENIAL.encode():
        kept = None
    files.write(POLICY, DENIAL, mode=0o755)
    try:
        yield
    finally:
        if kept is None:
            POLICY.unlink(missing_ok=True)
        else:
            files.write(POLICY, kept[0], mode=kept[1])


@contextlib.contextmanager
def _no_database_cluster() -> Iterator[None]:
    """Keep PostgreSQL's packages from making a cluster of their own, which would start at every boot."""
    files.write(NO_CLUSTER, "# Made by Keryx for the time of an installation.\ncreate_main_cluster = false\n")
    try:
        yield
    finally:
        NO_CLUSTER.unlink(missing_ok=True)
        for folder in (NO_CLUSTER.parent, NO_CLUSTER.parent.parent):
            # Only folders that hold nothing: ours, when no PostgreSQL was installed after all.
            with contextlib.suppress(OSError):
                folder.rmdir()


def _mask_services(names: Sequence[str]) -> None:
    """Keep the freshly installed packages' own units from starting at boot (systemd only)."""
    if not Path("/usr/bin/systemctl").exists():
        return
    units = []
    for name in names:
        for line in run(["dpkg", "-L", name], check=False).stdout.splitlines():
            path = Path(line)
            if path.parent.name == "system" and path.suffix in (".service", ".socket", ".timer"):
                units.append(path.name)
            elif path.parent == Path("/etc/init.d"):
                units.append(f"{path.name}.service")
    whole = sorted({unit for unit in units if "@" not in unit})
    if whole:
        run(["systemctl", "mask", *whole], check=False)


def _main(names: Sequence[str]) -> None:
    install(names)
    run(["apt-get", "clean"])
    for folder in LEFTOVERS:
        for path in sorted(folder.rglob("*"), reverse=True):
            if not path.is_dir():
                path.unlink()


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except errors.KeryxError as failure:
        sys.exit(str(failure))
