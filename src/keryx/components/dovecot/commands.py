"""Dovecot's own commands: one typed function each.

Those that speak to the running Dovecot raise NotReady when it does not run.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

from keryx.core import errors
from keryx.core.process import Completed, run, until
from keryx.settings.names import local_address
from keryx.settings.site import Site

NO_USER = 67
"""EX_NOUSER of sysexits.h: the account does not exist."""


@dataclass(frozen=True)
class QuotaUse:
    """How full a mailbox is, in MiB; ``limit`` is None when it is unlimited."""

    used: float
    limit: float | None


def validate(conf: Path) -> None:
    """Let Dovecot read its configuration; raises CommandFailed with its words."""
    run(["doveconf", "-c", conf, "-n"])


def compile_sieve(conf: Path, script: Path) -> bool:
    """Compile a Sieve script unless its binary is newer; return whether it was compiled.

    Newer than the script, than the configuration (which extensions there are) and than the
    compiler as it was installed: each version reads only binaries of its own.
    """
    binary = script.with_suffix(".svbin")
    newest = max(script.stat().st_mtime, conf.stat().st_mtime, _installed_at("sievec"))
    if binary.exists() and binary.stat().st_mtime > newest:
        return False
    run(["sievec", "-c", conf, script, binary])
    binary.chmod(0o644)
    return True


def _installed_at(program: str) -> float:
    path = shutil.which(program)
    return Path(path).stat().st_ctime if path else 0


def reload(site: Site) -> None:
    """Make the running Dovecot take up its changed configuration; sessions go on.

    With ``shutdown_clients = no`` the auth processes of before would also go on, for as long as
    a client holds them: Postfix does. They know the old settings and what they remember of
    passwords is out of ``doveadm auth cache flush``'s reach, so they end here.
    """
    # Looked at before the reload: after it, the new ones would be taken for old.
    master, old = _processes(site)
    doveadm(site, "reload")
    with contextlib.suppress(psutil.NoSuchProcess):
        if master is not None:
            until(lambda: not old.issuperset(master.children()), 10)
    for process in old:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "".join(process.cmdline()[:1]).endswith("/auth"):
                process.terminate()


def _processes(site: Site) -> tuple[psutil.Process | None, set[psutil.Process]]:
    """Return Dovecot's master, None when it does not run, and the master's children."""
    try:
        master = psutil.Process(int((site.paths.run("dovecot") / "master.pid").read_text()))
        return master, set(master.children())
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None, set()


def flush(site: Site, *addresses: str) -> int:
    """Forget what is remembered of an account, or of all; return how many entries went.

    What was looked up by an alias (quota, activity) is remembered under the alias: name the aliases
    too where that matters.
    """
    words = doveadm(site, "auth", "cache", "flush", "--", *addresses).stdout.split()
    return int(words[0]) if words and words[0].isdigit() else 0


def kick(site: Site, address: str) -> None:
    """End every session of an account."""
    # 68 (EX_NOHOST): there was none.
    doveadm(site, "kick", "--", address, accept=(68,))


def quota_use(site: Site, address: str) -> QuotaUse | None:
    """Return how full a mailbox is; None when there is no such account."""
    # Quota name Type    Value Limit %     (tabs with -f tab; sizes in KiB, "-" for no limit)
    # User quota STORAGE 12    1048576 0
    done = doveadm(site, "-f", "tab", "quota", "get", "-u", address, accept=(NO_USER,))
    if done.returncode == NO_USER:
        return None
    for line in done.stdout.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) >= 4 and cells[1] == "STORAGE" and cells[2].isdigit():
            limit = int(cells[3]) / 1024 if cells[3].isdigit() else None
            return QuotaUse(int(cells[2]) / 1024, limit)
    raise errors.NotReady(f"Dovecot does not tell the quota of {address}: {done.stdout.strip()[:200]!r}.")


def exists(site: Site, address: str) -> bool:
    """Whether Dovecot finds the account in the directory."""
    return doveadm(site, "user", address, accept=(NO_USER,)).returncode == 0


def search(site: Site, address: str, *query: str) -> list[tuple[str, int]]:
    """Return (folder GUID, UID) of every message that fits a doveadm-search-query(7)."""
    found = []
    for line in doveadm(site, "search", "-u", address, *query).stdout.splitlines():
        guid, _, uid = line.partition(" ")
        found.append((guid, int(uid)))
    return found


def mailbox_path(site: Site, address: str) -> Path:
    """Return the folder that holds the account's mail."""
    try:
        local, _, domain = local_address(address).rpartition("@")
    except ValueError as error:
        raise errors.BadInput(f"{error}.") from error
    return site.paths.data("dovecot") / "mail" / domain / local


