"""The first page of an administrator: is everything well?"""

from __future__ import annotations

import asyncio
import datetime
from typing import Any

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.page import MemberPage, Page

router = pages.router("/admin")


@router.get("")
@router.get("/")
async def dashboard(page: MemberPage) -> Response:
    """State of the site; a domain's administrator begins with his domains."""
    if page.role == "user":
        return page.go("/account/")
    if page.role == "domain":
        return page.go("/admin/domains")
    return page.render("dashboard.html", **await _state(page))


@router.get("/dashboard/state")
async def state(page: MemberPage) -> Response:
    """The part of the dashboard that renews itself."""
    return page.render("dashboard_state.html", **await _state(page))


@router.get("/figures")
async def figures(page: MemberPage, period: str = "day") -> Response:
    """The figures behind the graphs, as a table."""
    series = await page.api.get("/statistics", period=period)
    return page.render("figures.html", period=period, rows=table(series["series"], period))


@router.post("/checks")
async def run_checks(page: MemberPage) -> Response:
    """Run the health checks now."""
    await page.form()
    await page.api.post("/checks/run")
    return page.go("/admin/#checks", page._("The checks are under way; their results appear here."))


async def _state(page: Page) -> dict[str, Any]:
    status, checks = await asyncio.gather(
        page.part(page.api.get("/status")), page.part(page.api.get("/checks"))
    )
    return {"status": status, "checks": checks}


def table(series: dict[str, list[list[float]]], period: str) -> list[dict[str, float | None]]:
    """Return series of [time, value] as rows, newest first: by the hour for a day, else by the day.

    Messages add up, and spam is not counted among the accepted a second time; of the queue the
    longest counts.
    """
    rows: dict[float, dict[str, float]] = {}
    for name in ("accepted", "rejected", "spam", "queue"):
        for at, value in series.get(name, []):
            row = rows.setdefault(_begin(at, period), {})
            row[name] = max(row.get(name, 0), value) if name == "queue" else row.get(name, 0) + value
    for row in rows.values():
        if "accepted" in row:
            row["accepted"] -= row.get("spam", 0)
    return [{"at": at, **rows[at]} for at in sorted(rows, reverse=True)]


def _begin(at: float, period: str) -> float:
    """Return when the hour or the day of a time began."""
    moment = datetime.datetime.fromtimestamp(at).astimezone()
    whole = {"minute": 0, "second": 0, "microsecond": 0} | ({} if period == "day" else {"hour": 0})
    return moment.replace(**whole).timestamp()  # type: ignore[arg-type]
