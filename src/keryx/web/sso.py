"""Signed in once: what the gateway asks before each request to a webmail, and the one thing that
SOGo is not left to do by itself.

``/internal/session`` answers nginx's auth_request: 200 with ``X-Keryx-User``, ``X-Keryx-Token`` and
``X-Keryx-Authorization`` (both together as Basic credentials, RFC 7617) for who is signed in, 401
for nobody, 403 for who may not (``?role=site``: the filter's pages) and for requests that are not
the person's own doing. No client reaches it, and none ever sees its answer.

``/internal/sogo/changePassword`` is SOGo's form for a new password: it speaks SOGo's words outside
and calls our API inside, so the same rules hold, sessions end, and the audit log knows.
"""

from __future__ import annotations

import base64
import json
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from keryx.admin import passwords, webmail_token
from keryx.admin.sessions import Current
from keryx.settings.site import Site
from keryx.web import auth, forgery
from keryx.web.ui.client import Api, Problem, segment

WEAK, FAILED, LOCKED = 5, 65535, 1
"""What SOGo's pages word as too weak, as failed, and as locked (LDAPPasswordPolicyError)."""


def add(app: FastAPI, site: Site) -> None:
    """Add the gateway's questions."""

    @app.get("/internal/session", include_in_schema=False)
    def session(request: Request, role: Annotated[str, Query()] = "") -> Response:
        current = auth.current(site, request)
        if current is None:
            return Response(status_code=401)
        if role and current.actor.role != role:
            return Response(status_code=403)
        if _is_forged(request):
            return Response(status_code=403)
        return Response(headers=_answer(site, current, token=not role))

    @app.post("/internal/sogo/changePassword", include_in_schema=False)
    async def change_password(request: Request) -> Response:
        return await _change_password(site, request)


def _answer(site: Site, current: Current, *, token: bool) -> dict[str, str]:
    address = current.actor.address
    headers = {"X-Keryx-User": address, "Cache-Control": "no-store"}
    if token and site.tokens:
        made = webmail_token.make(site, address).reveal()
        pair = base64.b64encode(f"{address}:{made}".encode()).decode()
        headers |= {"X-Keryx-Token": made, "X-Keryx-Authorization": f"Basic {pair}"}
    return headers


def _is_forged(request: Request) -> bool:
    target = request.headers.get("x-original-uri", "")
    if not target.startswith("/SOGo"):
        # The others see to it themselves.
        return False
    method = request.headers.get("x-original-method", "GET")
    return forgery.is_forged(method, target, request.headers)


async def _change_password(site: Site, request: Request) -> Response:
    current = await run_in_threadpool(auth.current, site, request)
    if current is None:
        return Response(status_code=401)
    if forgery.is_forged("POST", "/SOGo/so/changePassword", request.headers):
        return Response(status_code=403)
    try:
        said = json.loads(await request.body())
        old, new = str(said["oldPassword"]), str(said["newPassword"])
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"LDAPPasswordPolicyError": FAILED}, 403)
    address = current.actor.address
    if await run_in_threadpool(passwords.weakness, new, address):
        return JSONResponse({"LDAPPasswordPolicyError": WEAK}, 403)
    api = Api(request)
    api.csrf = current.csrf
    path = f"/accounts/{segment(address)}/password"
    try:
        done = await api.call("PUT", path, {"old": old, "password": new})
    except Problem as problem:
        word = LOCKED if problem.status == 429 else FAILED
        return JSONResponse({"LDAPPasswordPolicyError": word, "error": problem.error}, 403)
    # The fresh session, in place of the one that has just ended with all others.
    cookies = [(b"set-cookie", value.encode("latin-1")) for value in done.headers.get_list("set-cookie")]
    response = Response(status_code=204)
    response.raw_headers.extend(cookies)
    return response