def purge(site: Site, address: str) -> bool:
    """Remove the account's mailbox for good; return whether there was one.

    The folder is moved aside first, so that a session that still runs, or a new account of the
    same address, meets no half-removed mailbox.
    """
    path = mailbox_path(site, address)
    aside = path.with_name(f".removed-{uuid.uuid4().hex}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    shutil.rmtree(aside)
    return True


def doveadm(site: Site, *arguments: str, input: str | None = None, accept: tuple[int, ...] = ()) -> Completed:
    """Run doveadm against this suite; raises NotReady when Dovecot does not run."""
    conf = site.paths.etc("dovecot") / "dovecot.conf"
    running = site.paths.run("dovecot") / "master.pid"
    if not conf.exists() or not running.exists():
        raise errors.NotReady("Dovecot does not run.", remedy="Start it with: keryx up")
    done = run(["doveadm", "-c", conf, *arguments], input=input, check=False)
    if done.returncode == 0 or done.returncode in accept:
        return done
    if done.returncode == 75 or "connect(" in done.stderr:
        raise errors.NotReady(f"Dovecot does not answer: {_last(done.stderr)}")
    raise errors.CommandFailed(["doveadm", *arguments], done.returncode, done.stdout, done.stderr)


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def forget_dead_master(pidfile: Path) -> None:
    """Remove the number of a master that is gone.

    After a power cut another process may have been given it, and Dovecot would take that one for
    itself and refuse to start.
    """
    try:
        pid = int(pidfile.read_text())
    except (FileNotFoundError, ValueError):
        return
    try:
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        alive = program.endswith(b"dovecot")
    except OSError:
        alive = False
    if not alive:
        pidfile.unlink(missing_ok=True)


# --- who is there


@dataclass(frozen=True)
class Connection:
    """A mail program that is connected."""

    service: str
    """``imap``, ``pop3`` or ``sieve``."""
    ip: str


def who(site: Site, address: str) -> list[Connection]:
    """Return the connections of an account."""
    # With -1 (one line each) and -f tab; the second column is called "service" from 2.4 on:
    # username          proto pid   ip
    # alice@example.org imap  24399 192.0.2.7
    said = doveadm(site, "-f", "tab", "who", "-1", "--", address).stdout
    lines = [line.split("\t") for line in said.splitlines()]
    if not lines:
        return []
    rows = [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]
    return [
        Connection(row.get("proto") or row.get("service", ""), row.get("ip", ""))
        for row in rows
        if row.get("username") == address
    ]


# --- personal Sieve scripts (doveadm-sieve(1))

BAD_SCRIPT, NO_SCRIPT = 65, 68
"""EX_DATAERR and EX_NOHOST: the script does not compile; there is none of that name."""


def sieve_put(site: Site, address: str, name: str, script: str) -> None:
    """Store a script of an account; raises BadInput with the compiler's words, and NotFound."""
    accepted = (BAD_SCRIPT, NO_USER)
    done = doveadm(site, "sieve", "put", "-u", address, name, input=script, accept=accepted)
    _check_user(done, address)
    if done.returncode == BAD_SCRIPT:
        raise errors.BadInput(f"The Sieve script is not accepted: {_complaint(done.stderr)}")


def sieve_delete(site: Site, address: str, name: str) -> bool:
    """Remove a script of an account; return whether there was one. Raises NotFound."""
    done = doveadm(site, "sieve", "delete", "-u", address, name, accept=(NO_SCRIPT, NO_USER))
    _check_user(done, address)
    return done.returncode == 0


def _check_user(done: Completed, address: str) -> None:
    if done.returncode == NO_USER:
        raise errors.NotFound(f"There is no account {address}.")


def _complaint(text: str) -> str:
    """Return the first error of ``doveadm(alice@example.org): Error: sieve: keryx: line 2: expected ...``."""
    first = (text.strip().splitlines() or ["it does not say why"])[0]
    return re.sub(r"^.*?sieve: \S+: ", "", first).rstrip(".") + "."
