"""A map daemon in Python over HTTP: the design in which Postfix asks a Python process that asks a web
application, here made as small as it can be.

Two processes. ``socketmap`` speaks Postfix's socketmap protocol (socketmap_table(5)) and turns
every lookup into an HTTP request of its own; ``http`` answers them from SQLite. No web framework, no
object-relational mapper, no access log: a product with those does more work for each lookup, so
this model is kind to the design.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.load import DOMAIN


def main() -> None:
    """Run one of the two processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parts = parser.add_subparsers(dest="part", required=True)
    web = parts.add_parser("http")
    web.add_argument("port", type=int)
    maps = parts.add_parser("socketmap")
    maps.add_argument("socket", type=Path)
    maps.add_argument("port", type=int)
    wanted = parser.parse_args()
    if wanted.part == "http":
        _serve_http(wanted.folder / "accounts.sqlite", wanted.accounts, wanted.port)
    else:
        asyncio.run(_serve_socketmap(wanted.socket, wanted.port))


def _serve_http(database: Path, accounts: int, port: int) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("create table account (email text primary key)")
        connection.execute("create table domain (name text primary key)")
        connection.execute("insert into domain values (?)", (DOMAIN,))
        rows = [(f"{number}u@{DOMAIN}",) for number in range(1, accounts + 1)]
        connection.executemany("insert into account values (?)", rows)
    local = threading.local()

    class Handler(BaseHTTPRequestHandler):
        """Answers GET /<map>/<key> with the value as JSON, or 404."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not hasattr(local, "connection"):
                local.connection = sqlite3.connect(database)
            _, table, key = self.path.split("/", 2)
            value = self._find(table, urllib.parse.unquote(key))
            body = json.dumps(value).encode()
            self.send_response(404 if value is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _find(self, table: str, key: str) -> str | None:
            if table == "domain":
                query = "select name from domain where name = ?"
            elif table in ("mailbox", "alias"):
                query = "select email from account where email = ?"
            else:
                return None
            row = local.connection.execute(query, (key,)).fetchone()
            return row[0] if row else None

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


async def _serve_socketmap(path: Path, port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                size = await reader.readuntil(b":")
                text = (await reader.readexactly(int(size[:-1]) + 1))[:-1].decode()
                table, _, key = text.partition(" ")
                value = await _get(port, f"/{table}/{urllib.parse.quote(key, safe='')}")
                answer = f"OK {value}" if value is not None else "NOTFOUND "
                writer.write(f"{len(answer.encode())}:{answer},".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    os.chmod(path, 0o666)
    async with server:
        await server.serve_forever()


async def _get(port: int, path: str) -> str | None:
    """One request on a connection of its own, as a client session per lookup does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: maps\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split()[1] == b"404":
        return None
    return str(json.loads(body))


if __name__ == "__main__":
    main()
