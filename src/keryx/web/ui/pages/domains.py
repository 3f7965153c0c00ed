"""Domains: their limits, catch-all, other names, administrators, DNS records and DKIM keys."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi.responses import PlainTextResponse, Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import Form, MemberPage, Page, Sent

router = pages.router("/admin/domains")
LIMITS = ("max_accounts", "max_aliases", "max_quota_mb")
"""Limits that are 0 when their field is left empty: none."""


@router.get("")
async def listing(page: MemberPage, search: str = "") -> Response:
    """All domains that the person may see."""
    number = page.request.query_params.get("page", "1")
    domains = await page.api.get("/domains", search=search, page=number)
    values = {"domains": domains, "pager": pages.pager(domains, search=search), "search": search}
    return page.render("domains_rows.html" if page.partial else "domains.html", **values)


@router.get("/new")
async def new(page: MemberPage) -> Response:
    """The form for a new domain."""
    return page.render("domain_new.html")


@router.post("/new")
async def add(page: MemberPage) -> Response:
    """Make a domain."""
    form = await page.form()
    name = form.text("name")
    try:
        if not name:
            raise Problem(400, page._("Give the domain a name, such as example.org."))
        await page.api.add(f"/domains/{segment(name)}", _body(form))
    except Problem as problem:
        return page.render("domain_new.html", problem.status, problem=problem, sent=form.values())
    notice = page._("%(name)s is ready for accounts. Now publish its DNS records.", name=name)
    return page.go(f"/admin/domains/{segment(name)}/dns", notice)


@router.get("/{domain}")
async def show(page: MemberPage, domain: str) -> Response:
    """One domain."""
    return await _show(page, domain)


async def _show(
    page: Page, domain: str, problem: Problem | None = None, sent: Sent | None = None
) -> Response:
    api, path = page.api, f"/domains/{segment(domain)}"
    shown = await api.get(path)
    catch_all, other_names, administrators = await asyncio.gather(
        page.part(_catch_all(page, domain)),
        page.part(api.get(f"{path}/alias-domains")),
        page.part(api.get(f"{path}/administrators")),
    )
    return page.render(
        "domain.html",
        problem.status if problem else 200,
        domain=shown,
        catch_all=catch_all,
        other_names=other_names,
        administrators=administrators,
        problem=problem,
        sent=sent or Sent(),
    )


@router.post("/{domain}")
async def change(page: MemberPage, domain: str) -> Response:
    """Change description and limits."""
    form = await page.form()
    return await _then(
        page, domain, form, page.api.patch(f"/domains/{segment(domain)}", _body(form)), page._("Saved.")
    )


@router.post("/{domain}/catch-all")
async def set_catch_all(page: MemberPage, domain: str) -> Response:
    """Say who gets mail for addresses that do not exist; nobody when left empty."""
    form = await page.form()
    path, targets = f"/aliases/{segment('@' + domain)}", form.words("targets")
    if targets:
        call = page.api.put(path, {"targets": targets, "description": "", "active": True})
        notice = page._("Mail for unknown addresses now goes to %(who)s.", who=", ".join(targets))
    else:
        call = page.api.delete(path)
        notice = page._("Mail for unknown addresses is refused now.")
    return await _then(page, domain, form, call, notice)


@router.post("/{domain}/other-names")
async def add_other_name(page: MemberPage, domain: str) -> Response:
    """Give the domain another name."""
    form = await page.form()
    name = form.text("name")
    call = page.api.put(f"/domains/{segment(domain)}/alias-domains/{segment(name or ' ')}")
    return await _then(
        page, domain, form, call, page._("%(name)s means %(domain)s now.", name=name, domain=domain)
    )


@router.get("/{domain}/other-names/{name}/remove")
async def ask_remove_other_name(page: MemberPage, domain: str, name: str) -> Response:
    """Ask before another name goes."""
    return page.render(
        "confirm.html",
        title=page._("Remove %(name)s?", name=name),
        loses=[page._("Mail to addresses at %(name)s is refused from now on.", name=name)],
        keeps=page._("Accounts and mail of %(domain)s stay as they are.", domain=domain),
        button=page._("Remove the name"),
        back=f"/admin/domains/{segment(domain)}",
    )


@router.post("/{domain}/other-names/{name}/remove")
async def remove_other_name(page: MemberPage, domain: str, name: str) -> Response:
    """Take another name from the domain."""
    form = await page.form()
    call = page.api.delete(f"/domains/{segment(domain)}/alias-domains/{segment(name)}")
    return await _then(page, domain, form, call, page._("%(name)s is gone.", name=name))


@router.post("/{domain}/administrators")
async def add_administrator(page: MemberPage, domain: str) -> Response:
    """Let somebody look after this domain."""
    form = await page.form()
    who = form.text("address")
    call = page.api.put(f"/domains/{segment(domain)}/administrators/{segment(who or ' ')}")
    return await _then(
        page, domain, form, call, page._("%(who)s looks after %(domain)s now.", who=who, domain=domain)
    )


@router.get("/{domain}/administrators/{address}/remove")
async def ask_remove_administrator(page: MemberPage, domain: str, address: str) -> Response:
    """Ask before somebody loses his role."""
    return page.render(
        "confirm.html",
        title=page._("Take %(domain)s from %(who)s?", domain=domain, who=address),
        loses=[page._("%(who)s can no longer manage %(domain)s.", who=address, domain=domain)],
        keeps=page._("The account and its mail stay as they are."),
        button=page._("Take the role away"),
        back=f"/admin/domains/{segment(domain)}",
    )


@router.post("/{domain}/administrators/{address}/remove")
async def remove_administrator(page: MemberPage, domain: str, address: str) -> Response:
    """Take the domain from its administrator."""
    form = await page.form()
    call = page.api.delete(f"/domains/{segment(domain)}/administrators/{segment(address)}")
    return await _then(page, domain, form, call, page._("%(who)s is no longer administrator.", who=address))


@router.get("/{domain}/dns")
async def dns(page: MemberPage, domain: str) -> Response:
    """The DNS records to publish, and the DKIM keys."""
    path = f"/domains/{segment(domain)}"
    shown = await page.api.get(path)
    records, keys = await asyncio.gather(
        page.part(page.api.get(f"{path}/dns")), page.part(page.api.get(f"{path}/dkim"))
    )
    return page.render("domain_dns.html", domain=shown, records=records, keys=keys)


@router.post("/{domain}/dkim")
async def make_dkim(page: MemberPage, domain: str) -> Response:
    """Make the DKIM keys that are missing."""
    await page.form()
    await page.api.post(f"/domains/{segment(domain)}/dkim")
    return page.go(f"/admin/domains/{segment(domain)}/dns", page._("The keys exist. Publish their records."))


@router.get("/{domain}/zone")
async def zone(page: MemberPage, domain: str) -> Response:
    """The records as a file for a name server."""
    text = await page.api.text(f"/domains/{segment(domain)}/zone")
    name = f'attachment; filename="{segment(domain)}.zone"'
    return PlainTextResponse(text, headers={"Content-Disposition": name, "Cache-Control": "no-store"})


@router.get("/{domain}/remove")
async def ask_remove(page: MemberPage, domain: str) -> Response:
    """Ask before a domain goes, naming what goes with it."""
    return await _confirm_removal(page, domain)


@router.post("/{domain}/remove")
async def remove(page: MemberPage, domain: str) -> Response:
    """Remove a domain."""
    form = await page.form()
    try:
        await page.api.delete(
            f"/domains/{segment(domain)}",
            force="true" if form.flag("force") else None,
            purge_mail="true" if form.flag("purge_mail") else None,
        )
    except Problem as problem:
        return await _confirm_removal(page, domain, problem)
    return page.go("/admin/domains", page._("%(name)s is removed.", name=domain))


async def _confirm_removal(page: Page, domain: str, problem: Problem | None = None) -> Response:
    shown = await page.api.get(f"/domains/{segment(domain)}")
    loses = [page._("Mail to every address at %(name)s is refused from now on.", name=domain)]
    accounts, aliases = shown.get("accounts") or 0, shown.get("aliases") or 0
    if accounts:
        text = page.ngettext(
            "%(count)s account can no longer sign in and receives no mail.",
            "%(count)s accounts can no longer sign in and receive no mail.",
            accounts,
        )
        loses.append(text)
    if aliases:
        loses.append(page.ngettext("%(count)s alias ends.", "%(count)s aliases and lists end.", aliases))
    return page.render(
        "confirm.html",
        problem.status if problem else 200,
        title=page._("Remove the domain %(name)s?", name=domain),
        loses=loses,
        keeps=page._("The mail of its accounts stays on the disk unless you tick the box below."),
        button=page._("Remove the domain"),
        back=f"/admin/domains/{segment(domain)}",
        force=page._("Remove it together with everything named above")
        if accounts or aliases or (problem and problem.status == 409)
        else "",
        purge=page._("Also remove the stored mail of its accounts from the disk, for good"),
        problem=problem,
    )


async def _catch_all(page: Page, domain: str) -> dict[str, Any] | None:
    try:
        found = await page.api.get(f"/aliases/{segment('@' + domain)}")
    except Problem as problem:
        if problem.status == 404:
            return None
        raise
    return dict(found)


async def _then(page: Page, domain: str, form: Form, call: Any, notice: str) -> Response:
    """Do it and go back to the domain; a refusal is said there, with what was typed."""
    try:
        await call
    except Problem as problem:
        if problem.status in (401, 404):
            raise
        return await _show(page, domain, problem, form.values())
    return page.go(f"/admin/domains/{segment(domain)}", notice)


def _body(form: Form) -> dict[str, Any]:
    """Return what the form holds; a domain's own administrator gets no fields for the limits."""
    body: dict[str, Any] = {"description": form.text("description")}
    for name in LIMITS:
        if form.flag(name):
            body[name] = form.number(name) or 0
    if form.flag("default_quota_mb"):
        body["default_quota_mb"] = form.number("default_quota_mb")
    return body
