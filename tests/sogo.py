"""SOGo as its own pages and mail programs use it, over TLS through the gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

import httpx

from tests import clients
from tests.running import Suite, wait_for
from tests.web.calling import calling

SCRIPT = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
"""What a browser says when a script of SOGo's pages fetches something."""
OPENED = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Accept": "text/html,*/*"}
"""What it says when a person opens a page."""
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


@dataclass
class Webmail:
    """SOGo's pages as one person who is signed in."""

    http: httpx.Client
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every request of a script."""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Fetch a path below the person's own, as a script of the pages does."""
        options.setdefault("headers", {**SCRIPT, **self.headers})
        return self.http.request(method, f"/SOGo/so/{self.address}/{path}", **options)

    def get(self, path: str, **params: str) -> Any:
        """Read; it has to work."""
        return _good(self.call("GET", path, params=params or None))

    def post(self, path: str, body: Any = None) -> Any:
        """Have something done; it has to work."""
        return _good(self.call("POST", path, json=body if body is not None else {}))

    def open(self, path: str = "/SOGo/", **headers: str) -> httpx.Response:
        """Open a page in a window."""
        # A redirect names the host, which nothing resolves here.
        path = httpx.URL(path).raw_path.decode()
        return self.http.get(path, headers={**OPENED, **headers})

    def send(self, recipient: str, subject: str, text: str, attachment: tuple[str, bytes]) -> None:
        """Write a message with an attachment and send it."""
        draft = self.get("Mail/0/compose")
        path = f"Mail/0/{draft['mailboxPath'].replace('Drafts', 'folderDrafts')}/{draft['draftId']}"
        files = {"attachments": (attachment[0], attachment[1], "application/octet-stream")}
        _good(self.call("POST", f"{path}/save", files=files))
        letter = {"from": self.address, "to": [recipient], "subject": subject, "text": text, "isHTML": False}
        self.post(f"{path}/send", letter)

    def messages(self, folder: str = "INBOX") -> list[dict[str, Any]]:
        """Return the headers of a folder's messages."""
        said = self.post(f"Mail/0/folder{folder}/view", {"sortingAttributes": {"sort": "arrival", "asc": 0}})
        if not said.get("headers"):
            return []
        names, *rows = said["headers"]
        return [dict(zip(names, row, strict=False)) for row in rows]


def named(http: httpx.Client) -> httpx.Client:
    """Let a client that connects to an address ask for the certificate of the host name."""

    def name(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = http.headers["Host"].partition(":")[0]

    http.event_hooks = {"request": [name]}
    return http


@contextmanager
def program(suite: Suite, source: str = "127.0.0.1") -> Iterator[httpx.Client]:
    """Give a client that nobody has signed in with."""
    with calling(suite) as api:
        yield named(api.client(source))


@contextmanager
def signed_in(suite: Suite, address: str, password: str) -> Iterator[Webmail]:
    """Give SOGo's pages to a person who has signed in to Keryx, and to nothing else."""
    with calling(suite) as api:
        person = api.sign_in(address, password)
        person.http.headers["User-Agent"] = CHROME
        yield Webmail(named(person.http), address)


@contextmanager
def at_its_own_page(suite: Suite, address: str, password: str) -> Iterator[Webmail]:
    """Give SOGo's pages to a person who has signed in at SOGo's own page: while Keryx's is away."""
    with calling(suite) as api:
        http = named(api.client())
        http.headers["User-Agent"] = CHROME
        answer = http.post(
            "/SOGo/connect", json={"userName": address, "password": password, "rememberLogin": 0}
        )
        assert answer.status_code == 200, answer.text
        yield Webmail(http, address, {"X-XSRF-TOKEN": http.cookies["XSRF-TOKEN"]})


def arrives(suite: Suite, login: tuple[str, str], subject: str, folder: str = "INBOX") -> Message:
    """Wait for a message with that subject, which SOGo encodes whatever it is (RFC 2047)."""

    def look() -> Message | None:
        with clients.imap(suite, *login) as client:
            found = clients.messages(client, folder)
        return next((message for message in found if _subject(message) == subject), None)

    found = wait_for(look, f"{subject!r} in {folder} of {login[0]}")
    assert found is not None
    return found


def _subject(message: Message) -> str:
    return str(make_header(decode_header(message["Subject"] or "")))


def _good(answer: httpx.Response) -> Any:
    what = f"{answer.request.method} {answer.request.url.path}"
    assert answer.is_success, f"{what}: {answer.status_code} {answer.text[:300]}"
    # SOGo does not always say that it is JSON.
    return json.loads(answer.text) if answer.text[:1] in ("{", "[") else answer.text
