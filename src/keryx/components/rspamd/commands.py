"""Rspamd's own commands: one function each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from keryx.core.process import run

CONFIG = Path("/etc/rspamd/rspamd.conf")
"""The packaged file; it includes ours."""
HASHER = Path(__file__).parent / "templates" / "password-hash.lua"


def variable_arguments(variables: Mapping[str, str]) -> list[str]:
    """Return the arguments that set variables of the configuration."""
    return [f"--var={name}={value}" for name, value in variables.items()]


def configtest(variables: Mapping[str, str]) -> None:
    """Check the configuration; raises CommandFailed with Rspamd's words."""
    run(["rspamadm", *variable_arguments(variables), "configtest", "-c", CONFIG])


def password_hash(password: str) -> str:
    """Return the password as the controller wants it in its configuration.

    ``rspamadm pw`` reads from a terminal or from its arguments, where others can see it; a
    script run by Rspamd's own interpreter takes it from standard input.
    """
    return run(["rspamadm", "lua", HASHER], input=f"{password}\n").stdout.strip()
