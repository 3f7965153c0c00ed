"""The suite itself, started as a user starts it: ``keryx up`` in a home of its own."""

from __future__ import annotations

import imaplib
import json
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import directory
from bench.daemons import BenchError
from bench.load import DOMAIN
from bench.services import CHECKOUT, settings
from bench.variant import Place, Variant
from keryx.components.dovecot.view import FOLDERS
from keryx.core import network, process
from keryx.host import home as homes
from keryx.host import leftovers
from keryx.settings.site import Site

# One client opens all the connections of the load; the same in every configuration.
EXTRA = """\
postfix:
  parameters:
    smtpd_client_connection_count_limit: "500"
"""
MAIL_ONLY = EXTRA + "webmail: none\n"
"""Webmails take no part in a delivery, and their start would only take time."""


class Suite(Variant):
    """The suite; as shipped, or with the milter taken out of the rendered main.cf."""

    def __init__(self, key: str, title: str, *, filtered: bool, extra: str = MAIL_ONLY) -> None:
        self.key, self.title = key, title
        self._filtered, self._extra = filtered, extra
        self._place: Place | None = None

    @property
    def home(self) -> Path:
        """Its home."""
        return self._here.folder

    @property
    def _here(self) -> Place:
        assert self._place is not None, f"{self.key} has no place yet"
        return self._place

    @cached_property
    def site(self) -> Site:
        """Its site."""
        return homes.site(self.home)

    @property
    def smtp(self) -> tuple[str, int]:
        port = self.site.port("smtp")
        assert port is not None
        return self._here.sender, port

    @property
    def mail(self) -> Path:
        return self.site.paths.data("dovecot") / "mail"

    @cached_property
    def roots(self) -> Mapping[str, int]:
        return {row["name"]: row["pid"] for row in self.status() if row["pid"]}

    def status(self) -> list[dict[str, Any]]:
        """Return what ``keryx status --json`` says."""
        rows: list[dict[str, Any]] = json.loads(self.keryx("status", "--json").stdout)
        return rows

    def start(self, place: Place) -> None:
        self.prepare(place)
        self.keryx("up", timeout=600)
        self.fill()
        if not self._filtered:
            self._take_filter_out()

    def fill(self) -> None:
        """Add the accounts of the load to the running directory."""
        directory.load(self.site, self._here.accounts, self.home)

    def make_folders(self) -> None:
        """Give each account what a new one gets where phones are served: folders, which every delivery
        looks at for the quota, and which count their changes (CONDSTORE, RFC 7162)."""
        port = self.site.port("imaps")
        assert port is not None
        for number in range(1, self._here.accounts + 1):
            with imaplib.IMAP4_SSL(self._here.sender, port, ssl_context=network.unverified_tls()) as client:
                client.login(f"{number}u@{DOMAIN}", directory.PASSWORD)
                client.enable("CONDSTORE")
                for name in FOLDERS:
                    client.create(name)
                for name in ("INBOX", *FOLDERS):
                    client.select(name)
                    client.status(name, "(MESSAGES UIDNEXT)")

    def prepare(self, place: Place) -> None:
        """Make the home with its keryx.yaml; what an earlier run left there is ended and removed."""
        self._place = place
        self.stop()
        place.folder.mkdir(parents=True)
        text = settings(place.port, place.sender, self._extra)
        (place.folder / "keryx.yaml").write_text(text)

    def stop(self) -> None:
        if self._place is not None and self.home.exists():
            if (self.home / "keryx.yaml").exists():
                self.keryx("down", check=False)
            leftovers.end(self.home)
            shutil.rmtree(self.home)

    def keryx(
        self, *words: str, timeout: float = 120, check: bool = True, input: str | None = None
    ) -> process.Completed:
        """Run a command of the suite; raises BenchError with its words."""
        argv = [str(CHECKOUT / "keryx"), *words, "--home", str(self.home)]
        done = process.run(argv, timeout=timeout, check=False, input=input)
        if check and done.returncode != 0:
            raise BenchError(f"keryx {' '.join(words)}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done

    def _take_filter_out(self) -> None:
        """There is no setting for this, and there should be none: edit what was rendered."""
        main = self.site.paths.etc("postfix") / "main.cf"
        lines = [
            "smtpd_milters =" if line.startswith("smtpd_milters ") else line
            for line in main.read_text().splitlines()
        ]
        if "smtpd_milters =" not in lines:
            raise BenchError(f"{main} has no line smtpd_milters to take out.")
        main.write_text("\n".join(lines) + "\n")
        process.run(["postfix", "-c", str(main.parent), "reload"])
