"""PostgreSQL's own tools, one function each: initdb, postgres -C, pg_ctl, pg_dumpall, psql.

The server's programs refuse to be root, so runuser(1) hands them to the user postgres, unless it is
postgres who runs them; psql is root, whom pg_ident.conf makes the superuser.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import BinaryIO

from keryx.core.process import run

OWNER = "postgres"
"""The user who runs the server, and the superuser in it."""


def as_postgres() -> tuple[str, ...]:
    """Return the words before a command that postgres has to run."""
    return ("runuser", "-u", OWNER, "--") if os.geteuid() == 0 else ()


def make_cluster(programs: Path, folder: Path, password: Path | None = None) -> None:
    """Make an empty cluster in an empty folder; raises CommandFailed with initdb's words.

    With a password, in a file that ``postgres`` can read, the superuser may log in by network as
    well, where pg_hba.conf lets him.
    """
    words = [*as_postgres(), *initdb(programs, folder)]
    if password is not None:
        words.append(f"--pwfile={password}")
    run(words, timeout=300, env={"LC_ALL": "C.UTF-8"})


def initdb(programs: Path, folder: Path) -> tuple[str, ...]:
    """Return the command that makes a cluster.

    C.UTF-8 sorts by code point: an upgrade of the C library, which changes how other locales
    sort and so breaks indexes without a word, cannot touch it.
    """
    options = ("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--username=postgres")
    return (
        str(programs / "initdb"),
        f"--pgdata={folder}",
        *options,
        "--auth-local=peer",
        "--auth-host=reject",
        "--no-instructions",
    )


def test_config(server: tuple[str, ...]) -> None:
    """Let the server read its configuration; raises CommandFailed with its words."""
    run([*as_postgres(), *server, "-C", "max_connections"])


def unapplied(programs: Path, socket: Path) -> list[str]:
    """Return the settings of the present files that a reload alone would not bring into force."""
    query = "SELECT name FROM pg_file_settings WHERE error IS NOT NULL ORDER BY seqno"
    return _query(programs, socket, query).splitlines()


def reload(programs: Path, socket: Path) -> None:
    """Let the server read its files anew; no session ends."""
    _query(programs, socket, "SELECT pg_reload_conf()")


def write_dump(programs: Path, socket: Path, port: int, place: Path) -> None:
    """Write all databases and roles to a file, as SQL; raises CommandFailed when the server does not run."""
    words = [str(programs / "pg_dumpall"), "--no-password", f"--host={socket}", f"--port={port}"]
    words += ["--username=postgres", f"--file={place}"]
    run(words, timeout=14400, env={"PGCONNECT_TIMEOUT": "5"})


def start_privately(programs: Path, folder: Path, socket: Path) -> None:
    """Start a server on a cluster at a Unix socket that nobody else knows, and return when it answers.

    ``socket`` is a folder of the user postgres. The cluster's own files are in force, as initdb has made
    them: who is postgres on this machine may log in.
    """
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket),
        # A crash makes the loading begin anew; the end in good order writes everything to disk.
        "synchronous_commit": "off",
        "max_wal_size": "256MB",
    }
    shown = " ".join(f"-c {key}={shlex.quote(value)}" for key, value in options.items())
    _control(programs, folder, "start", f"--options={shown}", f"--log={socket / 'server.log'}")


def stop(programs: Path, folder: Path) -> None:
    """End a cluster's server in good order; return when everything is on disk."""
    _control(programs, folder, "stop", "--mode=fast")


def end_leftover(programs: Path, folder: Path) -> None:
    """End the server of a cluster that is about to be removed, should one run."""
    if (folder / "postmaster.pid").exists():
        _control(programs, folder, "stop", "--mode=immediate", check=False)


def load(programs: Path, socket: Path, beginning: Path, rest: BinaryIO) -> None:
    """Run SQL, first from a file, then from an open one, as postgres; the first error ends it."""
    words = [
        *as_postgres(),
        *_psql(programs, socket),
        "--output=/dev/null",
        f"--file={beginning}",
        "--file=-",
    ]
    run(words, stdin=rest, timeout=14400)


def set_password(programs: Path, socket: Path, password: str) -> None:
    """Give the superuser a password, as postgres."""
    quoted = "'" + password.replace("'", "''") + "'"
    run([*as_postgres(), *_psql(programs, socket)], input=f"ALTER ROLE {OWNER} PASSWORD {quoted}")


def _control(programs: Path, folder: Path, *words: str, check: bool = True) -> None:
    argv = [*as_postgres(), str(programs / "pg_ctl"), f"--pgdata={folder}", "--wait", "--timeout=600"]
    # It holds on to standard output as long as its server runs, hence the log.
    run([*argv, *words], timeout=660, env={"LC_ALL": "C.UTF-8"}, check=check)


def _query(programs: Path, socket: Path, text: str) -> str:
    words = [*_psql(programs, socket), "--no-align", "--tuples-only"]
    return run(words, input=text, timeout=15, env={"PGCONNECT_TIMEOUT": "5"}).stdout.strip()


def _psql(programs: Path, socket: Path) -> list[str]:
    words = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    return [*words, f"--host={socket}", "--username=postgres", "--dbname=postgres"]
