"""Daemons that outlived their supervisor: found by the home they work in, and ended.

After a supervisor was killed its daemons live on, hold the ports and would fight the new ones
for the queue and the mailboxes. Each was noted when it started; their children keep their work
directory or their command line in the home.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from keryx.core import files


def find(home: Path) -> list[psutil.Process]:
    """Return processes that belong to the home's daemons, whoever their parent is."""
    here = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    noted = _noted(home)
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in here
        and (process.pid in noted or _belongs(process, home))
        and _sees(process, home)
        and _lives(process)
    ]


def _sees(process: psutil.Process, home: Path) -> bool:
    """Whether a process has this machine's files before it, or is confined to a part of this home.

    In a container, or in a root of its own, another suite has its home at the same path.
    """
    root = Path(f"/proc/{process.pid}/root")
    try:
        where = root.readlink()
        return (where == Path("/") or where.is_relative_to(home.resolve())) and root.samefile(where)
    except OSError:
        return False


def note(home: Path, component: str) -> None:
    """Note that this very process is about to become the component's daemon.

    Some daemons (Rspamd) overwrite their command line and work in /: nothing else tells whose
    they are.
    """
    text = f"{os.getpid()} {psutil.Process().create_time()}\n"
    files.write(home / "state" / f"{component}.pid", text, mode=0o600)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _noted(home: Path) -> set[int]:
    """Return the noted daemons that still live, with their children."""
    found = set()
    for path in (home / "state").glob("*.pid"):
        try:
            pid, created = path.read_text().split()
            process = psutil.Process(int(pid))
            # The number may have been given to another process since.
            if abs(process.create_time() - float(created)) < 1:
                found |= {process.pid, *(child.pid for child in process.children(recursive=True))}
        except (ValueError, psutil.NoSuchProcess):
            continue
    return found


def end(home: Path, *, grace: float = 10) -> int:
    """End them: politely, and after ``grace`` seconds for good. Returns how many there were."""
    processes = find(home)
    for process in processes:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=grace)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=grace)
    return len(processes)


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        words = process.cmdline()
        if "keryx.cli.main" in words and "run" not in words:
            # Somebody's command about this home, not one of its daemons.
            return False
        own = (f"{home}/etc/", f"{home}/run/")
        if any(word.startswith(own) or f"={home}/etc/" in word for word in words[1:]):
            return words[0].rpartition("/")[2] not in EDITORS
        where = Path(process.cwd())
        return any(where.is_relative_to(home / part) for part in ("data", "run")) and _is_daemon(process)
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
        return False


EDITORS = {"vi", "vim", "nano", "less", "tail", "cat", "grep", "emacs", "bash", "sh"}


def _is_daemon(process: psutil.Process) -> bool:
    # A shell that somebody left standing in the spool has a terminal; a daemon has none.
    return process.terminal() is None


def _quietly(action: object) -> None:
    try:
        if callable(action):
            action()
    except psutil.NoSuchProcess:
        pass
