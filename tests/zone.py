"""A signed zone on an authoritative name server of its own (Knot DNS)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from keryx.core.process import run
from tests.running import free_port, wait_for

CONFIG = """\
server:
  rundir: "{folder}"
  listen: "127.0.0.1@{port}"
log:
  - target: stderr
    any: warning
database:
  storage: "{folder}/db"
policy:
  - id: plain
    single-type-signing: on
    algorithm: ecdsap256sha256
zone:
  - domain: {name}
    storage: "{folder}"
    file: zone
    dnssec-signing: on
    dnssec-policy: plain
"""


@dataclass(frozen=True)
class Zone:
    """The zone as a resolver must know it."""

    name: str
    server: str
    """Unbound's way to write it: address@port."""
    anchor: str
    """Its DS record in zone-file form."""


@contextmanager
def serving_signed(name: str, records: Sequence[str]) -> Iterator[Zone]:
    """Serve a zone with these records, signed, for the time of the block."""
    folder = Path(tempfile.mkdtemp(prefix="zone-"))
    port = free_port()
    (folder / "db").mkdir()
    config = folder / "knot.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, name=name))
    lines = [
        f"{name}. 300 IN SOA ns.{name}. root.{name}. 1 3600 600 86400 300",
        f"{name}. 300 IN NS ns.{name}.",
    ]
    lines += [f"ns.{name}. 300 IN A 127.0.0.1", *records]
    (folder / "zone").write_text("".join(f"{line}\n" for line in lines))
    daemon = subprocess.Popen(["/usr/sbin/knotd", "-c", config], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _is_signed(name, port), f"{name} is served, signed")
        found = run(["/usr/sbin/keymgr", "-c", config, f"{name}.", "ds"]).stdout.splitlines()
        anchor = next(line for line in found if " 13 2 " in line)
        yield Zone(name, f"127.0.0.1@{port}", anchor.replace(" DS ", " 300 IN DS ", 1))
    finally:
        daemon.terminate()
        daemon.wait(20)
        shutil.rmtree(folder)


def _is_signed(name: str, port: int) -> bool:
    query = dns.message.make_query(f"{name}.", "SOA", want_dnssec=True)
    try:
        answer = dns.query.udp(query, "127.0.0.1", timeout=1, port=port)
    except (OSError, dns.exception.DNSException):
        return False
    return any(found.rdtype == dns.rdatatype.RRSIG for found in answer.answer)
