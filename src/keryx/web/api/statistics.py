"""Statistics: figures of the last day or month, for graphs."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from fastapi import APIRouter, Query

from keryx.admin import statistics
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import Model

router = APIRouter(tags=["statistics"])


Point = Annotated[list[int | float], pydantic.Field(min_length=2, max_length=2)]


class Statistics(Model):
    """Series of figures."""

    step: int
    """Seconds that one point stands for."""
    series: dict[str, list[Point]]
    """Points as [seconds of the epoch, value], oldest first; where nothing could be asked there is none.
    ``accepted``, ``rejected`` and ``spam`` are numbers of messages, ``queue`` is how many waited,
    ``queue_seconds`` how long the oldest did, ``disk`` the share in use."""


@router.get("/statistics")
def show(
    call: Annotated[Call, over_nothing("statistics.read")],
    period: Annotated[Literal["day", "month"], Query()] = "day",
) -> Statistics:
    """Show how many messages were accepted, rejected and taken for spam, and how long the queue was."""
    found = statistics.series(call.site, period)
    series = {name: [[point.at, point.value] for point in points] for name, points in found.points.items()}
    return Statistics(step=found.step, series=series)
