"""The site: administrators, API keys, announcements, audit log, settings, DKIM keys."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import MemberPage, Page, Sent

router = pages.router("/admin")


@router.get("/settings")
async def settings(page: MemberPage, search: str = "") -> Response:
    """The settings as they are; they are changed in keryx.yaml."""
    found: list[Any] = []
    while True:
        part = await page.api.get("/settings", search=search, per_page=200, page=len(found) // 200 + 1)
        found += part["items"]
        if not part["items"] or len(found) >= part["total"]:
            break
    template = "settings_rows.html" if page.partial else "settings.html"
    return page.render(template, settings=found, search=search)


@router.get("/audit")
async def audit(page: MemberPage, who: str = "", subject: str = "", action: str = "") -> Response:
    """Who changed what."""
    number = page.request.query_params.get("page", "1")
    query = {"who": who, "subject": subject, "action": action}
    found = await page.api.get("/audit", page=number, **query)
    template = "audit_rows.html" if page.partial else "audit.html"
    return page.render(
        template, audit=found, pager=pages.pager(found, **query), who=who, subject=subject, action=action
    )


@router.get("/dkim")
async def dkim(page: MemberPage) -> Response:
    """The DKIM keys of all domains."""
    number = page.request.query_params.get("page", "1")
    found = await page.api.get("/domains", page=number, per_page=20)
    names = [domain["name"] for domain in found["items"]]
    keys = await asyncio.gather(
        *(page.part(page.api.get(f"/domains/{segment(name)}/dkim")) for name in names)
    )
    return page.render("dkim.html", domains=list(zip(names, keys, strict=True)), pager=pages.pager(found))


@router.get("/administrators")
async def administrators(page: MemberPage) -> Response:
    """Who looks after the whole site."""
    return await _administrators(page)


async def _administrators(page: Page, problem: Problem | None = None, sent: Sent | None = None) -> Response:
    found = await page.api.get("/administrators", per_page=200)
    status = problem.status if problem else 200
    return page.render(
        "administrators.html", status, administrators=found, problem=problem, sent=sent or Sent()
    )


@router.post("/administrators")
async def add_administrator(page: MemberPage) -> Response:
    """Let somebody look after the whole site."""
    form = await page.form()
    who = form.text("address")
    try:
        await page.api.put(f"/administrators/{segment(who or ' ')}")
    except Problem as problem:
        if problem.status == 401:
            raise
        return await _administrators(page, problem, form.values())
    return page.go("/admin/administrators", page._("%(who)s is an administrator of the site now.", who=who))


@router.get("/administrators/{address}/remove")
async def ask_remove_administrator(page: MemberPage, address: str) -> Response:
    """Ask before somebody loses his role."""
    return _confirm_administrator(page, address)


def _confirm_administrator(page: Page, address: str, problem: Problem | None = None) -> Response:
    return page.render(
        "confirm.html",
        problem.status if problem else 200,
        title=page._("Take the site from %(who)s?", who=address),
        loses=[page._("%(who)s can no longer manage this site.", who=address)],
        keeps=page._("The account and its mail stay as they are."),
        button=page._("Take the role away"),
        back="/admin/administrators",
        problem=problem,
    )


@router.post("/administrators/{address}/remove")
async def remove_administrator(page: MemberPage, address: str) -> Response:
    """Take the site from its administrator."""
    await page.form()
    try:
        await page.api.delete(f"/administrators/{segment(address)}")
    except Problem as problem:
        if problem.status == 401:
            raise
        return _confirm_administrator(page, address, problem)
    return page.go("/admin/administrators", page._("%(who)s is no longer administrator.", who=address))


@router.get("/api-keys")
async def keys(page: MemberPage) -> Response:
    """API keys."""
    return await _keys(page)


async def _keys(
    page: Page, problem: Problem | None = None, sent: Sent | None = None, made: Any = None
) -> Response:
    found = await page.api.get("/api-keys", per_page=200)
    status = problem.status if problem else 200
    return page.render("api_keys.html", status, keys=found, problem=problem, sent=sent or Sent(), made=made)


@router.post("/api-keys")
async def add_key(page: MemberPage) -> Response:
    """Make a key; it is shown this once."""
    form = await page.form()
    domains = form.words("domains")
    body = {
        "name": form.text("name"),
        "role": "domain" if domains else "site",
        "domains": domains,
        "access": form.text("access") or "read",
        "expires": form.last_day("expires"),
    }
    try:
        made = await page.api.post("/api-keys", body)
    except Problem as problem:
        if problem.status == 401:
            raise
        return await _keys(page, problem, form.values())
    return await _keys(page, made=made)


@router.get("/api-keys/{id}/remove")
async def ask_remove_key(page: MemberPage, id: str) -> Response:
    """Ask before a key ends."""
    found = await page.api.get("/api-keys", per_page=200)
    name = next((key["name"] for key in found["items"] if str(key["id"]) == id), id)
    return page.render(
        "confirm.html",
        title=page._("Revoke the key “%(name)s”?", name=name),
        loses=[page._("Programs that use it are refused at once. It cannot be brought back.")],
        keeps=page._("What they have made stays as it is."),
        button=page._("Revoke the key"),
        back="/admin/api-keys",
    )


@router.post("/api-keys/{id}/remove")
async def remove_key(page: MemberPage, id: str) -> Response:
    """Revoke a key."""
    await page.form()
    await page.api.delete(f"/api-keys/{segment(id)}")
    return page.go("/admin/api-keys", page._("The key is revoked."))


@router.get("/announcements")
async def announcements(page: MemberPage) -> Response:
    """What everybody reads at the top of these pages."""
    if page.role != "site":
        # The list itself is for everybody; this page is about changing it.
        raise Problem(403, page._("Only an administrator of the site announces something."))
    return await _announcements(page)


async def _announcements(page: Page, problem: Problem | None = None, sent: Sent | None = None) -> Response:
    found = await page.api.get("/announcements", per_page=200)
    status = problem.status if problem else 200
    return page.render(
        "announcements.html", status, announcements=found, problem=problem, sent=sent or Sent()
    )


@router.post("/announcements")
async def announce(page: MemberPage) -> Response:
    """Tell everybody something."""
    form = await page.form()
    body = {
        "text": form.text("text"),
        "level": form.text("level") or "info",
        "expires": form.last_day("expires"),
    }
    try:
        await page.api.post("/announcements", body)
    except Problem as problem:
        if problem.status == 401:
            raise
        return await _announcements(page, problem, form.values())
    return page.go("/admin/announcements", page._("Everybody who signs in reads it now."))


@router.post("/announcements/{id}/remove")
async def withdraw(page: MemberPage, id: str) -> Response:
    """Withdraw an announcement."""
    await page.form()
    await page.api.delete(f"/announcements/{segment(id)}")
    return page.go("/admin/announcements", page._("The announcement is withdrawn."))
