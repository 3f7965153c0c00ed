"""Health checks: the same that ``keryx doctor`` makes."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from fastapi import APIRouter

from keryx.admin import doctor
from keryx.core import check, errors
from keryx.web.api.call import Call, over_nothing
from keryx.web.api.models import Model

router = APIRouter(tags=["checks"])


class Result(Model):
    """A check with what it found."""

    id: str
    """Stable, dotted: ``port.imaps``."""
    title: str
    status: Literal["ok", "warning", "failed"]
    sentence: str
    remedy: str
    seconds: float


class Checks(Model):
    """What the latest run found, as far as it has come."""

    at: datetime.datetime | None
    """When it began; null when there was none yet."""
    running: bool
    """Whether it is under way: there will be more results."""
    items: list[Result]


@router.get("/checks")
def show(call: Annotated[Call, over_nothing("checks.read")]) -> Checks:
    """Show what the latest run of the checks found."""
    return _shown(doctor.latest(call.site))


@router.post("/checks/run", status_code=202)
def run(call: Annotated[Call, over_nothing("checks.run")]) -> Checks:
    """Begin a run of the checks; GET /checks shows how far it has come."""
    if not doctor.start(call.site):
        raise errors.Exists("The checks are running already.", remedy="GET /checks shows how far they are.")
    call.did("checks.run", "suite")
    return _shown(doctor.latest(call.site))


def _shown(found: doctor.Latest) -> Checks:
    return Checks(at=found.at, running=found.running, items=[_result(result) for result in found.results])


def _result(result: check.Result) -> Result:
    return Result(
        id=result.id,
        title=result.title,
        status=result.status.value,
        sentence=result.sentence,
        remedy=result.remedy,
        seconds=result.seconds,
    )
