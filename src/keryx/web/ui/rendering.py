"""Jinja2 as the pages use it, and the headers that every page carries.

Autoescape for everything, StrictUndefined (a misspelt name fails in a test, not in silence). The
content security policy allows nothing inline and nothing from elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2

from keryx import __version__
from keryx.settings.site import Site
from keryx.web.ui import client, language

HERE = Path(__file__).parent
STATIC = HERE / "static"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""Headers of every page. Nothing is kept by the browser: a page shows what is private."""
HTMX = {
    # No <style> and no eval of its own: the policy above forbids both.
    "includeIndicatorStyles": False,
    "allowEval": False,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
}


class Renderer:
    """Renders pages of one site, in every language."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def render(self, template: str, tongue: str, values: dict[str, Any]) -> str:
        """Return a page."""
        return self._environment(tongue).get_template(template).render(values)

    @functools.cache  # noqa: B019  # one renderer lives as long as the process
    def _environment(self, tongue: str) -> jinja2.Environment:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.install_gettext_translations(language.catalogue(tongue), newstyle=True)  # type: ignore[attr-defined]
        for name in ("number", "size", "date", "duration"):
            environment.filters[name] = functools.partial(getattr(language, name), tongue)
        environment.filters["day"] = functools.partial(language.date, tongue, time=False)
        environment.filters["iso"] = _iso
        environment.filters["segment"] = client.segment
        environment.globals.update(
            static=static,
            version=__version__,
            languages=language.LANGUAGES,
            htmx_config=json.dumps(HTMX),
            webmails=self._webmails(),
        )
        return environment

    def _webmails(self) -> list[tuple[str, str]]:
        """Name and address of each webmail that is on."""
        host = self.site.settings.web.webmail_host
        base = self.site.web_url("webmail") if host else ""
        found = []
        if self.site.sogo_enabled:
            found.append(("SOGo", f"{base}/SOGo/"))
        if self.site.roundcube_enabled:
            found.append(("Roundcube", f"{base}/roundcube/"))
        return found


@functools.cache
def static(name: str) -> str:
    """Return the address of a file of ours; it changes with the file, so browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?{digest}"


def _iso(value: object) -> str:
    at = language.moment(value)
    return at.isoformat(timespec="seconds") if at else ""
