"""Native tools: psql for the tables, php for a look at its files, the pool's master."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.core import errors
from keryx.core.process import run
from keryx.settings.site import DatabaseAccess


@dataclass(frozen=True)
class Database:
    """One database, as psql reaches it."""

    access: DatabaseAccess
    pgpass: Path
    """The file that holds the password (PGPASSFILE)."""
    authorities: Path
    """Who vouches for an external server's certificate."""

    def query(self, text: str) -> str:
        """Return the answer to one query, without decoration; raises Unreachable or KeryxError."""
        return self._psql("--no-align", "--tuples-only", "--command", text)

    def execute(self, scripts: Sequence[Path], statement: str = "") -> None:
        """Run scripts and a statement in one transaction: all of it or nothing."""
        words = ["--single-transaction"]
        for script in scripts:
            words += ["--file", str(script)]
        if statement:
            words += ["--command", statement]
        self._psql(*words)

    def _psql(self, *words: str, input: str | None = None) -> str:
        argv = [*psql(self.access), *words]
        try:
            return run(argv, input=input, env=self._environment(), timeout=120).stdout.strip()
        except errors.CommandFailed as error:
            said = (error.stderr.strip() or error.sentence).splitlines()[0]
            # psql(1): 2 is a connection that went wrong.
            kind = errors.Unreachable if error.returncode in (2, None) else errors.KeryxError
            raise kind(
                f"The database {self.access.name} at {self.access.host} cannot be used: {said}.",
                remedy="Look at keryx status and keryx logs postgresql, or at database in keryx.yaml.",
            ) from error

    def _environment(self) -> Mapping[str, str]:
        return {
            "PGPASSFILE": str(self.pgpass),
            "PGCONNECT_TIMEOUT": "10",
            "PGSSLMODE": self.access.sslmode,
            "PGSSLROOTCERT": str(self.access.ca or self.authorities),
            "LC_ALL": "C.UTF-8",
        }


def psql(access: DatabaseAccess) -> tuple[str, ...]:
    """Return the command that opens a database; it stops at the first error."""
    return (
        *("psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"),
        f"--host={access.host}",
        f"--port={access.port}",
        f"--username={access.user}",
        f"--dbname={access.name}",
    )


def check_php(program: str, path: Path) -> None:
    """Raise CommandFailed with PHP's words when a file is no PHP."""
    run([program, "-n", "-l", path])


def check_pool(program: str, config: Path, ini: Path, user: str) -> None:
    """Raise CommandFailed with php-fpm's words when it refuses its configuration."""
    words = ["runuser", "-u", user, "--", program, "-t", "-O", "-y", str(config), "-c", str(ini)]
    run(words, env={"PHP_INI_SCAN_DIR": ""})


def reload_pool(pid_file: Path) -> bool:
    """Let the master read everything anew while the requests at work end; False when there is none."""
    try:
        os.kill(int(pid_file.read_text()), signal.SIGUSR2)
    except (OSError, ValueError):
        return False
    return True
