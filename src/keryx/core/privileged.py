"""The door to root: a few functions that the unprivileged web process has done for it.

A function marked ``@privileged`` takes the site first. Called as root it simply runs. Called as
somebody else, its name and its arguments go as one line of JSON over the Unix socket
``site.privileged`` to a process of root's (``keryx.host.privileged``), which runs it; the result
comes back as its own type, an error as the same subclass of KeryxError with its sentence and
remedy. The signature is the contract: both sides convert by its annotations, so these must be
types that pydantic knows (dataclasses, sequences, numbers, text, times, paths).

In a cluster what such a function works on is in one pod: ``place`` names it, and who is elsewhere, root
or not, goes through that pod's door (``settings.doors``). One without a place needs no door there: the
pod of the web process has nobody else to hide from.

A marked function checks its arguments itself: what calls it may have been taken over. Functions
that stand above the caller's layer are called by name, with ``elsewhere``.

One line each way::

    {"call": "keryx.admin.queue.hold", "arguments": {"choice": {"ids": ["4jXKWw2CfzzJbLW"]}}}
    {"result": 1}
    {"error": {"class": "NotFound", "sentence": "...", "remedy": "...", "facts": {}}}
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import pydantic

from keryx.core import errors, network
from keryx.core.network import Endpoint

LONGEST_REQUEST = 2 * 1024 * 1024
"""Bytes of a request; the longest are Sieve scripts and lists of addresses."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer; the longest is the list of a very full queue."""
TIMEOUT = 120.0
"""Seconds that a caller waits when the function names no other limit."""

P = ParamSpec("P")
R = TypeVar("R")


class HasDoor(Protocol):
    """What is needed of a site here."""

    def door_to_root(self, place: str, *, root: bool) -> Endpoint | None:
        """The door's socket; None where no door is in the way."""


SiteT = TypeVar("SiteT", bound=HasDoor)


@dataclass(frozen=True)
class Marked:
    """What the door knows of a marked function."""

    function: Callable[..., Any]
    timeout: float
    shown: tuple[str, ...]
    """Parameters whose values may stand in the log; all others show their names only."""
    place: str = ""
    """Where in a cluster it has to run; empty for the caller's own pod."""

    @property
    def name(self) -> str:
        """The full name by which it is called."""
        return f"{self.function.__module__}.{self.function.__name__}"

    @functools.cached_property
    def parameters(self) -> Mapping[str, pydantic.TypeAdapter[Any]]:
        """A converter for each parameter after the site."""
        hints = typing.get_type_hints(self.function)
        names = list(inspect.signature(self.function).parameters)[1:]
        return {name: pydantic.TypeAdapter(hints[name]) for name in names}

    @functools.cached_property
    def result(self) -> pydantic.TypeAdapter[Any]:
        """A converter for what it returns."""
        return pydantic.TypeAdapter(typing.get_type_hints(self.function)["return"])

    def request(self, *arguments: object, **named: object) -> bytes:
        """Return a call as it goes over the socket."""
        bound = inspect.signature(self.function).bind(None, *arguments, **named).arguments
        values = {
            name: adapter.dump_python(bound[name], mode="json", warnings=False)
            for name, adapter in self.parameters.items()
            if name in bound
        }
        return line({"call": self.name, "arguments": values})

    def answer(self, plain: object) -> object:
        """Return a plain result as its own type."""
        return self.result.validate_json(json.dumps(plain))

    def arguments(self, given: object) -> dict[str, Any]:
        """Return the arguments of a request by name, of the right types; raises BadInput."""
        if not isinstance(given, dict) or (strange := set(given) - set(self.parameters)):
            what = ", ".join(sorted(map(str, strange))) if isinstance(given, dict) else "that"
            raise errors.BadInput(f"{self.name} has no argument {what}.")
        try:
            found = {
                name: self.parameters[name].validate_json(json.dumps(value), strict=True)
                for name, value in given.items()
            }
            inspect.signature(self.function).bind(None, **found)
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise errors.BadInput(
                f"{self.name} is called with a wrong argument: {where} {first['msg']}."
            ) from error
        except TypeError as error:
            raise errors.BadInput(f"{self.name} is called with an argument too few: {error}.") from error
        return found


