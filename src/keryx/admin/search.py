"""Finding accounts and aliases at once among very many: an index in memory, kept in step with the directory.

The index belongs to the process (the web's); it is read whole at first use, some seconds for 100,000
accounts. What this process writes is seen by its next search. What others write is seen within
``SECONDS``: OpenLDAP tells by one number (contextCSN) that something changed, and by another (its count
of removals, cn=Monitor) that something went. Servers that tell neither are asked for what is newer
(modifyTimestamp) every ``SLOW_SECONDS``, and read anew every ``REREAD_SECONDS``; until then what others
removed there is still found. Searching never waits for any of this but for changes of its own.
"""

from __future__ import annotations

import bisect
import contextlib
import datetime
import itertools
import operator
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from keryx.admin import addresses, limits
from keryx.core import errors
from keryx.core.model import Account, Alias
from keryx.directory import repositories
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

SECONDS = 1.0
"""How often the directory is asked whether anything changed."""
SLOW_SECONDS = 15.0
REREAD_SECONDS = 300.0
PATIENCE = 30.0
"""How long a search waits for the first reading, in seconds."""
REMEMBERED = 32
"""Answers kept for turning pages."""
MANY = 500
"""From so many changes on, sorting anew is faster than putting each in its place."""


@dataclass(frozen=True)
class AccountPage:
    """Some of the accounts that fit, and how many do."""

    items: Sequence[Account]
    total: int


@dataclass(frozen=True)
class AliasPage:
    """Some of the aliases that fit, and how many do."""

    items: Sequence[Alias]
    total: int


def accounts(
    site: Site,
    text: str = "",
    *,
    domains: Collection[str] | None = None,
    sort: str = "address",
    page: int = 1,
    per_page: int = 50,
) -> AccountPage:
    """Return accounts whose address, alias or name has every word of ``text``; of all domains for None.

    ``sort`` is ``address``, ``name`` or ``quota_mb``, with ``-`` in front for the other way round.
    Raises BadInput, and Unreachable when the directory was never read.
    """
    found = follower(site).ready().accounts.find(text, domains, sort)
    return AccountPage(_page(found, page, per_page), len(found))


def aliases(
    site: Site,
    text: str = "",
    *,
    domains: Collection[str] | None = None,
    sort: str = "address",
    page: int = 1,
    per_page: int = 50,
) -> AliasPage:
    """Return aliases whose address, target or description has every word of ``text``."""
    found = follower(site).ready().aliases.find(text, domains, sort)
    return AliasPage(_page(found, page, per_page), len(found))


def use(site: Site) -> Mapping[str, limits.Use]:
    """Return what every domain uses of its limits."""
    return follower(site).ready().use()


def known_use(site: Site) -> Mapping[str, limits.Use] | None:
    """Return what every domain uses where this process has an index already; None elsewhere."""
    found = _followers.get(site.paths.home)
    return found.ready().use() if found is not None and found.is_ready else None


def forget(site: Site) -> None:
    """Have the next search look at the directory first. Writes of this process do so by themselves."""
    follower(site).touch("", removed=False)


ItemT = TypeVar("ItemT", bound=Account | Alias)


class Order(Generic[ItemT]):
    """Rows in one order, as lists side by side: what is searched runs through C alone."""

    def __init__(self, key: Callable[[ItemT], Any]) -> None:
        self._key = key
        self.keys: list[tuple[Any, str]] = []
        self.items: list[ItemT] = []
        self.texts: list[str] = []
        self.domains: list[str] = []

    def fill(self, rows: Mapping[str, tuple[ItemT, str, str]]) -> None:
        """Take all rows, which are thing, text and domain by address."""
        ordered = sorted((self._key(row[0]), address) for address, row in rows.items())
        self.keys = ordered
        self.items = [rows[address][0] for _, address in ordered]
        self.texts = [rows[address][1] for _, address in ordered]
        self.domains = [rows[address][2] for _, address in ordered]

    def add(self, item: ItemT, text: str, domain: str) -> None:
        """Put a row in its place."""
        key = (self._key(item), item.address)
        place = bisect.bisect_left(self.keys, key)
        for cells, cell in self._columns(key, item, text, domain):
            cells.insert(place, cell)

    def remove(self, item: ItemT) -> None:
        """Take a row out."""
        key = (self._key(item), item.address)
        place = bisect.bisect_left(self.keys, key)
        for cells, _ in self._columns(key, item, "", ""):
            del cells[place]

    def find(self, words: Sequence[str], domains: frozenset[str] | None) -> list[ItemT]:
        """Return what has every word and is of one of the domains."""
        items, texts = self.items, self.texts
        if domains is not None:
            chosen = list(map(domains.__contains__, self.domains))
            items, texts = list(itertools.compress(items, chosen)), list(itertools.compress(texts, chosen))
        for word in words:
            chosen = list(map(operator.contains, texts, itertools.repeat(word)))
            items, texts = list(itertools.compress(items, chosen)), list(itertools.compress(texts, chosen))
        return list(items)

    def _columns(self, key: tuple[Any, str], item: ItemT, text: str, domain: str) -> Any:
        return ((self.keys, key), (self.items, item), (self.texts, text), (self.domains, domain))


