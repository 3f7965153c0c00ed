import datetime

import pytest

from keryx.admin.queue import Choice
from keryx.components.postfix.commands import Message, Waiting
from keryx.core import errors


def message(identifier: str, sender: str, *recipients: str) -> Message:
    waiting = tuple(Waiting(address, "") for address in recipients)
    return Message(identifier, "deferred", datetime.datetime.now(datetime.UTC), 1, sender, waiting)


QUEUE = [
    message("AAAAAA", "alice@example.org", "x@far.test", "y@near.test"),
    message("BBBBBB", "bob@example.org", "x@far.test"),
    message("CCCCCC", "", "alice@example.org"),
]


def chosen(choice: Choice) -> str:
    return "".join(found.id[0] for found in choice.of(QUEUE))


def test_messages_are_chosen_by_what_is_named() -> None:
    assert chosen(Choice(["AAAAAA", "CCCCCC"])) == "AC"
    assert chosen(Choice(sender="alice@example.org")) == "A"
    assert chosen(Choice(sender="Example.ORG")) == "AB"
    assert chosen(Choice(sender="<>")) == "C"
    assert chosen(Choice(recipient="far.test")) == "AB"
    assert chosen(Choice(recipient="@far.test", sender="bob@example.org")) == "B"
    assert chosen(Choice(["AAAAAA"], sender="bob@example.org")) == ""
    assert chosen(Choice(everything=True)) == "ABC"


def test_a_subdomain_is_another_domain() -> None:
    assert chosen(Choice(recipient="test")) == ""


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(), "No message is named"),
        (Choice(["ALL"]), "not a queue identifier"),
        (Choice(["AAAAAA"], everything=True), "cannot be narrowed down"),
        (Choice(["AAAAAA", "DDDDDD"]), "There is no message DDDDDD"),
    ],
)
def test_an_unclear_choice_is_refused(choice: Choice, words: str) -> None:
    with pytest.raises(errors.BadInput, match=words):
        choice.of(QUEUE)
