"""``keryx run`` in a cluster's pods: settings, secrets and the public certificate come by volumes."""

from __future__ import annotations

import contextlib
import http.client
import imaplib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from cryptography import x509

from keryx.components import registry
from keryx.core import network
from keryx.host import companions
from keryx.settings import placement
from keryx.tls import authority
from tests.parts import Parts
from tests.pods import Pods, release
from tests.running import free_port, wait_for
from tests.volumes import Volume

SETTINGS = """\
domain: example.org
hostname: mail.example.org
bind: [127.0.0.1]
webmail: none
unbound: {offline: true}
postfix: {check_sender_domain: false, greet_check: false, dnsbl: []}
"""
HOSTS = {
    "openldap": ["openldap"],
    "postgresql": ["postgresql"],
    "rspamd": ["rspamd", "unbound"],
    "admin": ["admin"],
    "dovecot": ["dovecot"],
    # The milter is not far: without it nobody is greeted.
    "postfix": ["rspamd", "dovecot", "postfix"],
    "nginx": ["nginx"],
}
SHOWING = ("dovecot", "postfix", "nginx")
"""Pods that show clients a certificate."""
ADMINISTRATOR = "admin@example.org"


class Cluster:
    """Pods whose settings, secrets and certificate are volumes as in a cluster."""

    def __init__(self, pods: Pods) -> None:
        self.pods = pods
        self.parts: dict[str, Parts] = {}
        self.settings = Volume(pods.folder / "settings")

    def make(self, name: str) -> Parts:
        """Make a pod; it is not started."""
        made = self.pods.pod(name)
        files = {kind: (made.home / kind).read_bytes() for kind in ("keryx.yaml", placement.FILE)}
        for kind in files:
            (made.home / kind).unlink()
        if not self.settings.folder.exists():
            self.settings.write(files)
        Volume(made.home / "secrets", 0o600).swap_in(made.home / "secrets")
        env = {**made.env, placement.CONFIG: str(self.settings.folder / "keryx.yaml")}
        self.parts[name] = replace(made, env=env)
        return self.parts[name]

    def secrets(self, name: str) -> Volume:
        return Volume(self.parts[name].home / "secrets", 0o600)

    def certificate(self, files: dict[str, bytes]) -> None:
        """Let the volume of the public certificate hold these in every pod that has one."""
        for name in SHOWING:
            Volume(self.parts[name].home / "certificate", 0o640).write(files)

    def serials(self) -> set[int]:
        """Return the serial numbers of the certificates that the ports show."""
        return {self._imaps(), self._smtp("smtp"), self._smtp("submission"), self._https()}

    def change(self, before: str, after: str) -> None:
        """Change the settings of all pods."""
        folder = self.settings.folder
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}
        files["keryx.yaml"] = files["keryx.yaml"].replace(before.encode(), after.encode())
        self.settings.write(files)

    def port(self, pod: str, name: str) -> int:
        return self.parts[pod].site.port(name) or 0

    def _imaps(self) -> int:
        return self._serial(("127.0.0.1", self.port("dovecot", "imaps")))

    def _https(self) -> int:
        return self._serial(("127.0.0.1", self.port("nginx", "https")))

    @staticmethod
    def _serial(where: tuple[str, int]) -> int:
        pem = ssl.get_server_certificate(where, timeout=10)
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    def _smtp(self, name: str) -> int:
        with smtplib.SMTP("127.0.0.1", self.port("postfix", name), timeout=10) as client:
            client.starttls(context=network.unverified_tls())
            assert isinstance(client.sock, ssl.SSLSocket)
            shown = client.sock.getpeercert(binary_form=True)
        assert shown
        return x509.load_der_x509_certificate(shown).serial_number


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with release(SETTINGS, HOSTS, ("admin", "rspamd")) as pods:
        for name in ("openldap", "postgresql"):
            pods.start(name)
        pods.pod("admin").keryx("init")
        made = Cluster(pods)
        try:
            for name in SHOWING:
                made.make(name)
                for component in HOSTS[name]:
                    made.parts[name].start(component, parent=True)
            yield made
        finally:
            for parts in made.parts.values():
                parts.stop_all()


@pytest.fixture
def pairs(tmp_path: Path) -> Sequence[dict[str, bytes]]:
    """Two certificates as a Secret of type kubernetes.io/tls holds them."""
    return [pair(tmp_path / name) for name in ("one", "two")]


def pair(folder: Path) -> dict[str, bytes]:
    authority.ensure(folder, ["mail.example.org"])
    return {
        "tls.crt": (folder / "cert.pem").read_bytes(),
        "tls.key": (folder / "key.pem").read_bytes(),
    }


