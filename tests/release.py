"""A release of the chart that runs, as tests drive it: mail in and out, commands, pods that come and go."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keryx.core.network import unverified_tls
from keryx.core.process import Completed, run
from tests.chart import helm
from tests.kube import Cluster
from tests.running import wait_for

PASSWORD = "correct horse battery"
SENDER = "friend@elsewhere.example"
ORDER = (
    *("openldap", "postgresql", "redis", "memcached", "rspamd", "dovecot", "postfix", "sogo"),
    *("roundcube", "admin", "nginx"),
)
"""The pods of a whole release. They could be started in any order; this one is the quickest."""


@dataclass(frozen=True)
class Release:
    """The release ``mail`` in the namespace ``post``."""

    cluster: Cluster

    @classmethod
    def install(cls, values: str) -> Release:
        """Render the chart, start every pod at once, run the job that sets up, wait until all are ready."""
        folder = Path(tempfile.mkdtemp(prefix="keryx-release-", dir="/tmp"))
        folder.chmod(0o755)
        made = cls(Cluster(folder, f"keryx-{folder.name[-8:]}", helm.NAMESPACE))
        made.cluster.create()
        try:
            made.cluster.apply([dict(part) for part in helm.manifests(helm.template(text=values).stdout)])
            for pod in ORDER:
                made.cluster.start(made.name(pod))
            made.cluster.run_job(made.name("init-1"))
            for pod in ORDER:
                made.wait_ready(pod)
        except BaseException:
            made.cluster.remove()
            raise
        return made

    def name(self, part: str) -> str:
        """Return an object's name."""
        return f"{helm.RELEASE}-keryx-{part}"

    def address(self, pod: str) -> str:
        """Return a pod's address."""
        return self.cluster.played[self.name(pod)].address

    def start(self, pod: str) -> None:
        """Start a pod anew and wait until it is ready."""
        self.cluster.start(self.name(pod))
        self.wait_ready(pod)

    def stop(self, pod: str) -> dict[str, int]:
        """End a pod in good order; its volume stays. Returns the exit status of each container."""
        return self.cluster.stop(self.name(pod))

    def kill(self, pod: str) -> None:
        """Let a pod vanish; its volume stays."""
        self.cluster.kill(self.name(pod))

    def wait_ready(self, pod: str) -> None:
        """Wait until a pod's probes say so."""
        self.cluster.wait_ready(self.name(pod))

    def run(self, pod: str, container: str, *argv: str, input: str | None = None) -> Completed:
        """Run a command in a container."""
        return self.cluster.run(self.name(pod), container, *argv, input=input)

    def log(self, pod: str, container: str = "") -> str:
        """Return what a container said."""
        return self.cluster.log(self.name(pod), container or pod)

    def keryx(self, *words: str, input: str | None = None) -> Completed:
        """Run a keryx command where an administrator does."""
        return self.run("admin", "admin", "keryx", *words, input=input)

    # --- mail

    def try_to_send(self, recipient: str, subject: str, body: str = "Shall we meet at noon?") -> Completed:
        """Hand a message in from outside."""
        words = ["swaks", "--helo", "client.elsewhere.example", "--server", f"{self.address('postfix')}:25"]
        words += ["--from", SENDER, "--to", recipient, "--timeout", "60", "--body", body]
        for header in (f"Subject: {subject}", f"Message-Id: <{uuid.uuid4()}@elsewhere.example>"):
            words += ["--header", header]
        return run(words, check=False, timeout=90)

    def send(self, recipient: str, subject: str, body: str = "Shall we meet at noon?") -> None:
        """Hand a message in from outside; it has to be taken."""
        done = self.try_to_send(recipient, subject, body)
        assert done.returncode == 0, f"{done.stdout}\n{self.log('postfix')[-3000:]}"

    def submit(self, sender: str, recipient: str, subject: str, server: str = "", *words: str) -> Completed:
        """Submit a message with a login, by STARTTLS unless other options of swaks are given."""
        options = words or ("-tls",)
        argv = [
            "swaks",
            "--helo",
            "client.elsewhere.example",
            "--auth-user",
            sender,
            "--from",
            sender,
            *options,
        ]
        argv += ["--server", server or f"{self.address('postfix')}:587", "--to", recipient]
        # The password is asked for on standard input.
        argv += ["--header", f"Subject: {subject}", "--auth-password"]
        return run(argv, input=f"{PASSWORD}\n", check=False, timeout=90)

    @contextlib.contextmanager
    def mailbox(self, address: str) -> Iterator[imaplib.IMAP4_SSL]:
        """Give an IMAP session."""
        client = imaplib.IMAP4_SSL(self.address("dovecot"), 993, ssl_context=unverified_tls(), timeout=60)
        try:
            client.login(address, PASSWORD)
            yield client
        finally:
            client.shutdown()

    def found(self, address: str, subject: str, folder: str = "INBOX") -> list[bytes]:
        """Return the numbers of the messages with that subject."""
        with self.mailbox(address) as client:
            client.select(folder)
            return list(client.search(None, "SUBJECT", f'"{subject}"')[1][0].split())

    def arrives(self, address: str, subject: str, folder: str = "INBOX") -> None:
        """Wait until a message is in a folder."""
        wait_for(lambda: self.found(address, subject, folder), f"{subject!r} in {folder}", 60)

    def certificate(self, pod: str, port: int) -> bytes:
        """Return the certificate that a port shows."""
        stream = socket.create_connection((self.address(pod), port), 20)
        with stream, unverified_tls().wrap_socket(stream) as inside:
            return inside.getpeercert(binary_form=True) or b""
