"""Every port behind a load balancer: the PROXY protocol tells who the client is, and only the load
balancers' own networks may tell it. This machine's own programs go on without it."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
from collections.abc import Iterator

import pytest

from keryx.core import network
from keryx.settings.ports import STANDARD
from tests.running import Suite, wait_for
from tests.sink import Sink
from tests.world import World, message, proxy_header, strangers, token

CLIENT = "198.51.100.7"
BALANCER, STRANGER = 20, 21
MAIL = [name for name in STANDARD if name not in ("http", "https")]
WRAPPED = ("imaps", "pop3s", "submissions", "https")
STORE = ("imap", "imaps", "pop3", "pop3s", "sieve")


@pytest.fixture(scope="module")
def net(world: World) -> Iterator[str]:
    ports = "".join(f"  {name}: {{proxy_protocol: true}}\n" for name in STANDARD)
    with strangers() as net:
        trusted = f"trusted_proxies: [{net}.{BALANCER}/32]\nports:\n{ports}"
        with world.settings(trusted + "postfix:\n  parameters: {postscreen_greet_wait: 2s}\n"):
            yield net


def greeting(suite: Suite, port: str, source: str, header: bytes) -> bytes:
    """Return the first line that a port says to what comes after this header, if it says any."""
    with contextlib.suppress(OSError), connected(suite, port, source, header) as stream:
        return stream.recv(1000)
    return b""


@contextlib.contextmanager
def connected(suite: Suite, port: str, source: str, header: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", suite.port(port)), 20, (source, 0)) as plain:
        plain.sendall(header)
        if port not in WRAPPED:
            yield plain
            return
        context = network.unverified_tls()
        with context.wrap_socket(plain, do_handshake_on_connect=False) as secure:
            secure.do_handshake()
            yield secure


@pytest.mark.parametrize("port", MAIL)
def test_the_load_balancers_clients_are_served(suite: Suite, net: str, port: str) -> None:
    said = greeting(suite, port, f"{net}.{BALANCER}", proxy_header(CLIENT))
    assert said.startswith((b"220", b"* OK", b"+OK", b'"IMPLEMENTATION"')), said


# Python's TLS socket is left unclosed when the peer is gone before the handshake.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("port", MAIL)
def test_without_a_header_nobody_is_served(suite: Suite, net: str, port: str) -> None:
    assert not greeting(suite, port, f"{net}.{BALANCER}", b"NOOP\r\n").startswith(
        (b"220", b"* OK", b"+OK", b'"')
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("port", STORE)
def test_others_may_not_say_who_they_are(suite: Suite, net: str, port: str) -> None:
    for source in (f"{net}.{STRANGER}", "127.0.0.1"):
        assert greeting(suite, port, source, proxy_header(CLIENT)) == b"", source


def test_the_log_names_the_client_and_not_the_load_balancer(suite: Suite, net: str) -> None:
    address, password = suite.account("alice")
    with connected(suite, "imaps", f"{net}.{BALANCER}", proxy_header(CLIENT)) as stream:
        stream.recv(1000)
        stream.sendall(f'a login "{address}" "{password}"\r\n'.encode())
        assert b"a OK" in stream.recv(4000)
    line = wait_for(
        lambda: re.search(rf"(?:Login|Logged in): user=<{address}>.*", suite.log("dovecot")),
        "login in the log",
    )
    assert line is not None
    assert f"rip={CLIENT}," in line[0]


def test_the_filter_sees_the_client_and_not_the_load_balancer(suite: Suite, net: str) -> None:
    sender = f"{token()}@ext.test"
    with connected(suite, "smtp", f"{net}.{BALANCER}", proxy_header(CLIENT)) as stream:
        talk(stream, "EHLO mx.ext.test", f"MAIL FROM:<{sender}>", "RCPT TO:<admin@example.org>", "DATA")
        stream.sendall(message(sender, token()).encode() + b".\r\n")
        stream.recv(1000)
    found = wait_for(
        lambda: re.search(rf"ip: (\S+), from: <{sender}>", suite.log("rspamd")), "scan in the log"
    )
    assert found is not None
    assert found[1] == CLIENT


def test_submission_knows_the_client_and_does_not_tell(suite: Suite, net: str, sink: Sink) -> None:
    (address, password), subject = suite.account("alice"), token()
    login = base64.b64encode(f"\0{address}\0{password}".encode()).decode()
    with connected(suite, "submissions", f"{net}.{BALANCER}", proxy_header("203.0.113.9")) as stream:
        talk(
            stream,
            "EHLO laptop.lan",
            f"AUTH PLAIN {login}",
            f"MAIL FROM:<{address}>",
            "RCPT TO:<far@ext.test>",
            "DATA",
        )
        stream.sendall(message(address, subject).encode() + b".\r\n")
        assert stream.recv(1000).startswith(b"250")
    assert b"203.0.113.9" not in sink.wait(subject).content
    assert re.search(rf"client=unknown\[203\.0\.113\.9\], .*sasl_username={address}", suite.log("postfix"))


def talk(stream: socket.socket, *commands: str) -> None:
    """Say the commands in turn, waiting for each answer and expecting no refusal."""
    with stream.makefile("rb") as reader:
        for command in ("", *commands):
            if command:
                stream.sendall(command.encode() + b"\r\n")
            while (line := reader.readline())[3:4] == b"-":
                pass
            assert line[:1] in (b"2", b"3"), (command, line)


def test_this_machines_own_programs_need_no_header(suite: Suite, net: str) -> None:
    done = suite.keryx("doctor", "--json", check=False)
    assert done.returncode == 0, [row for row in json.loads(done.stdout) if row["status"] == "failed"]


def log_line(suite: Suite, component: str, path: str) -> str:
    found = wait_for(lambda: re.search(rf".*{path}.*", suite.log(component)), f"{component}'s line")
    assert found is not None
    return found[0]


def asked(suite: Suite, port: str, source: str, path: str) -> bytes:
    """Return the beginning of a web port's answer to a calendar program behind the balancer."""
    login = base64.b64encode(b"nobody@example.org:wrong").decode()
    with connected(suite, port, source, proxy_header(CLIENT)) as stream:
        stream.sendall(
            f"GET {path} HTTP/1.1\r\nHost: mail.example.org\r\nX-Forwarded-For: 192.0.2.66\r\n"
            f"Authorization: Basic {login}\r\nConnection: close\r\n\r\n".encode()
        )
        return stream.recv(4000)


def test_the_web_logs_name_the_client_and_not_the_load_balancer(suite: Suite, net: str) -> None:
    path = f"/SOGo/dav/{token()}"
    assert asked(suite, "https", f"{net}.{BALANCER}", path).startswith(b"HTTP/1.1 4")
    for component in ("nginx", "dav"):
        line = log_line(suite, component, path)
        assert CLIENT in line
        assert "192.0.2.66" not in line
    assert asked(suite, "http", f"{net}.{BALANCER}", path).startswith(b"HTTP/1.1 301")


# Python's TLS socket is left unclosed when the peer is gone before the handshake.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("port", ["http", "https"])
def test_web_ports_of_load_balancers_serve_nobody_else(suite: Suite, net: str, port: str) -> None:
    for source in (f"{net}.{STRANGER}", "127.0.0.1"):
        with contextlib.suppress(OSError):
            assert asked(suite, port, source, "/") == b"", source