def serial(files: dict[str, bytes]) -> int:
    return x509.load_pem_x509_certificates(files["tls.crt"])[0].serial_number


@contextlib.contextmanager
def idle(cluster: Cluster) -> Iterator[None]:
    """Hold a session in IDLE (RFC 2177) during the block; at its end it must go on."""
    port = cluster.port("dovecot", "imaps")
    password = (cluster.pods.folder / "secrets/administrator").read_text()
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=network.unverified_tls(), timeout=60) as client:
        client.login(ADMINISTRATOR, password)
        client.select()
        client.send(b"x1 IDLE\r\n")
        assert client.readline().startswith(b"+ ")
        yield
        client.send(b"DONE\r\n")
        answers = [client.readline()]
        while answers[-1].startswith(b"*"):
            answers.append(client.readline())
        assert answers[-1].startswith(b"x1 OK"), answers
        assert client.noop()[0] == "OK"


def inner_serials(cluster: Cluster) -> set[int]:
    """Return the serial numbers of the certificates that the pods show each other."""
    folders = [cluster.parts[name].site.paths.tls for name in SHOWING]
    return {authority.read(folder / "cert.pem").serial_number for folder in folders}


def test_the_public_certificate_comes_later_and_changes(
    cluster: Cluster, pairs: Sequence[dict[str, bytes]]
) -> None:
    first, second = pairs
    inner = inner_serials(cluster)
    assert cluster.serials() == inner

    # A kubelet mounts an optional Secret that is not there as an empty folder.
    cluster.certificate({})
    cluster.certificate({"tls.crt": first["tls.crt"]})
    mixed = {"tls.crt": first["tls.crt"], "tls.key": second["tls.key"]}
    cluster.certificate(mixed)
    wait_for(lambda: complaints(cluster) == [1, 1, 1], "each pod tells it", 30)
    assert cluster.serials() == inner

    with idle(cluster):
        for files in (first, second):
            cluster.certificate(files)
            wanted = {serial(files)}
            wait_for(lambda: cluster.serials() == wanted, "it is shown", 30)  # noqa: B023

        cluster.certificate(mixed)
        wait_for(lambda: complaints(cluster) == [2, 2, 2], "each pod tells it again", 30)
        # Each process of Postfix reads the certificate that it shows.
        for process in psutil.process_iter():
            if process.name() in ("smtpd", "tlsproxy"):
                process.terminate()
        assert cluster.serials() == {serial(second)}

        cluster.certificate(first)
        wait_for(lambda: cluster.serials() == {serial(first)}, "a good one is shown again", 30)

    assert complaints(cluster) == [2, 2, 2]
    assert not any("restarted" in log for log in logs(cluster))


def logs(cluster: Cluster) -> Sequence[str]:
    return [cluster.parts[name].log(name).read_text() for name in SHOWING]


def complaints(cluster: Cluster) -> Sequence[int]:
    """Return how often the pods told that a key does not fit."""
    return [log.count("is no private key of") for log in logs(cluster)]


def test_settings_of_a_volume_are_taken_up(cluster: Cluster) -> None:
    where = network.Endpoint(host="127.0.0.1", port=cluster.port("dovecot", "imap"))
    assert "mail.example.org" in network.greeting(where, timeout=10)
    cluster.change("hostname: mail.example.org", "hostname: post.example.org")
    wait_for(lambda: "post.example.org" in network.greeting(where, timeout=10), "the new name", 30)
    cluster.change("hostname: post.example.org", "hostname: mail.example.org")
    wait_for(lambda: "mail.example.org" in network.greeting(where, timeout=10), "the old name", 30)


def test_secrets_of_a_volume_are_taken_up(cluster: Cluster) -> None:
    volume = cluster.secrets("dovecot")
    files = {path.name: path.read_bytes() for path in volume.folder.iterdir() if path.name[0] != "."}
    shown = cluster.parts["dovecot"].site.paths.etc("dovecot") / "controller-password"
    volume.write({**files, "rspamd-controller": b"another24charactersecret"})
    wait_for(lambda: "another24charactersecret" in shown.read_text(), "the new password", 30)


def test_the_command_line_looks_where_the_environment_says(cluster: Cluster) -> None:
    parts = cluster.parts["dovecot"]
    said = parts.keryx("config", "validate").stdout
    assert str(cluster.settings.folder / "keryx.yaml") in said


# --- probes


