"""Pages that do not exist."""

from __future__ import annotations

from fastapi.responses import Response

from keryx.web.ui import page as pages
from keryx.web.ui.client import Problem
from keryx.web.ui.page import AnyPage

router = pages.router()


@router.get("/admin/{rest:path}")
@router.get("/account/{rest:path}")
async def missing(page: AnyPage, rest: str) -> Response:
    """Say so; a stranger learns the same as anybody."""
    return page.failure(Problem(404, page._("There is no such page.")))
