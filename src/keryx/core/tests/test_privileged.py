"""What goes over the door's socket, and how it is read again."""

from __future__ import annotations

import contextlib
import datetime
import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from keryx.core import errors, network, privileged
from keryx.core.network import Credentials, Endpoint
from keryx.core.privileged import Marked


@dataclass(frozen=True)
class Choice:
    ids: Sequence[str] = ()
    everything: bool = False


@dataclass(frozen=True)
class Home:
    """As much of a site as the door looks at."""

    folder: Path

    @property
    def privileged(self) -> Endpoint:
        return Endpoint(self.folder / "door.sock")

    def door_to_root(self, place: str, *, root: bool) -> Endpoint | None:
        return None if root else self.privileged


def act(site: Home, choice: Choice, at: datetime.datetime | None = None, *, most: int = 7) -> tuple[str, ...]:
    return (*choice.ids, str(at), str(most))


MARKED = Marked(act, 1, ())


def sent(*arguments: object, **named: object) -> dict[str, object]:
    told = json.loads(MARKED.request(*arguments, **named))
    assert told["call"] == f"{__name__}.act"
    return MARKED.arguments(told["arguments"])


def test_arguments_come_back_as_their_types() -> None:
    moment = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    assert sent(Choice(["a", "b"]), moment, most=3) == {
        "choice": Choice(["a", "b"]),
        "at": moment,
        "most": 3,
    }
    assert sent(Choice(everything=True)) == {"choice": Choice([], True)}


@pytest.mark.parametrize(
    "given",
    [
        {},  # choice is missing
        {"choice": {"ids": "abc"}},  # a text is no list of texts
        {"choice": {"everything": "yes"}},
        {"choice": {"everything": 1}},
        {"choice": {"ids": [1]}},
        {"choice": []},
        {"choice": {}, "most": "3"},
        {"choice": {}, "most": 3.5},
        {"choice": {}, "most": None},
        {"choice": {}, "at": "yesterday"},
        {"choice": {}, "other": 1},
        {"choice": {}, "site": {}},
        [],
        None,
        "choice",
    ],
)
def test_arguments_of_other_types_are_refused(given: object) -> None:
    with pytest.raises(errors.BadInput):
        MARKED.arguments(given)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(errors.BadInput) as caught:
        MARKED.arguments({"choice": {"everything": "correct horse"}})
    assert "correct horse" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("There is no account.", remedy="See keryx user list."),
        errors.Refused("No."),
        errors.Unreachable("Away.", remedy="Wait."),
        errors.TooManyAttempts("Too many.", retry_after=30),
        errors.BadSettings(["one", "two"]),
        errors.CommandFailed(["doveadm", "kick"], 64, "", "unknown option"),
    ],
)
def test_an_error_comes_back_as_itself(error: errors.KeryxError) -> None:
    told = json.loads(privileged.line(privileged.tell_error(error)))
    back = privileged.told_error(told)
    assert type(back) is type(error)
    assert (back.sentence, back.remedy) == (error.sentence, error.remedy)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


def test_an_error_that_is_unknown_here_keeps_its_sentence() -> None:
    told = {"class": "Strange", "sentence": "Odd.", "remedy": "Look.", "facts": {}}
    back = privileged.told_error(told)
    assert type(back) is errors.KeryxError
    assert (back.sentence, back.remedy) == ("Odd.", "Look.")


def test_without_the_door_the_caller_learns_what_waits(tmp_path: Path) -> None:
    with pytest.raises(errors.Unreachable, match="needs root cannot be done now"):
        privileged.exchange(Home(tmp_path).privileged, b"{}\n", timeout=1)


def test_a_request_without_measure_is_not_even_sent(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="too much at once"):
        privileged.exchange(Home(tmp_path).privileged, b"x" * (privileged.LONGEST_REQUEST + 1))


@dataclass(frozen=True)
class Pod:
    def door_to_root(self, place: str, *, root: bool) -> Endpoint:
        return Endpoint(host=place, credentials=Credentials(Path("cert"), Path("key"), Path("ca")))


@contextlib.contextmanager
def answering(path: Path, answer: dict[str, object]) -> Iterator[Endpoint]:
    """Give a door that answers every call with the same."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(privileged.line(answer))

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Endpoint(path)
        server.shutdown()


FOUND: dict[str, object] = {"result": 2}
MISSING: dict[str, object] = {"error": privileged.tell_error(errors.NotFound("No such message."))}


@pytest.mark.parametrize(
    ("answers", "sum_of_all"), [([FOUND, FOUND], 4), ([MISSING, FOUND], 2), ([MISSING, MISSING], None)]
)
def test_several_pods_are_asked_as_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[dict[str, object]],
    sum_of_all: int | None,
) -> None:
    @privileged.privileged(place="queue", merge=sum)
    def flush(site: Pod) -> int:
        raise AssertionError("it is done elsewhere")

    with contextlib.ExitStack() as stack:
        doors = [
            stack.enter_context(answering(tmp_path / str(number), answer))
            for number, answer in enumerate(answers)
        ]
        monkeypatch.setattr(network, "each", lambda door: doors)
        if sum_of_all is None:
            with pytest.raises(errors.NotFound, match="No such message"):
                flush(Pod())
        else:
            assert flush(Pod()) == sum_of_all


def test_as_root_a_marked_function_just_runs(tmp_path: Path) -> None:
    @privileged.privileged()
    def here(site: Home, word: str) -> str:
        return word.upper()

    assert here(Home(tmp_path), "no door needed") == "NO DOOR NEEDED"
