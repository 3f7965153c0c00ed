"""What the stock configurations share: resolver and directory, run by the suite's own components.

The resolver knows a handful of names and answers "does not exist" at once for all others, as a
warm cache does: a benchmark must not depend on the Internet.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench import directory
from bench.daemons import Daemon, wait_until
from bench.load import DOMAIN
from bench.machine import SENDER_ADDRESS
from keryx.components import registry
from keryx.core import errors
from keryx.host import home as homes
from keryx.settings.site import Site

CHECKOUT = Path(__file__).parent.parent

RECORDS = (
    f"{DOMAIN}. 300 IN MX 10 mx.{DOMAIN}.",
    f"mx.{DOMAIN}. 300 IN A {SENDER_ADDRESS}",
    "sender.test. 300 IN MX 10 client.sender.test.",
    f'sender.test. 300 IN TXT "v=spf1 ip4:{SENDER_ADDRESS} -all"',
    '_dmarc.sender.test. 300 IN TXT "v=DMARC1; p=none"',
    f"client.sender.test. 300 IN A {SENDER_ADDRESS}",
    f"{'.'.join(reversed(SENDER_ADDRESS.split('.')))}.in-addr.arpa. 300 IN PTR client.sender.test.",
)


def settings(port_offset: int, bind: str, extra: str = "") -> str:
    """Return a keryx.yaml for a suite under test."""
    records = "".join(f"    - '{record}'\n" for record in RECORDS)
    return (
        f"domain: {DOMAIN}\nhostname: mx.{DOMAIN}\nbind: [{bind}]\nport_offset: {port_offset}\n"
        f"unbound:\n  offline: true\n  records:\n{records}{extra}"
    )


def make_home(folder: Path, text: str) -> Site:
    """Make a fresh home with these settings; one that a run left behind is ended and removed."""
    from keryx.host import leftovers

    if folder.exists():
        leftovers.end(folder)
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / "keryx.yaml").write_text(text)
    return homes.site(folder)


def ready(site: Site, component: str) -> bool:
    """Whether a component answers."""
    try:
        registry.find(component).ready(site)
    except errors.KeryxError:
        return False
    return True


class Services:
    """One directory and one resolver for all stock configurations."""

    def __init__(self, folder: Path, port_offset: int, accounts: int) -> None:
        self._folder = folder / "services"
        self._offset = port_offset
        self._accounts = accounts
        self._daemons: dict[str, Daemon] = {}
        self.site: Site

    def start(self) -> None:
        """Start both and load the accounts."""
        self.site = make_home(self._folder, settings(self._offset, "127.0.0.1"))
        for name in ("openldap", "unbound"):
            argv = [str(CHECKOUT / "keryx"), "run", name, "--exec", "--home", str(self._folder)]
            daemon = Daemon(name, argv, self._folder / f"{name}.log")
            daemon.start()
            self._daemons[name] = daemon
        for name, daemon in self._daemons.items():

            def answers(name: str = name, daemon: Daemon = daemon) -> bool:
                daemon.check()
                return ready(self.site, name)

            wait_until(answers, f"{name} is ready")
        directory.load(self.site, self._accounts, self._folder)

    def stop(self) -> None:
        """Stop both."""
        for daemon in self._daemons.values():
            daemon.stop()

    def pid(self, name: str) -> int:
        """The main process of ``openldap`` or ``unbound``."""
        return self._daemons[name].pid
