"""Aliases and lists; where an address would go."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import Form, MemberPage, Page

router = pages.router("/admin")


@router.get("/aliases")
async def listing(page: MemberPage, search: str = "", domain: str = "") -> Response:
    """Aliases and lists, found while typing."""
    number = page.request.query_params.get("page", "1")
    found = await page.api.get("/aliases", search=search, domain=domain, page=number)
    values = {
        "aliases": found,
        "search": search,
        "domain": domain,
        "pager": pages.pager(found, search=search, domain=domain),
    }
    return page.render("aliases_rows.html" if page.partial else "aliases.html", **values)


@router.get("/aliases/new")
async def new(page: MemberPage, domain: str = "") -> Response:
    """The form for a new alias."""
    return page.render("alias.html", alias=None, domain=domain)


@router.post("/aliases/new")
async def add(page: MemberPage) -> Response:
    """Make an alias."""
    form = await page.form()
    address = form.text("address")
    try:
        if not address:
            raise Problem(400, page._("Give the alias an address, such as sales@example.org."))
        await page.api.add(f"/aliases/{segment(address)}", _body(form))
    except Problem as problem:
        return page.render(
            "alias.html", problem.status, alias=None, domain="", problem=problem, sent=form.values()
        )
    notice = page._("Mail to %(address)s goes to its targets now.", address=address)
    return page.go(f"/admin/aliases?domain={segment(address.rpartition('@')[2])}", notice)


@router.get("/aliases/{address}")
async def show(page: MemberPage, address: str) -> Response:
    """One alias."""
    alias = await page.api.get(f"/aliases/{segment(address)}")
    return page.render("alias.html", alias=alias, domain="")


@router.post("/aliases/{address}")
async def change(page: MemberPage, address: str) -> Response:
    """Change an alias."""
    form = await page.form()
    path = f"/aliases/{segment(address)}"
    try:
        await page.api.patch(path, _body(form))
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        alias = await page.api.get(path)
        return page.render(
            "alias.html", problem.status, alias=alias, domain="", problem=problem, sent=form.values()
        )
    return page.go(f"/admin/aliases/{segment(address)}", page._("Saved."))


@router.get("/aliases/{address}/remove")
async def ask_remove(page: MemberPage, address: str) -> Response:
    """Ask before an alias goes."""
    return await _confirm(page, address)


@router.post("/aliases/{address}/remove")
async def remove(page: MemberPage, address: str) -> Response:
    """Remove an alias."""
    await page.form()
    try:
        await page.api.delete(f"/aliases/{segment(address)}")
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return await _confirm(page, address, problem)
    domain = segment(address.rpartition("@")[2])
    return page.go(f"/admin/aliases?domain={domain}", page._("%(name)s is removed.", name=address))


async def _confirm(page: Page, address: str, problem: Problem | None = None) -> Response:
    alias = await page.api.get(f"/aliases/{segment(address)}")
    loses = [
        page._("Mail to %(address)s is refused from now on.", address=address),
        page._("It no longer reaches %(targets)s.", targets=", ".join(alias["targets"])),
    ]
    return page.render(
        "confirm.html",
        problem.status if problem else 200,
        title=page._("Remove the alias %(name)s?", name=address),
        loses=loses,
        keeps=page._("Mail that was delivered stays where it is."),
        button=page._("Remove the alias"),
        back=f"/admin/aliases/{segment(address)}",
        problem=problem,
    )


@router.get("/trace")
async def trace(page: MemberPage, address: str = "") -> Response:
    """Where would this address go?"""
    found, problem = None, None
    if address.strip():
        try:
            found = await page.api.get("/trace", address=address.strip())
        except Problem as refused:
            if refused.status == 401:
                raise
            problem = refused
    template = "trace_result.html" if page.partial else "trace.html"
    return page.render(
        template, problem.status if problem else 200, address=address, found=found, problem=problem
    )


def _body(form: Form) -> dict[str, Any]:
    return {
        "targets": form.words("targets"),
        "description": form.text("description"),
        "active": form.flag("active"),
    }
