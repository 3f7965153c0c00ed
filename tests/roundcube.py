"""Roundcube as a browser uses it: pages, forms with their tokens, answers of its scripts.

The same client speaks to the gateway, or straight to the PHP pool (FastCGI) with the variables that
only the gateway may set.
"""

from __future__ import annotations

import html
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from keryx.components.roundcube import fastcgi
from keryx.core.network import Endpoint
from tests.running import Suite

ROOT = "/var/lib/roundcube/public_html"
CLIENT = "203.0.113.7"


class Pool(httpx.BaseTransport):
    """Requests to the PHP pool, as the gateway would pass them on."""

    def __init__(self, endpoint: Endpoint, variables: Mapping[str, str] | None = None) -> None:
        self._endpoint = endpoint
        self.variables = dict(variables or {})

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        parameters = {
            "SCRIPT_FILENAME": f"{ROOT}/index.php",
            "SCRIPT_NAME": "/roundcube/index.php",
            "DOCUMENT_ROOT": ROOT,
            "REQUEST_METHOD": request.method,
            "REQUEST_URI": request.url.raw_path.decode(),
            "QUERY_STRING": request.url.query.decode(),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "SERVER_NAME": request.url.host,
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": CLIENT,
            "HTTPS": "on",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()},
            **self.variables,
        }
        answer = fastcgi.ask(self._endpoint, parameters, body, timeout=60)
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)


class Gateway(httpx.HTTPTransport):
    """Requests to the host name, at the address where this suite listens; TLS is verified."""

    def __init__(self, suite: Suite) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=str(suite.home / "tls" / "ca.pem")))
        self._suite = suite

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(
            request.method,
            request.url.copy_with(host=self._suite.site.reach),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(sent)


@dataclass
class Webmail:
    """One browser at Roundcube."""

    http: httpx.Client
    token: str = ""

    @classmethod
    def at_pool(cls, endpoint: Endpoint, variables: Mapping[str, str] | None = None) -> Webmail:
        """Open one at the pool; ``variables`` are the gateway's own."""
        transport = Pool(endpoint, variables)
        return cls(httpx.Client(transport=transport, base_url="https://mail.example.org/roundcube/"))

    @classmethod
    def at_gateway(cls, suite: Suite) -> Webmail:
        """Open one at the gateway, as everybody does."""
        url = f"https://{suite.site.settings.host}:{suite.port('https')}/roundcube/"
        # Each connection ends with its answer: nobody has to close the browser.
        headers = {"Connection": "close"}
        return cls(httpx.Client(transport=Gateway(suite), base_url=url, headers=headers, timeout=60))

    def page(self, **query: str) -> httpx.Response:
        """Get a page, following redirects on this site; remembers its token."""
        answer = self.http.get("", params=query, follow_redirects=True)
        self.token = str(environment(answer).get("request_token", self.token))
        return answer

    def log_in(self, address: str, password: str) -> httpx.Response:
        """Send the sign-in form; returns the page one lands on."""
        self.page()
        form = {"_task": "login", "_action": "login", "_user": address, "_pass": password}
        answer = self.http.post("?_task=login", data={**form, "_token": self.token}, follow_redirects=True)
        self.token = str(environment(answer).get("request_token", self.token))
        return answer

    def call(self, task: str, action: str, **fields: str) -> str:
        """Send what a script sends (POST) and return the commands that come back."""
        return self._commands(self.http.post(
            "", params={"_task": task, "_action": action},
            data={**fields, "_remote": "1"}, headers={"X-Roundcube-Request": self.token},
        ))  # fmt: skip

    def fetch(self, task: str, action: str, **fields: str) -> str:
        """Ask what a script asks (GET) and return the commands that come back."""
        query = {"_task": task, "_action": action, "_remote": "1", **fields}
        return self._commands(self.http.get("", params=query, headers={"X-Roundcube-Request": self.token}))

    def listed(self, folder: str = "INBOX") -> dict[str, str]:
        """Return the messages of a folder: subjects by UID."""
        said = self.fetch("mail", "list", _mbox=folder, _refresh="1")
        assert "set_rowcount" in said, said
        rows = re.findall(r"this\.add_message_row\((\d+),(\{.*?\}),\{", said)
        return {uid: html.unescape(json.loads(columns)["subject"]) for uid, columns in rows}

    def send(
        self, to: str, subject: str, text: str, attachment: bytes = b"", sender: str = ""
    ) -> httpx.Response:
        """Write a message and send it; ``sender`` is one of the identities' addresses."""
        page = self.page(_task="mail", _action="compose")
        found = environment(page)
        identities = dict(re.findall(r'<option value="(\d+)"[^>]*>[^<]*?([^\s&;]+@[^\s&<]+)', page.text))
        number = next(key for key, address in identities.items() if not sender or address == sender)
        compose = str(found["compose_id"])
        if attachment:
            self.upload(compose, attachment)
        form = {
            **{"_task": "mail", "_action": "send", "_id": compose, "_token": self.token},
            **{"_from": number, "_to": to, "_subject": subject, "_message": text, "_is_html": "0"},
            **{"_attachments": self.attached, "_framed": "1"},
        }
        return self.http.post("", params={"_task": "mail", "_action": "send", "_framed": "1"}, data=form)

    attached: str = ""

    def upload(self, compose: str, content: bytes, name: str = "report.pdf") -> str:
        """Attach a file to a message that is being written; returns the commands that come back."""
        query = {"_task": "mail", "_action": "upload", "_id": compose, "_uploadid": "1", "_remote": "1"}
        said = self._commands(self.http.post(
            "", params=query, files={"_attachments[]": (name, content, "application/pdf")},
            headers={"X-Roundcube-Request": self.token},
        ))  # fmt: skip
        self.attached = ",".join(re.findall(r'"rcmfile([^"]+)"', said))
        return said

    @staticmethod
    def _commands(answer: httpx.Response) -> str:
        try:
            return str(answer.json()["exec"])
        except ValueError:
            raise AssertionError(f"{answer.status_code}: {answer.text[:500]}") from None


def environment(answer: httpx.Response) -> dict[str, Any]:
    """Return what a page tells its scripts."""
    found = re.search(r"rcmail\.set_env\((\{.*?\})\);", answer.text)
    return dict(json.loads(found[1])) if found else {}
