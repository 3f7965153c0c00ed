"""Accounts, as an administrator sees them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import Form, MemberPage, Page, Sent

router = pages.router("/admin/accounts")


@router.get("")
async def listing(page: MemberPage, search: str = "", domain: str = "") -> Response:
    """Accounts, found while typing."""
    number = page.request.query_params.get("page", "1")
    found = await page.api.get("/accounts", search=search, domain=domain, page=number)
    values = {
        "accounts": found,
        "search": search,
        "domain": domain,
        "pager": pages.pager(found, search=search, domain=domain),
    }
    if page.partial:
        return page.render("accounts_rows.html", **values)
    return page.render("accounts.html", domains=await _domains(page), **values)


@router.get("/new")
async def new(page: MemberPage, domain: str = "") -> Response:
    """The form for a new account."""
    return page.render("account_new.html", domain=domain, domains=await _domains(page))


@router.post("/new")
async def add(page: MemberPage) -> Response:
    """Make an account."""
    form = await page.form()
    address = form.text("address")
    if "@" not in address and form.text("domain"):
        address = f"{address}@{form.text('domain')}"
    body = {
        "name": form.text("name"),
        "quota_mb": form.number("quota_mb"),
        "aliases": form.words("aliases"),
        "active": True,
        "send_only": form.flag("send_only"),
        "password": form.secret("password"),
    }
    try:
        if not address.partition("@")[0]:
            raise Problem(400, page._("Give the account an address, such as name@example.org."))
        await page.api.add(f"/accounts/{segment(address)}", body)
    except Problem as problem:
        return page.render(
            "account_new.html",
            problem.status,
            problem=problem,
            sent=form.values(),
            domain=form.text("domain"),
            domains=await _domains(page),
        )
    notice = page._("%(address)s can sign in and receive mail now.", address=address)
    return page.go(f"/admin/accounts/{segment(address.lower())}", notice)


@router.get("/{address}")
async def show(page: MemberPage, address: str) -> Response:
    """One account."""
    return await _show(page, address)


async def _show(
    page: Page,
    address: str,
    problem: Problem | None = None,
    sent: Sent | None = None,
    at: str = "account",
    password: str = "",
) -> Response:
    path = f"/accounts/{segment(address)}"
    account = await page.api.get(path)
    quota, mail_sessions = await asyncio.gather(
        page.part(page.api.get(f"{path}/quota")), page.part(page.api.get(f"{path}/sessions"))
    )
    return page.render(
        "account.html",
        problem.status if problem else 200,
        account=account,
        quota=quota,
        mail_sessions=mail_sessions,
        problem=problem,
        at=at,
        sent=sent or Sent(),
        password=password,
    )


@router.post("/{address}")
async def change(page: MemberPage, address: str) -> Response:
    """Change what the form shows."""
    form = await page.form()
    body: dict[str, Any] = {
        "name": form.text("name"),
        "quota_mb": form.number("quota_mb"),
        "aliases": form.words("aliases"),
        "active": form.flag("active"),
        "send_only": form.flag("send_only"),
    }
    if page.role == "site":
        body["super_user"] = form.flag("super_user")
    if body["quota_mb"] is None:
        del body["quota_mb"]
    call = page.api.patch(f"/accounts/{segment(address)}", body, force="true" if form.flag("force") else None)
    return await _then(page, address, form, call, page._("Saved."))


@router.post("/{address}/password")
async def set_password(page: MemberPage, address: str) -> Response:
    """Give a new password: typed, or one made here and shown once."""
    form = await page.form()
    path = f"/accounts/{segment(address)}/password"
    made = form.flag("generate")
    body = {"generate": True} if made else {"password": form.secret("password")}
    try:
        answer = await page.api.put(path, body)
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return await _show(page, address, problem, at="password")
    if made:
        return await _show(page, address, at="password", password=str(answer["password"]))
    notice = page._("The password is changed. All sessions of the account have ended.")
    return page.go(f"/admin/accounts/{segment(address)}", notice)


@router.post("/{address}/sessions/end")
async def end_sessions(page: MemberPage, address: str) -> Response:
    """End the connections of mail programs."""
    await page.form()
    await page.api.delete(f"/accounts/{segment(address)}/sessions")
    return page.go(f"/admin/accounts/{segment(address)}", page._("All connections have been closed."))


@router.get("/{address}/remove")
async def ask_remove(page: MemberPage, address: str) -> Response:
    """Ask before an account goes."""
    return await _confirm_removal(page, address)


@router.post("/{address}/remove")
async def remove(page: MemberPage, address: str) -> Response:
    """Remove an account, and its mail when that is wanted."""
    form = await page.form()
    try:
        await page.api.delete(
            f"/accounts/{segment(address)}",
            purge_mail="true" if form.flag("purge_mail") else None,
            force="true" if form.flag("force") else None,
        )
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return await _confirm_removal(page, address, problem)
    domain = address.rpartition("@")[2]
    return page.go(f"/admin/accounts?domain={segment(domain)}", page._("%(name)s is removed.", name=address))


async def _confirm_removal(page: Page, address: str, problem: Problem | None = None) -> Response:
    account = await page.api.get(f"/accounts/{segment(address)}")
    loses = [page._("%(address)s can no longer sign in; mail to it is refused.", address=address)]
    if account.get("aliases"):
        text = page._("So is mail to its other addresses: %(names)s.", names=", ".join(account["aliases"]))
        loses.append(text)
    quota = await page.part(page.api.get(f"/accounts/{segment(address)}/quota"))
    return page.render(
        "account_remove.html",
        problem.status if problem else 200,
        account=account,
        loses=loses,
        quota=quota,
        problem=problem,
    )


async def _domains(page: Page) -> list[str]:
    """Names of the domains to choose from; none when there are too many for a list."""
    found = await page.part(page.api.get("/domains", per_page=200))
    if found.problem or found.value["total"] > 200:
        return []
    return [domain["name"] for domain in found.value["items"]]


async def _then(page: Page, address: str, form: Form, call: Any, notice: str) -> Response:
    try:
        await call
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return await _show(page, address, problem, form.values())
    return page.go(f"/admin/accounts/{segment(address)}", notice)
