"""The pages that people see in a browser: sign-in, administration, self-service.

Server-made HTML: every page and every form works without JavaScript; htmx adds comfort (search
while typing, a dashboard that renews itself). The pages hold no rule: each handler calls the API
in-process, over ASGI, with the caller's own session, and shows what the API answers. What a role
may not see is refused there, and only hidden here.

Layout:

- ``client.py``      the API as the pages call it; a refusal is a ``Problem`` with the API's sentence
- ``page.py``        one request: who asks, in which language, forms, rendering, redirects
- ``rendering.py``   Jinja2 with autoescape and StrictUndefined; headers (CSP without unsafe-inline)
- ``language.py``    gettext catalogues in ``locale/``, dates and numbers; renew by script/translations
- ``pages/``         the handlers, one module per subject
- ``templates/``     the pages; ``parts.html`` holds what they share
- ``static/``        served at /static/ by nginx; ``vendor/`` is made by script/assets

``add(app, site)`` puts all of it into the web process.
"""

from __future__ import annotations

import fastapi

from keryx.settings.site import Site
from keryx.web.ui import pages
from keryx.web.ui.rendering import Renderer


def add(app: fastapi.FastAPI, site: Site) -> None:
    """Add the pages to the web process; ``/static/`` is the gateway's."""
    app.state.renderer = Renderer(site)
    for router in pages.ROUTERS:
        app.include_router(router, include_in_schema=False)