class Table(Generic[ItemT]):
    """Accounts or aliases, in every order that can be asked for."""

    def __init__(self, orders: Mapping[str, Callable[[ItemT], Any]], words: Callable[[ItemT], str]) -> None:
        self._lock = threading.Lock()
        self._words = words
        self._rows: dict[str, tuple[ItemT, str, str]] = {}
        self._orders: dict[str, Order[ItemT]] = {name: Order(key) for name, key in orders.items()}
        self._answers: dict[tuple[str, frozenset[str] | None, str], list[ItemT]] = {}

    def replace(self, items: Iterable[ItemT]) -> None:
        """Take these in place of all."""
        rows = {item.address: self._row(item) for item in items}
        with self._lock:
            self._rows = rows
            self._fill()

    def put(self, items: Sequence[ItemT]) -> None:
        """Add or change these."""
        with self._lock:
            changed = [item for item in items if self._item(item.address) != item]
            many = len(changed) > MANY
            for item in changed:
                if not many:
                    self._take_out(item.address)
                self._rows[item.address] = row = self._row(item)
                if not many:
                    for order in self._orders.values():
                        order.add(*row)
            if many:
                self._fill()
            elif changed:
                self._answers.clear()

    def drop(self, gone: Collection[str]) -> None:
        """Remove those of these addresses."""
        with self._lock:
            if len(gone) > MANY:
                for address in gone:
                    self._rows.pop(address, None)
                self._fill()
                return
            for address in gone:
                self._take_out(address)
            self._answers.clear()

    @property
    def items(self) -> list[ItemT]:
        """All of them."""
        with self._lock:
            return [row[0] for row in self._rows.values()]

    @property
    def present(self) -> set[str]:
        """All addresses."""
        with self._lock:
            return set(self._rows)

    def find(self, text: str, domains: Collection[str] | None, sort: str) -> list[ItemT]:
        """Return what has every word, in order; raises BadInput for an unknown order."""
        name = sort.removeprefix("-")
        if name not in self._orders:
            raise errors.BadInput(
                f'"{name}" is nothing to sort by.', remedy=f"Take {', '.join(self._orders)}."
            )
        wanted = None if domains is None else frozenset(domains)
        words = sorted(text.casefold().split(), key=len, reverse=True)
        question = (" ".join(words), wanted, sort)
        with self._lock:
            known = self._answers.get(question)
            if known is not None:
                return known
            found = self._orders[name].find(words, wanted)
            if sort.startswith("-"):
                found.reverse()
            while len(self._answers) >= REMEMBERED:
                del self._answers[next(iter(self._answers))]
            self._answers[question] = found
            return found

    def _fill(self) -> None:
        for order in self._orders.values():
            order.fill(self._rows)
        self._answers.clear()

    def _item(self, address: str) -> ItemT | None:
        row = self._rows.get(address)
        return row[0] if row else None

    def _take_out(self, address: str) -> None:
        row = self._rows.pop(address, None)
        if row is not None:
            for order in self._orders.values():
                order.remove(row[0])

    def _row(self, item: ItemT) -> tuple[ItemT, str, str]:
        return item, self._words(item), addresses.domain_of(item.address)


def _account_words(account: Account) -> str:
    return "\n".join((account.name.casefold(), *account.addresses))


def _alias_words(alias: Alias) -> str:
    return "\n".join((alias.description.casefold(), alias.address, *alias.targets))


