"""What a component is: a daemon described as data, with a handful of questions it answers.

Shared code acts on the description: packages are installed, users and folders made, files
written, checked and compared, the process supervised, its readiness asked. A component holds
no such code itself. It stands here and not in ``core`` because its methods read the settings.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from keryx.core import errors
from keryx.core.files import Directory, File
from keryx.core.network import Endpoint
from keryx.settings.section import Section
from keryx.settings.site import Site


@dataclass(frozen=True)
class Platform:
    """The distribution: ``debian`` 12 or 13, ``ubuntu`` 24.04."""

    id: str
    version: str


@dataclass(frozen=True)
class SystemUser:
    """A system account and its group, made when missing; packages bring most of theirs."""

    name: str
    home: str = "/nonexistent"


@dataclass(frozen=True)
class Command:
    """A process to run in the foreground."""

    argv: tuple[str, ...]
    user: str = "root"
    """Who runs it; most daemons start as root and give up their rights themselves."""
    env: Mapping[str, str] = field(default_factory=dict)


AS_ROOT: Mapping[str, str] = MappingProxyType(
    {
        "CHOWN": "folders and files are given to the daemon's user",
        "DAC_OVERRIDE": "files in folders of the daemon's user are read and written",
        "FOWNER": "modes of what belongs to the daemon's user are set",
        "FSETID": "a folder hands its group on to the sockets in it",
        "KILL": "the daemon, which runs as its own user, is told to reload and to end",
        "SETGID": "the daemon gives up root's groups",
        "SETUID": "the daemon gives up root",
    }
)
"""Capabilities of a container that starts as root and whose daemon does not stay it, with reasons."""


@dataclass(frozen=True)
class Listener:
    """A public port as declared to port checks, status and firewall."""

    name: str
    """The key below ``ports``, such as ``imaps``."""
    port: int


class Component(abc.ABC):
    """One daemon of the suite."""

    name: ClassVar[str]
    """The folder's name; also the name in the supervisor, in commands and in the settings."""
    title: ClassVar[str]
    """What it is for, in a few words, as ``keryx status`` shows it."""
    section: ClassVar[type[Section] | None] = None
    """Its own section of the settings."""
    users: ClassVar[Sequence[SystemUser]] = ()
    """System users that no package brings."""
    commands_of: ClassVar[Sequence[str]] = ()
    """Components whose packages hold commands that it runs: an image of it needs them as well."""
    databases: ClassVar[Sequence[str]] = ()
    """In which databases of PostgreSQL it keeps something: they are made before its turn."""
    follows: ClassVar[Sequence[str]] = ()
    """Components whose every start restarts it: each connection to the old one would fail once more."""
    stop_signal: ClassVar[str] = "TERM"
    """The signal that ends the daemon in good order."""
    stop_group: ClassVar[bool] = False
    """Whether the signal goes to its children too, because it leaves some of them running."""
    stop_seconds: ClassVar[float] = 50
    """Seconds that it has for its end as a container's daemon; then it is killed. The cluster's own
    patience must be longer."""
    own_code: ClassVar[bool] = False
    """Whether it is a Python process of ours, to be restarted when this program's code changed."""
    capabilities: ClassVar[Mapping[str, str]] = AS_ROOT
    """The only capabilities that its container needs (capabilities(7)), each with the reason."""
    alone_as: ClassVar[str] = ""
    """The user as whom its container can start, without any capability, where it has a home of its
    own; empty where it needs to be root."""
    start_timeout: ClassVar[float] = 60
    """Seconds within which it must have become ready."""

    def end_leftovers(self, site: Site) -> None:  # noqa: B027  # most leave nothing behind
        """End what an earlier process of it left running; asked for when that process is gone."""

    @abc.abstractmethod
    def packages(self, platform: Platform) -> Sequence[str]:
        """Debian packages it needs."""

    def enabled(self, site: Site) -> bool:
        """Whether the settings ask for it."""
        return True

    def listeners(self, site: Site) -> Sequence[Listener]:
        """Public ports it opens under these settings."""
        return ()

    def inner(self, site: Site) -> Sequence[Endpoint]:
        """TCP ports it opens for this machine's own programs only."""
        return ()

    @abc.abstractmethod
    def directories(self, site: Site) -> Sequence[Directory]:
        """Folders that must exist before it starts, parents first."""

    @abc.abstractmethod
    def render(self, site: Site) -> Sequence[File]:
        """Every file it reads. Pure: the same site gives the same files, nothing is touched."""

    def watched(self, site: Site) -> Sequence[Path]:
        """Files that others write and the daemon reads at start, such as the certificate."""
        return ()

    def prepare(self, site: Site) -> None:  # noqa: B027  (most have nothing to do)
        """What must be done once before the first start (make a database, compile a script).

        Called before every start, after the files are written: it must be idempotent and quick.
        """

    def validate(self, site: Site) -> None:  # noqa: B027  (some daemons have no check)
        """Let the daemon itself check the written files; raises CommandFailed with its words.

        New files are also checked beside the running daemon, without ``prepare`` before.
        """

    @abc.abstractmethod
    def command(self, site: Site) -> Command:
        """The daemon's process, in the foreground, logging to standard output or error."""

    @abc.abstractmethod
    def ready(self, site: Site) -> None:
        """Return when it answers its own protocol; raises NotReady saying what is missing."""

    def reload(self, site: Site, changed: Sequence[Path]) -> bool:
        """Take up changed files without dropping a session; False when only a restart does."""
        return False

    def drain(self, site: Site, seconds: float) -> None:  # noqa: B027  (most end quickly by themselves)
        """Take no new work and finish what was begun, at the latest after so many seconds: before a
        container's daemon is told to end. What is then left is cut off."""

    def dump(self, site: Site) -> Path:
        """Write all that it keeps to one file (``core.dump``) while it runs; return which one.

        ``prepare`` loads that file where there are no data.
        """
        raise errors.BadInput(
            f"{self.name} has no dump: a copy of its files is as good.",
            remedy="keryx dump openldap and keryx dump postgresql are what there is.",
        )

    def backup_paths(self, site: Site) -> Sequence[Path]:
        """What a backup must contain."""
        return ()
