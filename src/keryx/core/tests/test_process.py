import pytest

from keryx.core import errors
from keryx.core.process import beginning


def test_of_much_only_the_beginning_is_read() -> None:
    assert beginning(["yes"], 10) == ("y\n" * 5, True)


def test_of_little_everything_is_read() -> None:
    assert beginning(["echo", "one"], 4) == ("one\n", False)


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(errors.CommandFailed, match="status 3: no such thing"):
        beginning(["sh", "-c", "echo part; echo no such thing >&2; exit 3"], 100)


def test_a_command_that_never_ends_is_ended() -> None:
    with pytest.raises(errors.CommandFailed):
        beginning(["sleep", "60"], 100, timeout=0.2)


def test_a_command_that_is_not_there_says_so() -> None:
    with pytest.raises(errors.CommandFailed, match="not installed"):
        beginning(["keryx-no-such-program"], 100)
