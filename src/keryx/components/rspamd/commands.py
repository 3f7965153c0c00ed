"""Rspamd's own commands: one function each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from keryx.core import errors, network
from keryx.core.process import members, run
from keryx.settings.site import Site

HASHER = Path(__file__).parent / "templates" / "password-hash.lua"


def variable_arguments(variables: Mapping[str, str]) -> list[str]:
    """Return the arguments that set variables of the configuration."""
    return [f"--var={name}={value}" for name, value in variables.items()]


def configtest(config: Path, variables: Mapping[str, str]) -> None:
    """Check the configuration; raises CommandFailed with Rspamd's words."""
    run(["rspamadm", *variable_arguments(variables), "configtest", "-c", config])


def password_hash(password: str) -> str:
    """Return the password as the controller wants it in its configuration.

    ``rspamadm pw`` reads from a terminal or from its arguments, where others can see it; a
    script run by Rspamd's own interpreter takes it from standard input.
    """
    return run(["rspamadm", "lua", HASHER], input=f"{password}\n").stdout.strip()


def left_by(note: Path) -> Sequence[psutil.Process]:
    """Return the processes of the group whose leader, noted when it started, is gone.

    A number is not given to another process as long as a group goes by it.
    """
    try:
        leader, started = note.read_text().split()
        group, since = int(leader), float(started)
    except (FileNotFoundError, ValueError):
        return []
    if psutil.pid_exists(group):
        return []
    return [process for process in members(group) if process.create_time() >= since - 1]


@dataclass(frozen=True)
class Counters:
    """What the filter has decided since it started; each number begins at 0 again then.

    The names are Rspamd's actions, see https://rspamd.com/doc/configuration/metrics.html
    """

    no_action: int
    greylist: int
    add_header: int
    """Filed to Junk."""
    rewrite_subject: int
    soft_reject: int
    reject: int


def counters(site: Site) -> Counters:
    """Return the filter's counters; raises NotReady when it does not tell them."""
    # {"version": "3.4", "uptime": 69, "scanned": 7, "actions": {"reject": 1, "soft reject": 0,
    # "rewrite subject": 0, "add header": 2, "greylist": 0, "no action": 4}, ...}
    actions = _controller(site, "/stat").get("actions", {})
    try:
        return Counters(
            **{part.name: int(actions[part.name.replace("_", " ")]) for part in dataclasses.fields(Counters)}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise errors.NotReady("Rspamd does not tell what it has counted.") from error


def _controller(site: Site, path: str) -> dict[str, Any]:
    """Ask the controller; its socket is open to root without a password, its port to other pods with it."""
    words = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n"
    if site.rspamd_controller.path is None:
        words += f"Password: {site.secrets.get('rspamd-controller').reveal()}\r\n"
    try:
        with network.connect(site.rspamd_controller) as stream, stream.makefile("rb") as reader:
            stream.sendall(f"{words}\r\n".encode())
            head, _, body = reader.read(1024 * 1024).partition(b"\r\n\r\n")
    except OSError as error:
        raise errors.NotReady(f"Rspamd at {site.rspamd_controller} does not answer: {error}.") from error
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if b" 200 " not in head.partition(b"\r\n")[0] or not isinstance(found, dict):
        raise errors.NotReady(f"Rspamd at {site.rspamd_controller} answers {head[:60]!r}.")
    return found
