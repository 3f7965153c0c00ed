"""XML documents from templates, escaped."""

from __future__ import annotations

import functools

import jinja2
from fastapi.responses import Response


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(__package__ or "", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def xml(template: str, /, **names: object) -> Response:
    """Return a document; nobody need ask for it again within the hour."""
    text = _environment().get_template(f"{template}.j2").render(**names)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(text, media_type="text/xml; charset=utf-8", headers=headers)
