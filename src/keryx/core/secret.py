"""Secrets: values that print as stars and live in files that only root can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import string
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from keryx.core import errors, files

# Letters and digits without the ones people confuse; safe in every configuration syntax we write.
ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


class Secret(str):
    """A string that does not show itself in representations, logs and tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('********')"

    def reveal(self) -> str:
        """Return the plain text."""
        return str.__str__(self)


def generate(length: int = 24) -> Secret:
    """Return a fresh random secret; 24 characters of 57 carry 140 bits."""
    return Secret("".join(secrets.choice(ALPHABET) for _ in range(length)))


def read(path: Path) -> Secret:
    """Return the secret in ``path`` without its final newline; raises BadInput if unreadable."""
    try:
        text = path.read_text().rstrip("\r\n")
    except OSError as error:
        raise errors.BadInput(
            f"The secret file {path} cannot be read: {error.strerror}.",
            remedy="Create it with mode 0600, or correct the path in keryx.yaml.",
        ) from error
    except UnicodeDecodeError as error:
        raise errors.BadInput(
            f"The secret file {path} cannot be read: it is not UTF-8.", remedy="Write it as UTF-8 text."
        ) from error
    if not text:
        raise errors.BadInput(f"The secret file {path} is empty.", remedy="Write the secret into it.")
    return Secret(text)


@dataclass
class SecretStore:
    """The folder of secrets: one file each, mode 0600, made once and never changed by an upgrade."""

    all_copied: ClassVar[bool] = False
    """Whether it also holds the secrets that the settings keep in files elsewhere."""

    folder: Path
    _cache: dict[str, Secret] = field(default_factory=dict, repr=False)

    def path(self, name: str) -> Path:
        """Return where the secret is kept."""
        return self.folder / name

    def get(self, name: str, make: Callable[[], Secret] | None = None) -> Secret:
        """Return the secret, making it at first use: by ``make`` where it is no plain password."""
        if name not in self._cache:
            path = self.path(name)
            if not path.exists():
                self._make(name, (make or generate)())
            self._cache[name] = read(path)
        return self._cache[name]

    def put(self, name: str, value: str) -> None:
        """Store a secret, without a final newline: ``ldapadd -y FILE`` takes the whole file."""
        files.make_directory(files.Directory(self.folder, 0o700))
        files.write(self.path(name), value, mode=0o600)
        self._cache[name] = Secret(value)

    def _make(self, name: str, value: str) -> None:
        # Components that start at the same time must agree on it: whoever comes first decides.
        files.make_directory(files.Directory(self.folder, 0o700))
        with tempfile.TemporaryDirectory(dir=self.folder) as own, contextlib.suppress(FileExistsError):
            files.write(Path(own) / name, value, mode=0o600)
            os.link(Path(own) / name, self.path(name))


class GivenSecrets(SecretStore):
    """Secrets that somebody else makes and that are only read: a cluster's."""

    def get(self, name: str, make: Callable[[], Secret] | None = None) -> Secret:
        """Return the secret; raises BadInput when it was not given."""
        if not self.path(name).exists():
            raise errors.BadInput(
                f'The secret "{name}" is not in {self.folder}.',
                remedy="Add that key to the Secret that the release mounts there.",
            )
        return super().get(name, make)


class PlaceholderSecrets(SecretStore):
    """Stands in where there is no home: ``keryx render`` without a suite, and golden files."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"))

    def get(self, name: str, make: Callable[[], Secret] | None = None) -> Secret:
        """Return a recognisable text instead of a secret."""
        return Secret(f"SECRET-{name}")
