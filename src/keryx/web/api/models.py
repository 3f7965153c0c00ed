"""What all calls share: strict models, texts with limits, pages."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
from fastapi import Header, Path, Query

from keryx.core import errors

ItemT = TypeVar("ItemT")
SourceT = TypeVar("SourceT")

LINE = r"^[^\x00-\x1f\x7f]*$"
"""One line without control characters: neither LDAP nor PostgreSQL carries NUL."""
LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""The same with tabs and line ends."""


class Model(pydantic.BaseModel):
    """A strict, immutable body: an unknown field is an error that names it."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Line = Annotated[str, pydantic.StringConstraints(max_length=256, pattern=LINE)]
Text = Annotated[str, pydantic.StringConstraints(max_length=10_000, pattern=LINES)]
Address = Annotated[str, pydantic.StringConstraints(min_length=3, max_length=320, pattern=LINE)]
DomainName = Annotated[str, pydantic.StringConstraints(min_length=3, max_length=253, pattern=LINE)]
Password = Annotated[pydantic.SecretStr, pydantic.Field(min_length=1, max_length=1024)]
# What JSON has a type for is taken as that type only: 1 is not true, "5" is not 5.
Flag = Annotated[bool, pydantic.Field(strict=True)]
Megabytes = Annotated[int, pydantic.Field(ge=0, le=1_000_000_000, strict=True)]
Count = Annotated[int, pydantic.Field(ge=0, le=1_000_000_000, strict=True)]


def _is_text(value: object) -> object:
    if not isinstance(value, (str, datetime.date)):
        raise ValueError("should be text such as 2030-01-31")
    return value


Day = Annotated[datetime.date, pydantic.BeforeValidator(_is_text)]
Moment = Annotated[pydantic.AwareDatetime, pydantic.BeforeValidator(_is_text)]

AddressPath = Annotated[
    str, Path(min_length=1, max_length=320, pattern=LINE, description="Such as alice@example.org.")
]
AliasPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=320,
        pattern=LINE,
        description="Such as sales@example.org, or @example.org for the catch-all.",
    ),
]
DomainPath = Annotated[
    str, Path(min_length=1, max_length=253, pattern=LINE, description="Such as example.org.")
]
DomainQuery = Annotated[
    str, Query(max_length=253, pattern=LINE, description="Only what belongs to this domain.")
]


OnlyNew = Annotated[
    Literal["*"] | None,
    Header(
        alias="If-None-Match", description="``*``: only when there is none yet; 409 otherwise (RFC 9110)."
    ),
]


def check_new(if_none_match: str | None, name: str) -> None:
    """Raise Exists when the call is only for what is not there yet; ``name`` is."""
    if if_none_match:
        raise errors.Exists(f"{name} exists already.", remedy="Leave out If-None-Match to change it.")


class Paging(pydantic.BaseModel):
    """Which page of a list; every list takes these."""

    # Other parameters of the call come along; unknown ones are refused before (call.known_parameters).
    model_config = pydantic.ConfigDict(frozen=True, use_attribute_docstrings=True)

    page: int = pydantic.Field(1, ge=1, le=1_000_000)
    """Counted from 1."""
    per_page: int = pydantic.Field(50, ge=1, le=200)
    """Items on a page."""
    search: str = pydantic.Field("", max_length=200, pattern=LINE)
    """Only items that contain this text, whatever the case."""
    sort: str = pydantic.Field("", max_length=40, pattern=r"^(-?[a-z_]+)?$")
    """Field to sort by; with - before it the other way round."""


PageQuery = Annotated[Paging, Query()]


class Page(Model, Generic[ItemT]):
    """A page of a list."""

    items: list[ItemT]
    total: int
    """Items on all pages together."""
    page: int
    per_page: int


def page_of(
    items: Sequence[SourceT],
    paging: Paging,
    show: Callable[[SourceT], ItemT],
    *,
    sorts: dict[str, Callable[[SourceT], Any]],
    text: Callable[[SourceT], str],
) -> Page[ItemT]:
    """Return the wanted page of a list that is at hand as a whole.

    ``sorts`` are the fields to sort by, the first is the default; ``text`` is what is searched.
    """
    if paging.search:
        wanted = paging.search.casefold()
        items = [item for item in items if wanted in text(item).casefold()]
    key, backwards = sort_key(paging, list(sorts))
    items = sorted(items, key=sorts[key], reverse=backwards)
    start = (paging.page - 1) * paging.per_page
    shown = [show(item) for item in items[start : start + paging.per_page]]
    return Page[ItemT](items=shown, total=len(items), page=paging.page, per_page=paging.per_page)


def sort_key(paging: Paging, known: Sequence[str]) -> tuple[str, bool]:
    """Return the field to sort by and whether backwards; raises BadInput for an unknown one."""
    name = paging.sort.removeprefix("-") or known[0]
    if name not in known:
        raise errors.BadInput(
            f'"sort": this list cannot be sorted by "{name}".', remedy=f"Sort by {', '.join(known)}."
        )
    return name, paging.sort.startswith("-")
