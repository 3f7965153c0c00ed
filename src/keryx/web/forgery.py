"""Requests to SOGo that somebody else's page, or a link in a message, made the browser send.

SOGo has a token of its own against forged requests (SOGoXSRFValidationEnabled) and does not look at
it where the gateway says who is signed in. So the gateway's question who that is is answered only
for requests that SOGo's own pages send, or that a person may well come with: browsers say where a
request is from (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/). SOGo does most things for
GET as well as for POST, so a plain link could otherwise empty somebody's trash.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping

READING = frozenset({"GET", "HEAD", "OPTIONS"})
START = re.compile(r"/SOGo(/so)?(/[^/]+(/(view|Mail|Calendar|Contacts|Preferences)(/view)?)?)?/?")
"""Pages that links elsewhere may lead to; they show and change nothing."""
DOING = re.compile(
    r"delete\w*|batchDelete|expunge|empty\w+|move\w*|copy\w*|save(?!Messages$)\w*|create\w*|add\w+|remove\w*"
    r"|set[A-Z]\w*|unset\w+|mark[A-Z]\w*|subscribe\w*|unsubscribe\w*|activate\w*|deactivate\w*|import\w*|junk"
    r"|send\w*|adjust|rsvp\w*|reload|recover|forwardMessages|crash|\w*[eE]xception|changePassword"
    r"|connect|DELETE|PUT|POST"
)
"""Names of what SOGo does to folders, messages, events and cards. Its pages fetch them; no person
opens them in a window. (``saveMessages`` is a download.)"""


def is_forged(method: str, target: str, headers: Mapping[str, str]) -> bool:
    """Whether a request to SOGo may be somebody else's doing; ``target`` as the browser sent it.

    Header names are in lower case.
    """
    path, _, query = target.partition("?")
    path = urllib.parse.unquote(path)
    # SOPE takes the rest of a path, or a method, from form values of these names.
    names = [key for key, _ in urllib.parse.parse_qsl(query, keep_blank_values=True, separator="&")]
    if any(":" in name for name in names):
        return True
    origin = _origin(headers)
    if _is_by_script(headers):
        # SOGo's pages do their work so. Nothing in a message runs scripts.
        return origin != "same-origin"
    if method not in READING:
        return True
    if any(DOING.fullmatch(part) for part in path.split("/")):
        return True
    # A link or picture in a message is from the page that shows it, or from a mail program.
    return origin not in ("same-origin", "none") and not (_is_opened(headers) and START.fullmatch(path))


def _origin(headers: Mapping[str, str]) -> str:
    """Return where the request is from, in the words of Sec-Fetch-Site; of browsers without it too."""
    if said := headers.get("sec-fetch-site"):
        return said
    for name in ("origin", "referer"):
        if said := headers.get(name):
            own = headers.get("host", "").lower()
            return "same-origin" if urllib.parse.urlsplit(said).netloc.lower() == own else "cross-site"
    return "unknown"


def _is_by_script(headers: Mapping[str, str]) -> bool:
    """Whether a script of a page fetches something: no link, form, picture or frame does it."""
    if mode := headers.get("sec-fetch-mode"):
        return mode in ("cors", "same-origin")
    return not headers.get("accept", "").startswith(("text/html", "image/", "text/css"))


def _is_opened(headers: Mapping[str, str]) -> bool:
    """Whether the request opens a page."""
    return headers.get("sec-fetch-mode", "navigate") == "navigate"
