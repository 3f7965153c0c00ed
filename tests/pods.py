"""Pods of a cluster, each as a home of its own on this machine: what shares a home shares sockets."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from keryx.core import files, secret
from keryx.settings.placement import ENVIRONMENT, FILE
from keryx.settings.site import SIGNING_KEY, VERIFYING_CERTIFICATE
from keryx.tls import authority
from tests.parts import Parts
from tests.running import free_offset

SECRETS = (
    *("ldap-reader", "ldap-admin", "postgresql-admin", "postgresql-keryx", "postgresql-sogo"),
    *("postgresql-roundcube", "redis", "administrator", "rspamd-controller", "srs"),
    *("sogo-encryption", "roundcube-key"),
)
GROUPS = {"openldap": "openldap", "postgresql": "postgres", "admin": "keryx"}
"""The group of a pod's volumes (fsGroup): its daemon may read the private key."""


@dataclass
class Pods:
    """The release: its folder, the pods by name."""

    folder: Path
    hosts: Mapping[str, Sequence[str]]
    """The components of each pod."""
    settings: str
    by_address: Sequence[str] = ()
    """Pods that have an address in place of a name: for nginx, which asks name servers about names."""
    _running: dict[str, Parts] = field(default_factory=dict)

    def pod(self, name: str) -> Parts:
        """Return a pod, whose volumes are made at the first call."""
        if name not in self._running:
            self._running[name] = self._make(name)
        return self._running[name]

    def start(self, name: str) -> Parts:
        """Start every component of a pod."""
        parts = self.pod(name)
        for component in self.hosts[name]:
            parts.start(component, parent=True)
        return parts

    def stop(self) -> None:
        """End them all."""
        for parts in self._running.values():
            parts.stop_all()

    def _make(self, name: str) -> Parts:
        home = self.folder / name
        home.mkdir(mode=0o755)
        (home / "keryx.yaml").write_text(self.settings)
        hosts = {pod: "127.0.0.1" if pod in self.by_address else "localhost" for pod in self.hosts}
        pods = {pod: {"host": hosts[pod], "components": list(names)} for pod, names in self.hosts.items()}
        (home / FILE).write_text(yaml.safe_dump({"cluster_domain": "cluster.test", "pods": pods}))
        for given in ("secrets", "tls"):
            shutil.copytree(self.folder / given, home / given)
        # The pod's own certificate bears its name.
        authority.ensure(home / "tls", [name, *names_here()])
        (home / "tls" / "ca.key").unlink()
        key = home / "tls" / "key.pem"
        key.chmod(0o640)
        shutil.chown(key, "root", GROUPS.get(name, "root"))
        return Parts(home, {ENVIRONMENT: name})


def names_here() -> list[str]:
    """Return by what names pods reach each other on this machine."""
    # libldap compares the certificate of "localhost" with this machine's own name.
    return ["localhost", "127.0.0.1", socket.gethostbyname_ex(socket.gethostname())[0], "mail.example.org"]


@contextmanager
def release(
    settings: str, hosts: Mapping[str, Sequence[str]], by_address: Sequence[str] = ()
) -> Iterator[Pods]:
    """Give a release of these pods; none is started yet."""
    folder = Path(tempfile.mkdtemp(prefix="keryx-pods-", dir="/tmp"))
    folder.chmod(0o755)
    files.make_directory(files.Directory(folder / "secrets", 0o700))
    for name in SECRETS:
        files.write(folder / "secrets" / name, secret.generate().reveal(), mode=0o600)
    authority.ensure(folder / "token", ["webmail"])
    for name, given in ((SIGNING_KEY, "key.pem"), (VERIFYING_CERTIFICATE, "cert.pem")):
        files.write(folder / "secrets" / name, (folder / "token" / given).read_text(), mode=0o600)
    authority.ensure(folder / "tls", names_here())
    pods = Pods(folder, hosts, f"port_offset: {free_offset()}\n{settings}", by_address)
    try:
        yield pods
    finally:
        pods.stop()
        shutil.rmtree(folder, ignore_errors=True)
