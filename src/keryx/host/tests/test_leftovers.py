"""Which processes are a home's own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from keryx.core.process import run
from keryx.host import leftovers


@contextmanager
def daemon(home: Path, root: Path | None = None) -> Iterator[int]:
    """Run what looks like a daemon of the home's, in a root that shows the same files."""
    argv = [sys.executable, "-c", "print(flush=True); input()", f"{home}/etc/daemon.conf"]
    with ExitStack() as stack:
        if root is not None:
            root.mkdir(parents=True)
            run(["mount", "--bind", "/", root])
            stack.callback(run, ["umount", "--lazy", root])
            argv = ["chroot", str(root), *argv]
        process = stack.enter_context(
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        )
        stack.callback(process.kill)
        assert process.stdout
        process.stdout.readline()
        yield process.pid


def test_a_daemon_is_found_also_where_it_is_confined_to_the_home(tmp_path: Path) -> None:
    with daemon(tmp_path) as free, daemon(tmp_path, tmp_path / "data/postfix/spool") as confined:
        assert {process.pid for process in leftovers.find(tmp_path)} == {free, confined}


def test_a_home_at_the_same_path_in_another_root_is_somebody_elses(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with daemon(home, tmp_path / "container"):
        assert leftovers.find(home) == []