class Follower:
    """The index of one site and the thread that keeps it in step."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.accounts: Table[Account] = Table(
            {
                "address": lambda item: item.address,
                "name": lambda item: item.name.casefold(),
                "quota_mb": lambda item: item.quota_mb,
            },
            _account_words,
        )
        self.aliases: Table[Alias] = Table({"address": lambda item: item.address}, _alias_words)
        self._lock = threading.Lock()
        """Held while the directory is asked."""
        self._connection: contextlib.ExitStack | None = None
        self._directory: Directory | None = None
        self._read_at = 0.0
        self._newest = ""
        self._revision: tuple[str, ...] = ()
        self._removals: int | None = None
        self._own_removals = 0
        self._dirty = False
        self._uncounted = True
        """Whether this process changed something since ``use`` counted."""
        self._first = threading.Event()
        self._stop = threading.Event()
        self._problem: errors.KeryxError | None = None
        self._use: tuple[float, Mapping[str, limits.Use]] = (0.0, {})
        repositories.watch(self.touch)
        threading.Thread(target=self._follow, name="account index", daemon=True).start()

    def touch(self, address: str, removed: bool) -> None:
        """Note a change that this process made."""
        if removed:
            self._own_removals += 1
            self.accounts.drop([address])
            self.aliases.drop([address])
        self._uncounted = True
        self._dirty = True

    @property
    def is_ready(self) -> bool:
        """Whether the directory was read."""
        return self._first.is_set()

    def ready(self) -> Follower:
        """Wait for the first reading, and for changes of this process; raises Unreachable."""
        if not self._first.wait(PATIENCE):
            raise self._problem or errors.Unreachable(
                "The directory is still being read.", remedy="Try again in a moment."
            )
        if self._dirty:
            self._look()
        return self

    def use(self) -> Mapping[str, limits.Use]:
        """Return what every domain uses; what others changed is counted at most every second."""
        at, known = self._use
        if time.monotonic() - at > SECONDS or self._uncounted:
            # Before counting: a change meanwhile is counted the next time.
            self._uncounted = False
            known = limits.tally(self.accounts.items, self.aliases.items)
            self._use = (time.monotonic(), known)
        return known

    def close(self) -> None:
        """End the thread and the connection."""
        self._stop.set()
        with self._lock:
            self._disconnect()

    def _follow(self) -> None:
        while not self._stop.is_set():
            self._look()
            slow = not self._revision
            self._stop.wait(SLOW_SECONDS if slow and self._first.is_set() and not self._dirty else SECONDS)

    def _look(self) -> None:
        """Take up what changed; a directory that is away leaves the index as it is."""
        with self._lock:
            if self._stop.is_set():
                return
            self._dirty = False
            try:
                self._catch_up(self._connected())
                self._problem = None
                self._first.set()
            except errors.KeryxError as error:
                self._problem = error
                self._disconnect()

    def _connected(self) -> Directory:
        # A login of the reader costs the directory a password check: one connection is kept.
        if self._directory is None:
            self._connection = contextlib.ExitStack()
            self._directory = self._connection.enter_context(repositories.connect(self._site))
        return self._directory

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(errors.KeryxError):
                self._connection.close()
        self._connection = self._directory = None
        # Whatever comes back may hold other data: a backup's, with numbers that are newer all the same.
        self._read_at = 0.0

    def _catch_up(self, directory: Directory) -> None:
        revision, removals = directory.changes.revision(), directory.changes.removals()
        expected = self._removals + self._own_removals if self._removals is not None else None
        old = time.monotonic() - self._read_at > REREAD_SECONDS
        # Other data in place of these, such as from a backup, have older numbers.
        replaced = revision < self._revision
        if not self._read_at or replaced or (old and (removals is None or not revision)):
            self._read(directory)
        else:
            if not revision or revision != self._revision:
                self._read_newer(directory)
            if removals is not None and removals != expected:
                self._drop_missing(directory)
        self._revision, self._removals, self._own_removals = revision, removals, 0

    def _read(self, directory: Directory) -> None:
        self.accounts.replace(self._noting(directory.accounts.with_stamps()))
        self.aliases.replace(self._noting(directory.aliases.with_stamps()))
        self._read_at = time.monotonic()

    def _read_newer(self, directory: Directory) -> None:
        condition = self._since()
        if condition:
            self.accounts.put(list(self._noting(directory.accounts.with_stamps(condition))))
            self.aliases.put(list(self._noting(directory.aliases.with_stamps(condition))))

    def _drop_missing(self, directory: Directory) -> None:
        """Forget what others removed. What came meanwhile is not among what is looked at."""
        known = self.accounts.present
        self.accounts.drop(known - directory.accounts.present())
        groups = self.aliases.present
        self.aliases.drop(groups - directory.aliases.present())

    def _since(self) -> str:
        """Return the condition for what may be newer than the index; nothing where nobody tells."""
        if self._revision:
            # entryCSN is indexed; with several providers their clocks may differ a little.
            return f"(entryCSN>={_earlier(self._revision[0], 120 if len(self._revision) > 1 else 0)})"
        return f"({repositories.CHANGED}>={self._newest})" if self._newest else ""

    def _noting(self, found: Iterable[tuple[ItemT, str]]) -> Iterator[ItemT]:
        for item, stamp in found:
            if stamp > self._newest:
                self._newest = stamp
            yield item


def _earlier(csn: str, seconds: int) -> str:
    """Return a change number (``20261122093000.123456Z#...``) so many seconds earlier."""
    if not seconds:
        return csn
    stamp, mark, rest = csn.partition("Z")
    at = datetime.datetime.strptime(stamp, "%Y%m%d%H%M%S.%f") - datetime.timedelta(seconds=seconds)
    return at.strftime("%Y%m%d%H%M%S.%f") + mark + rest


_followers: dict[Path, Follower] = {}
_starting = threading.Lock()


def follower(site: Site) -> Follower:
    """Return the site's index, started at first use."""
    home = site.paths.home
    with _starting:
        if home not in _followers:
            _followers[home] = Follower(site)
        return _followers[home]


def close(site: Site) -> None:
    """End the site's index."""
    with _starting:
        found = _followers.pop(site.paths.home, None)
    if found is not None:
        found.close()


def _page(found: Sequence[ItemT], page: int, per_page: int) -> Sequence[ItemT]:
    if page < 1 or not 1 <= per_page <= 200:
        raise errors.BadInput("Pages count from 1 and have 1 to 200 entries.")
    return found[(page - 1) * per_page : page * per_page]