def privileged(
    *,
    timeout: float = TIMEOUT,
    shown: tuple[str, ...] = (),
    place: str = "",
    merge: Callable[[Sequence[Any]], Any] | None = None,
) -> Callable[[Callable[Concatenate[SiteT, P], R]], Callable[Concatenate[SiteT, P], R]]:
    """Mark a function of a site as one that root does for the web process.

    ``timeout`` is how many seconds the caller waits; ``shown`` names the parameters whose values
    may be logged; ``place`` is where in a cluster it has to run, and ``merge`` makes one result of those
    of several pods there may be.
    """

    def mark(function: Callable[Concatenate[SiteT, P], R]) -> Callable[Concatenate[SiteT, P], R]:
        marked = Marked(function, timeout, shown, place)

        @functools.wraps(function)
        def call(site: SiteT, /, *arguments: P.args, **named: P.kwargs) -> R:
            door = site.door_to_root(place, root=os.geteuid() == 0)
            if door is None:
                return function(site, *arguments, **named)
            request = marked.request(*arguments, **named)
            if door.credentials is None or merge is None:
                return cast(R, marked.answer(exchange(door, request, timeout=timeout)))
            answers = _everywhere(door, request, timeout)
            return cast(R, merge([marked.answer(answer) for answer in answers]))

        call.marked = marked  # type: ignore[attr-defined]
        return call

    return mark


def _everywhere(door: Endpoint, request: bytes, timeout: float) -> list[Any]:
    """Return the results of all pods behind a name, of those that have what is asked for.

    Raises NotFound when none has it.
    """
    try:
        doors = network.each(door)
    except errors.NotReady as error:
        raise _away(error.sentence) from error
    answers, missing = [], None
    for one in doors:
        try:
            answers.append(exchange(one, request, timeout=timeout))
        except errors.NotFound as error:
            missing = error
    if missing is not None and not answers:
        raise missing
    return answers


def elsewhere(
    endpoint: Endpoint, name: str, kind: type[R], arguments: Mapping[str, object], *, timeout: float = TIMEOUT
) -> R:
    """Call a marked function of a layer above by its full name; root goes through the door too."""
    answer = exchange(endpoint, line({"call": name, "arguments": dict(arguments)}), timeout=timeout)
    return pydantic.TypeAdapter(kind).validate_json(json.dumps(answer))


def exchange(endpoint: Endpoint, request: bytes, *, timeout: float = TIMEOUT) -> Any:
    """Send a request through the door and return the plain result, or raise the error it tells."""
    if len(request) > LONGEST_REQUEST:
        raise errors.BadInput("That is too much at once for one request.", remedy="Send less.")
    try:
        stream = network.connect(endpoint, timeout=timeout)
    except errors.NotReady as error:
        raise _away(str(error.sentence)) from error
    try:
        with stream, stream.makefile("rb") as reader:
            stream.sendall(request)
            answer = reader.readline(LONGEST_ANSWER)
    except OSError as error:
        raise _away(f"{endpoint} gives no answer: {error}.") from error
    if not answer.endswith(b"\n"):
        raise _away(f"{endpoint} closed the connection without an answer.")
    told = json.loads(answer)
    if "error" in told:
        raise told_error(told["error"])
    return told["result"]


def _away(sentence: str) -> errors.Unreachable:
    return errors.Unreachable(
        f"What needs root cannot be done now: {sentence}",
        remedy="Look at keryx status and keryx logs privileged.",
    )


def line(value: object) -> bytes:
    """Return a value as one line of JSON."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


# --- errors, there and back


def tell_error(error: errors.KeryxError) -> dict[str, object]:
    """Return an error as it goes over the socket."""
    facts = {key: value for key, value in vars(error).items() if key not in ("sentence", "remedy")}
    return {
        "class": type(error).__name__,
        "sentence": error.sentence,
        "remedy": error.remedy,
        "facts": {key: value for key, value in facts.items() if _is_plain(value)},
    }


def told_error(told: Mapping[str, Any]) -> errors.KeryxError:
    """Return the error that was told: of the same class where that is known here."""
    kinds = {kind.__name__: kind for kind in _all_kinds(errors.KeryxError)}
    kind = kinds.get(str(told["class"]), errors.KeryxError)
    error = kind.__new__(kind)
    errors.KeryxError.__init__(error, str(told["sentence"]), remedy=str(told["remedy"]))
    for key, value in told["facts"].items():
        setattr(error, key, tuple(value) if isinstance(value, list) else value)
    return error


def _all_kinds(kind: type[errors.KeryxError]) -> Iterator[type[errors.KeryxError]]:
    # Those of the innermost room come last and win over namesakes.
    for below in kind.__subclasses__():
        yield from _all_kinds(below)
    yield kind


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, (str, int, float, bool))
