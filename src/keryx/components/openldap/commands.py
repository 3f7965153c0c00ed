"""OpenLDAP's own tools, one function each: slapadd, slapcat, slapmodify, slapindex, slaptest."""

from __future__ import annotations

from pathlib import Path

from keryx.core.process import run


def make_config(ldif: Path, folder: Path) -> None:
    """Make a configuration folder from its text; raises CommandFailed with slapadd's words."""
    run(["slapadd", "-n", "0", "-F", folder, "-l", ldif])


def add(config: Path, ldif: str) -> None:
    """Add entries to the data while slapd does not run."""
    run(["slapadd", "-n", "1", "-F", config], input=ldif)


def modify(config: Path, ldif: str) -> None:
    """Change entries of the data while slapd does not run."""
    run(["slapmodify", "-n", "1", "-F", config], input=ldif)


def dump(config: Path) -> str:
    """Return all data as LDIF; slapd may be running."""
    return run(["slapcat", "-n", "1", "-F", config], timeout=600).stdout


def write_dump(config: Path, place: Path) -> None:
    """Write all data as LDIF to a file; slapd may be running."""
    run(["slapcat", "-n", "1", "-F", config, "-l", place], timeout=3600)


def load(config: Path, ldif: Path) -> None:
    """Load a dump into a folder without data; what a failure leaves is of no use."""
    run(["slapadd", "-q", "-n", "1", "-F", config, "-l", ldif], timeout=3600)


def index(config: Path) -> None:
    """Make all indexes anew while slapd does not run; about 15 s for 100,000 entries."""
    run(["slapindex", "-n", "1", "-F", config], timeout=3600)


def test_config(config: Path) -> None:
    """Let slapd read its configuration; raises CommandFailed with its words."""
    run(["slaptest", "-u", "-Q", "-F", config])
