"""What can go wrong, as types.

Every error is one sentence for a person and, where there is one, a remedy. The command line
prints both and leaves with ``exit_code``; the API answers with the same sentence.
``temporary`` says what SMTP's first digit says: 4xx (try again) against 5xx (do not).
"""

from __future__ import annotations

from collections.abc import Sequence


class KeryxError(Exception):
    """The base of all our errors: a sentence, a remedy, an exit code."""

    exit_code = 1
    temporary = False

    def __init__(self, sentence: str, *, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


class BadInput(KeryxError):
    """What the person asked for cannot be done as asked; nothing was changed."""

    exit_code = 2


class NotFound(BadInput):
    """The named thing does not exist."""


class Exists(BadInput):
    """The named thing exists already."""


class Refused(BadInput):
    """A rule of the suite forbids it (for example: a domain that still has accounts)."""


class NotSignedIn(BadInput):
    """Nobody is signed in, or the password, key or session is not good, or no longer (HTTP 401)."""


class Forbidden(BadInput):
    """Who asks has no right to it (HTTP 403)."""


class TooManyAttempts(KeryxError):
    """Refused unseen, because too many attempts failed before (HTTP 429)."""

    temporary = True

    def __init__(self, sentence: str, *, remedy: str = "", retry_after: int) -> None:
        super().__init__(sentence, remedy=remedy)
        self.retry_after = retry_after
        """Seconds after which the next attempt is looked at."""


class BadSettings(BadInput):
    """One or more problems in keryx.yaml, all reported at once."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Unreachable(KeryxError):
    """A service did not answer; the same call may succeed later."""

    temporary = True


class NotReady(KeryxError):
    """A component has been started and does not yet answer its own protocol."""

    temporary = True


class CommandFailed(KeryxError):
    """A native command could not be run, timed out, or left with a status other than 0."""

    def __init__(self, argv: Sequence[str], returncode: int | None, stdout: str, stderr: str) -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        said = (stderr.strip() or stdout.strip() or "it said nothing").splitlines()[-1]
        how = "timed out" if returncode is None else f"failed with status {returncode}"
        super().__init__(f"{argv[0]} {how}: {said}")
