"""PostgreSQL's own tools, one function each: initdb, postgres -C, psql.

The server's programs refuse to be root, so runuser(1) hands them to the user postgres, unless it is
postgres who runs them; psql is root, whom pg_ident.conf makes the superuser.
"""

from __future__ import annotations

import os
from pathlib import Path

from keryx.core.process import run


def as_postgres() -> tuple[str, ...]:
    """Return the words before a command that postgres has to run."""
    return ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()


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


def _query(programs: Path, socket: Path, text: str) -> str:
    words = [str(programs / "psql"), "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password"]
    words += ["--set=ON_ERROR_STOP=1", f"--host={socket}", "--username=postgres", "--dbname=postgres"]
    return run(words, input=text, timeout=15, env={"PGCONNECT_TIMEOUT": "5"}).stdout.strip()
