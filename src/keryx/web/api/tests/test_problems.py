"""Errors in one sentence."""

from __future__ import annotations

from typing import Annotated

import pydantic
import pytest

from keryx.core import errors
from keryx.web.api import problems
from keryx.web.api.models import Line, Model, Page, Paging, page_of


class Body(Model):
    name: Line
    count: Annotated[int, pydantic.Field(ge=0)] = 0


def sentence(value: object) -> str:
    with pytest.raises(pydantic.ValidationError) as found:
        Body.model_validate(value)
    return problems.sentence([{**error, "loc": ("body", *error["loc"])} for error in found.value.errors()])


def test_every_wrong_field_is_named_in_one_sentence() -> None:
    assert sentence({"colour": "red", "count": "many"}) == (
        '"name" is missing; "count": input should be a valid integer, unable to parse string as an integer; '
        '"colour" is not known here.'
    )
    assert sentence([]) == "The body must be a JSON object, sent as application/json."


def test_what_was_sent_is_not_repeated() -> None:
    assert "hunter2" not in sentence({"name": "x", "count": "hunter2", "more": "hunter2"})


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\x7f", "\x1b[1m"])
def test_control_characters_are_refused(text: str) -> None:
    assert '"name"' in sentence({"name": text})


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.NotSignedIn, 401),
        (errors.Forbidden, 403),
        (errors.NotFound, 404),
        (errors.Exists, 409),
        (errors.Refused, 409),
        (errors.BadInput, 400),
        (errors.Unreachable, 503),
        (errors.NotReady, 503),
        (errors.KeryxError, 500),
    ],
)
def test_every_kind_of_error_has_its_status(kind: type[errors.KeryxError], status: int) -> None:
    assert problems.status_of(kind("x")) == status


def listed(paging: Paging, items: list[str]) -> Page[str]:
    return page_of(
        items,
        paging,
        str,
        sorts={"text": lambda item: item, "length": lambda item: len(item)},
        text=lambda item: item,
    )


def test_pages_together_are_the_whole_list() -> None:
    items = [f"item {number:03}" for number in range(103)]
    seen: list[str] = []
    for page in range(1, 12):
        found = listed(Paging(page=page, per_page=10), items)
        assert found.total == 103
        seen += found.items
    assert seen == items
    assert listed(Paging(page=12, per_page=10), items).items == []


def test_search_and_sort() -> None:
    items = ["Beta", "alpha", "gamma ray"]
    assert listed(Paging(search="ALPHA"), items).items == ["alpha"]
    assert listed(Paging(sort="-length"), items).items[0] == "gamma ray"
    with pytest.raises(errors.BadInput, match='by "colour"'):
        listed(Paging(sort="colour"), items)
