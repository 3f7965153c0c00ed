import os
import subprocess
from pathlib import Path

from keryx.components.dovecot import commands
from tests.running import wait_for


def test_a_number_that_another_process_was_given_is_forgotten(tmp_path: Path) -> None:
    pidfile = tmp_path / "master.pid"
    pidfile.write_text(f"{os.getpid()}\n")
    commands.forget_dead_master(pidfile)
    assert not pidfile.exists()


def test_a_living_master_keeps_its_number_and_a_dead_one_loses_it(tmp_path: Path) -> None:
    pidfile = tmp_path / "master.pid"
    named_so = ["/usr/sbin/dovecot", "-f", "/dev/null"]
    living = subprocess.Popen(named_so, executable="/usr/bin/tail")
    pidfile.write_text(f"{living.pid}\n")
    try:
        wait_for(Path(f"/proc/{living.pid}/cmdline").read_bytes, "the process's command line")
        commands.forget_dead_master(pidfile)
        assert pidfile.exists()
    finally:
        living.kill()
        living.wait()
    commands.forget_dead_master(pidfile)
    assert not pidfile.exists()