def ask(port: int, path: str = "/", method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
    client = http.client.HTTPConnection(host, port, timeout=10)
    try:
        client.request(method, path)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def test_a_parent_answers_probes_for_its_daemon(cluster: Cluster) -> None:
    port = free_port()
    parts = with_probe(cluster, "rspamd", port)
    parts.start("rspamd", parent=True)
    try:
        wait_for(lambda: ask(port) == (200, "rspamd is ready.\n"), "it is told to be ready", 60)
        workers = psutil.Process(parts.pid("rspamd")).children(recursive=True)
        for process in workers:
            process.suspend()
        wait_for(lambda: ask(port)[0] == 503, "it is told not to answer", 10)
        begun = time.monotonic()
        status, said = ask(port)
        assert (status, time.monotonic() - begun < 5) == (503, True), said
        for process in workers:
            process.resume()
        wait_for(lambda: ask(port)[0] == 200, "it is ready again", 30)
    finally:
        parts.stop_all()


def test_a_probe_hears_what_is_waited_for(cluster: Cluster) -> None:
    port = free_port()
    parts = with_probe(cluster, "admin", port)
    cluster.pods.pod("postgresql").stop("postgresql")
    try:
        parts.start("admin", parent=True, ready=False)
        wait_for(lambda: listens(port), "the probe's port is open", 30)
        wait_for(lambda: "database" in ask(port)[1], "it says what it waits for", 30)
        assert ask(port)[0] == 503
        cluster.pods.start("postgresql")
        wait_for(lambda: ask(port)[0] == 200, "it is ready", 60)
    finally:
        parts.stop_all()


def test_who_helps_stays_until_the_other_has_ended(cluster: Cluster) -> None:
    """The first of a pod's containers is helped by the others; all are told to end at once."""
    parts, first, second = both_started(cluster)
    helped, helper = (psutil.Process(parts.pid(name)) for name in ("rspamd", "unbound"))
    (daemon,) = helped.children()
    try:
        daemon.suspend()
        begun = time.monotonic()
        for process in (helper, helped):
            process.terminate()
        wait_for(lambda: ask(first) == (410, "rspamd is ending.\n"), "it says that it ends", 10)
        wait_for(lambda: time.monotonic() - begun > companions.NOTICE + 1, "the helper would have ended", 10)
        assert ask(second) == (200, "unbound is ready.\n")
    finally:
        daemon.resume()
    assert (parts.ended("rspamd"), parts.ended("unbound")) == (0, 0)


def test_who_helps_ends_alone_where_only_it_is_told(cluster: Cluster) -> None:
    parts, first, _ = both_started(cluster)
    try:
        psutil.Process(parts.pid("unbound")).terminate()
        assert parts.ended("unbound") == 0
        assert ask(first)[0] == 200
    finally:
        parts.stop_all()


def both_started(cluster: Cluster) -> tuple[Parts, int, int]:
    """Start Rspamd, the first of its pod, and the resolver that helps it; return their probes' ports too."""
    first, second = two_free_ports()
    parts = with_probe(cluster, "rspamd", first)
    replace(parts, env={**parts.env, placement.PROBE: str(second)}).start("unbound", parent=True)
    parts.start("rspamd", parent=True)
    return parts, first, second


def two_free_ports() -> tuple[int, int]:
    """Return two ports in a row that are free now."""
    while True:
        first = free_port()
        with contextlib.suppress(OSError, OverflowError), socket.socket() as stream:
            stream.bind(("127.0.0.1", first + 1))
            return first, first + 1


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        ask(port)
        return True
    return False


def with_probe(cluster: Cluster, name: str, port: int) -> Parts:
    parts = cluster.parts.get(name) or cluster.make(name)
    return replace(parts, env={**parts.env, placement.PROBE: str(port)})


def test_readiness_depends_on_no_other_pod(cluster: Cluster) -> None:
    """A directory that hangs, or is gone, takes no other pod out of its Service."""
    slapd = psutil.Process(cluster.pods.pod("openldap").pid("openldap")).children()[0]
    names = ("dovecot", "postfix", "nginx")
    # Dovecot's auth process, once it has begun, greets whatever the directory does; one that begins
    # while the directory hangs waits with it.
    for name in names:
        cluster.parts[name].wait_ready(name)
    with contextlib.suppress(imaplib.IMAP4.error), idle(cluster):
        pass
    slapd.suspend()
    try:
        for name in names:
            registry.find(name).ready(cluster.parts[name].site)
    finally:
        slapd.resume()
    cluster.pods.pod("openldap").stop("openldap")
    for name in ("postfix", "dovecot"):
        cluster.parts[name].stop(name)
        cluster.parts[name].start(name, parent=True)
    cluster.pods.start("openldap")
