"""Outlook's autodiscover: the XML that is posted, for mail and for ActiveSync, and the later JSON.

Phones and the new Outlook ask with the schema of ActiveSync ("mobilesync"), the older Outlook with
that of mail; the JSON only tells where one of the two is. Who sends a password along is answered
all the same: nothing here depends on it.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from xml.parsers import expat

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from keryx.admin import client_setup
from keryx.core import errors
from keryx.settings.site import Site
from keryx.web.clients import documents

LONGEST = 65536
"""Bytes of a request that are read."""
MAIL = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
INVALID, NOT_OFFERED = 600, 601
"""Error codes: the request is no good; the schema that it wants is not offered here."""


@dataclass(frozen=True)
class Question:
    """What was posted."""

    address: str
    schema: str
    """The schema of the wanted answer."""


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.post("/autodiscover/autodiscover.xml")
    async def posted(request: Request) -> Response:
        try:
            question = read(await body(request))
        except errors.BadInput:
            return failure(INVALID, "Invalid Request")
        return await run_in_threadpool(answer, site, question)

    @routes.get("/autodiscover/autodiscover.xml")
    def looked_at() -> Response:
        return failure(INVALID, "Invalid Request")

    @routes.get("/autodiscover/autodiscover.json")
    @routes.get("/autodiscover/autodiscover.json/v1.0/{address}")
    def second_version(request: Request, address: str = "") -> Response:
        given = {name.lower(): value for name, value in request.query_params.items()}
        return located(site, address or given.get("email", ""), given.get("protocol", ""))

    return routes


async def body(request: Request) -> bytes:
    """Return what was posted; raises BadInput when it is too long to be a question."""
    text = b""
    async for piece in request.stream():
        text += piece
        if len(text) > LONGEST:
            raise errors.BadInput("The request is too long.")
    return text


def read(text: bytes) -> Question:
    """Return the question in an XML document; raises BadInput.

    A document type is refused, and with it every entity that the document could define: no
    expansion, nothing fetched from elsewhere.
    """
    found: dict[str, str] = {}
    within: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        within.append(name.rpartition(" ")[2])

    def end(name: str) -> None:
        within.pop()

    def characters(piece: str) -> None:
        if within[-1] in ("EMailAddress", "AcceptableResponseSchema"):
            found[within[-1]] = found.get(within[-1], "") + piece

    def refuse(*arguments: object) -> None:
        raise errors.BadInput("A document type is not read here.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError) as error:
        raise errors.BadInput("The request is not XML.") from error
    question = Question(
        found.get("EMailAddress", "").strip(), found.get("AcceptableResponseSchema", "").strip()
    )
    if not question.address or not question.schema:
        raise errors.BadInput("The request names no address or no schema.")
    return question


def answer(site: Site, question: Question) -> Response:
    """Return the set-up that was asked for; raises NotFound for a domain that is not ours."""
    try:
        domain = client_setup.domain_of(question.address)
    except errors.BadInput:
        return failure(INVALID, "Invalid Request")
    setup = client_setup.of(site, client_setup.managed(site, domain))
    names = {"setup": setup, "address": question.address}
    if question.schema == MAIL:
        best = [server for protocol in ("imap", "pop3", "smtp") if (server := setup.best(protocol))]
        return documents.xml("autodiscover-mail.xml", servers=best, **names)
    if question.schema == MOBILE and setup.activesync:
        return documents.xml("autodiscover-mobilesync.xml", **names)
    return failure(NOT_OFFERED, "Provider is not available")


def located(site: Site, address: str, protocol: str) -> Response:
    """Return where a protocol is (the second version); raises NotFound for a foreign domain."""
    if "@" not in address:
        return _refusal("EmailRequired", "The address is missing: Email=name@example.org.")
    setup = client_setup.of(site, client_setup.managed(site, client_setup.domain_of(address)))
    offered = {"ActiveSync": setup.activesync, "AutodiscoverV1": setup.autodiscover}
    # Outlook itself writes "Autodiscoverv1".
    for name, url in offered.items():
        if url and name.lower() == protocol.lower():
            return JSONResponse({"Protocol": name, "Url": url})
    known = ",".join(name for name, url in offered.items() if url)
    return _refusal(
        "InvalidProtocol", f"The given protocol value is invalid. Supported values are '{known}'."
    )


def failure(code: int, message: str) -> Response:
    """Return the document that says what is wrong with a question."""
    now = datetime.datetime.now(datetime.UTC).strftime("%H:%M:%S.%f")
    return documents.xml("autodiscover-error.xml", code=code, message=message, time=now)


def _refusal(code: str, message: str) -> Response:
    return JSONResponse({"ErrorCode": code, "ErrorMessage": message}, 400)
