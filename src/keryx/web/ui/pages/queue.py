"""The queue: messages that wait for their next attempt."""

from __future__ import annotations

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem, segment
from keryx.web.ui.page import MemberPage, Page

router = pages.router("/admin/queue")
ACTIONS = ("hold", "release", "retry")


@router.get("")
async def listing(page: MemberPage, sender: str = "", recipient: str = "") -> Response:
    """The waiting messages."""
    number = page.request.query_params.get("page", "1")
    found = await page.api.get("/queue", sender=sender, recipient=recipient, page=number)
    values = {
        "queue": found,
        "sender": sender,
        "recipient": recipient,
        "pager": pages.pager(found, sender=sender, recipient=recipient),
    }
    return page.render("queue_rows.html" if page.partial else "queue.html", **values)


@router.post("/flush")
async def flush(page: MemberPage) -> Response:
    """Try all messages now."""
    await page.form()
    await page.api.post("/queue/flush")
    return page.go("/admin/queue", page._("Postfix tries all waiting messages now."))


@router.post("/selected")
async def selected(page: MemberPage) -> Response:
    """Do something with the ticked messages; deleting asks first."""
    form = await page.form()
    ids, action = form.all("id"), form.text("action")
    if not ids:
        return page.go("/admin/queue", page._("Tick at least one message first."))
    if action == "delete" and not form.flag("sure"):
        return page.render("queue_delete.html", ids=ids, everything=False)
    done = 0
    for id in ids:
        try:
            if action == "delete":
                await page.api.delete(f"/queue/{segment(id)}")
            elif action in ACTIONS:
                await page.api.post(f"/queue/{segment(id)}/{action}")
            else:
                raise Problem(400, page._("There is nothing to be done by that name."))
        except Problem as problem:
            # Delivered or deleted meanwhile: what was wanted is no longer needed.
            if problem.status != 404:
                raise
        else:
            done += 1
    return page.go("/admin/queue", _said(page, action, done))


@router.get("/delete-all")
async def ask_delete_all(page: MemberPage) -> Response:
    """Ask before the whole queue goes."""
    found = await page.api.get("/queue", per_page=1)
    return page.render("queue_delete.html", ids=[], everything=True, total=found["total"])


@router.post("/delete-all")
async def delete_all(page: MemberPage) -> Response:
    """Delete every waiting message."""
    await page.form()
    await page.api.delete("/queue", everything="true")
    return page.go("/admin/queue", page._("The queue is empty."))


@router.get("/{id}")
async def show(page: MemberPage, id: str) -> Response:
    """One message as it waits."""
    found = await page.api.text(f"/queue/{segment(id)}")
    return page.render("queue_message.html", id=id, text=found)


def _said(page: Page, action: str, count: int) -> str:
    texts = {
        "delete": page._("Deleted: %(count)s", count=count),
        "hold": page._("Held back: %(count)s", count=count),
        "release": page._("Released: %(count)s", count=count),
        "retry": page._("Tried again: %(count)s", count=count),
    }
    return texts[action]
