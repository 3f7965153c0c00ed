"""Many accounts at once from a CSV file (RFC 4180, UTF-8, first line names the columns).

``address``        required
``name``           full name
``password``       in clear; checked and hashed. A new account needs it or ``password_hash``
``password_hash``  made elsewhere, with its scheme: ``{SSHA}...``, ``{CRYPT}...``, ``{ARGON2}...``
``quota``          MiB, 0 is unlimited; the domain's default when empty
``aliases``        further addresses, separated by ``;`` or spaces
``active``, ``send_only``, ``super_user``  true or false

The whole file is checked first; one bad line and nothing is written. Then accounts that are
missing are added, those that differ are changed, equal ones are left alone: the same file can be
imported again, and an import that was cut short goes on where it stopped. Columns that are left
out and empty cells keep what an account has. Nothing is ever removed, except aliases that are no
longer in a filled ``aliases`` cell.
"""

from __future__ import annotations

import collections
import concurrent.futures
import csv
import dataclasses
import io
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from keryx.admin import accounts, addresses, effects, limits, passwords
from keryx.admin.access import lock
from keryx.core import errors, password
from keryx.core.model import Account, Alias, Domain, Holder
from keryx.directory import repositories
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

COLUMNS = ("address", "name", "password", "password_hash", "quota", "aliases", "active", "send_only",
           "super_user")  # fmt: skip
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

ResultT = TypeVar("ResultT")
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""


class BadImport(errors.BadInput):
    """The file has bad lines; nothing was written."""

    def __init__(self, source: str, problems: Sequence[tuple[int, str]]) -> None:
        lines = [f"line {number}: {sentence}" for number, sentence in sorted(problems)]
        self.problems = tuple(lines)
        count = f"{len(lines)} bad line" + ("" if len(lines) == 1 else "s")
        super().__init__("\n".join([f"{source} has {count}; nothing was imported.", *lines]))


@dataclass(frozen=True)
class Result:
    """How many accounts were, or would be, added, changed and left alone."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class Row:
    """A line of the file: its number and its filled cells."""

    line: int
    cells: Mapping[str, str]
    surplus: int = 0
    """How many cells there are beyond the heading's."""


@dataclass(frozen=True)
class Step:
    """What a row asks for: the account as it will be, as it is, and its new password, if any."""

    line: int
    account: Account
    before: Account | None
    secret: str = dataclasses.field(default="", repr=False)
    """In clear, to be hashed."""
    hash: str = dataclasses.field(default="", repr=False)
    """Made elsewhere."""


@dataclass(frozen=True)
class Known:
    """The directory as it was before the import."""

    domains: Mapping[str, Domain]
    accounts: Mapping[str, Account]
    holders: Mapping[str, Holder]
    passwords: Mapping[str, str] = dataclasses.field(repr=False)
    """Hashes, by address."""
    aliases: Sequence[Alias] = ()

    @classmethod
    def read(cls, directory: Directory) -> Known:
        """Read all of it."""
        domains = {domain.name: domain for domain in directory.domains.list()}
        found = {account.address: account for account in directory.accounts.list()}
        aliases = directory.aliases.list()
        return cls(domains, found, directory.holders(), dict(directory.accounts.passwords()), aliases)


class Room:
    """What is left of the domains' limits, line by line."""

    def __init__(self, known: Known) -> None:
        self._domains = known.domains
        self._use = limits.tally(known.accounts.values(), known.aliases)

    def check(self, step: Step) -> None:
        """Raise Refused when the limits are exceeded by this step; count it otherwise."""
        account, before = step.account, step.before
        domain = self._domains[addresses.domain_of(account.address)]
        used = self._use[domain.name]
        old_quota, old_aliases = (before.quota_mb, set(before.aliases)) if before else (0, set())
        if before is None:
            limits.check_accounts(domain, used.accounts + 1)
        if limits.wants_quota(before, account):
            limits.check_quota(domain, account, used.quota_mb - old_quota)
        new_aliases = set(account.aliases)
        wanted = limits.more(new_aliases - old_aliases, old_aliases - new_aliases)
        for name, count in wanted.items():
            limits.check_alias_count(self._domains[name], self._use[name].aliases + count)
        used.accounts += before is None
        used.quota_mb += account.quota_mb - old_quota
        for name, count in wanted.items():
            self._use[name].aliases += count


def run(site: Site, path: Path, *, dry_run: bool = False, progress: Progress | None = None) -> Result:
    """Import a file; raises BadImport with every bad line."""
    report = progress or (lambda what, done, total: None)
    with repositories.connect(site, write=True) as directory:
        # Only the administrator sees hashes; and a read-only directory says so before all else.
        known = Known.read(directory)
    steps = plan(site, path.name, read(path), known, report)
    # Another connection: checking takes minutes, and servers end idle ones.
    with repositories.connect(site, write=True) as directory:
        return _apply(site, directory, steps, dry_run, report)


def read(path: Path) -> list[Row]:
    """Return the rows of the file; raises BadInput when it is no such file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.BadInput(
            f"{path} cannot be read: {error}.", remedy="It must be a CSV file in UTF-8."
        ) from error
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        _check_heading(path, heading)
        return [_row(path, heading, cells, reader.line_num) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise errors.BadInput(
            f"{path}, line {reader.line_num}: {error}.",
            remedy='Close every quote; a quote inside a cell is written twice, as in "Ann ""Annie"" Lee".',
        ) from error


def _row(path: Path, heading: Sequence[str], cells: Sequence[str], line: int) -> Row:
    """Return a row; a cell with a line break in it began with a quote that was not closed."""
    if any("\n" in cell or "\r" in cell for cell in cells):
        raise errors.BadInput(
            f"{path}, line {line}: a cell holds a line break.",
            remedy="Close the quote with which it begins, on the same line.",
        )
    return Row(line, _filled(heading, cells), max(0, len(cells) - len(heading)))


def _filled(heading: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """Return the cells that say something, trimmed; a password keeps its spaces."""
    pairs = zip(heading, cells, strict=False)
    return {name: cell if name == "password" else cell.strip() for name, cell in pairs if cell.strip()}


def plan(
    site: Site, source: str, rows: Sequence[Row], known: Known, report: Progress | None = None
) -> list[Step]:
    """Return what the rows ask for; raises BadImport with every bad line."""
    steps: list[Step] = []
    problems: list[tuple[int, str]] = []
    lines: dict[str, int] = {}
    room = Room(known)
    for row in rows:
        try:
            step = _step(site, row, known)
            _check_addresses(step, known, lines)
            room.check(step)
        except errors.BadInput as error:
            problems.append((row.line, error.sentence))
        else:
            steps.append(step)
    checked = list(_in_threads(lambda step: _with_new_password(step, known), steps, "Checking", report))
    problems += [
        (step.line, found) for step, found in zip(steps, checked, strict=True) if isinstance(found, str)
    ]
    if problems:
        raise BadImport(source, problems)
    return [step for step in checked if isinstance(step, Step)]


def _with_new_password(step: Step, known: Known) -> Step | str:
    """Return the step without a password that the account has already; or what is wrong with it.

    Compared first: that costs a hash, but a password that stays need not be judged.
    """
    stored = known.passwords.get(step.account.address, "")
    if step.secret and step.before is not None and password.verify(step.secret, stored):
        return dataclasses.replace(step, secret="")
    if step.hash and step.hash == stored:
        return dataclasses.replace(step, hash="")
    try:
        if step.secret:
            passwords.check(step.secret, step.account.address)
    except errors.BadInput as error:
        return error.sentence
    return step


def _in_threads(
    work: Callable[[Step], ResultT], steps: Sequence[Step], what: str, report: Progress | None
) -> Generator[ResultT]:
    """Yield the result for every step, in order.

    Hashing is meant to be slow; argon2 lets other threads run meanwhile, one for each processor.
    """
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        for done, result in enumerate(pool.map(work, steps)):
            if report is not None:
                report(what, done, len(steps))
            yield result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _step(site: Site, row: Row, known: Known) -> Step:
    cells = row.cells
    if row.surplus:
        raise errors.BadInput(f"it has {row.surplus} more cells than the heading; put text with , in quotes.")
    if "address" not in cells:
        raise errors.BadInput("the address is missing.")
    address = addresses.account_address(cells["address"])
    domain = known.domains.get(addresses.domain_of(address))
    if domain is None:
        raise errors.BadInput(f'"{address}" is outside the managed domains.')
    before = known.accounts.get(address)
    start = before or Account(address, quota_mb=accounts.default_quota_mb(site, domain))
    account = dataclasses.replace(
        start,
        name=" ".join(cells.get("name", start.name).split()),
        quota_mb=_number(cells, "quota", start.quota_mb),
        aliases=_aliases(cells["aliases"], known) if "aliases" in cells else start.aliases,
        active=_boolean(cells, "active", start.active),
        send_only=_boolean(cells, "send_only", start.send_only),
        super_user=_boolean(cells, "super_user", start.super_user),
    )
    secret, stored = cells.get("password", ""), cells.get("password_hash", "")
    _check_password(address, secret, stored, new=before is None)
    if before is not None:
        accounts.check_administrator(site, before, account)
        if account.quota_mb < before.quota_mb or not before.quota_mb:
            accounts.check_quota(site, account, force=False)
    return Step(row.line, account, before, secret, passwords.normal_hash(stored))


def _check_heading(path: Path, heading: Sequence[str]) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    twice = [name for name, count in collections.Counter(heading).items() if count > 1]
    if "address" not in heading:
        problem = "the first line must name the columns, and address among them"
    elif unknown:
        problem = f'there is no column "{unknown[0]}"'
    elif twice:
        problem = f'the column "{twice[0]}" stands twice'
    else:
        return
    raise errors.BadInput(f"{path.name}: {problem}.", remedy=f"The columns are {', '.join(COLUMNS)}.")


def _check_password(address: str, secret: str, stored: str, *, new: bool) -> None:
    if secret and stored:
        raise errors.BadInput(f"{address} has both password and password_hash; keep one.")
    if stored:
        passwords.check_hash(stored)
    elif new and not secret:
        raise errors.BadInput(f"{address} is new and has neither password nor password_hash.")


def _check_addresses(step: Step, known: Known, lines: dict[str, int]) -> None:
    """Every address belongs to one account, in the file and in the directory."""
    for address in step.account.addresses:
        if address in lines:
            raise errors.Exists(f'"{address}" stands in line {lines[address]} already.')
        lines[address] = step.line
        holder = known.holders.get(address)
        if holder is not None and (holder.owner != step.account.address or holder.kind == "alias"):
            raise errors.Exists(f'"{address}" is taken: it belongs to {holder}.')


def _aliases(text: str, known: Known) -> tuple[str, ...]:
    found = [addresses.own_address(word) for word in text.replace(";", " ").split()]
    for address in found:
        if addresses.domain_of(address) not in known.domains:
            raise errors.BadInput(f'the alias "{address}" is outside the managed domains.')
    return tuple(sorted(found))


def _number(cells: Mapping[str, str], column: str, default: int) -> int:
    text = cells.get(column)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()):
        raise errors.BadInput(f'{column} is "{text}"; write a whole number of MiB, 0 for no limit.')
    return int(text)


def _boolean(cells: Mapping[str, str], column: str, default: bool) -> bool:
    text = cells.get(column)
    if text is None:
        return default
    if text.lower() not in BOOLEANS:
        raise errors.BadInput(f'{column} is "{text}"; write true or false.')
    return BOOLEANS[text.lower()]


def _apply(
    site: Site, directory: Directory, steps: Sequence[Step], dry_run: bool, report: Progress
) -> Result:
    counts: collections.Counter[str] = collections.Counter()
    touched: list[str] = []
    hashes = _in_threads(lambda step: _hash(step, dry_run), steps, "Importing", report)
    try:
        for step, hash in zip(steps, hashes, strict=True):
            counts[_write(site, directory, step, hash, dry_run)] += 1
            if step.before and (hash or (step.before.active and not step.account.active)):
                touched.append(step.account.address)
    except (errors.KeryxError, KeyboardInterrupt) as error:
        said = error.sentence if isinstance(error, errors.KeryxError) else "It was interrupted."
        raise errors.KeryxError(
            f"The import stopped after {counts.total()} of {len(steps)} accounts: {said}",
            remedy="Run it again: what is done already is left alone.",
        ) from error
    finally:
        hashes.close()
        if counts["changed"] and not dry_run:
            effects.forget_many(site, touched)
    report("Importing", len(steps), len(steps))
    return Result(counts["added"], counts["changed"], counts["unchanged"])


def _hash(step: Step, dry_run: bool) -> str:
    """Return the hash to write, or nothing where the password stays."""
    if not step.secret:
        return step.hash
    return "(a new one)" if dry_run else password.hashed(step.secret)


def _write(site: Site, directory: Directory, step: Step, hash: str, dry_run: bool) -> str:
    """Do one step; return ``added``, ``changed`` or ``unchanged``."""
    differs = step.account != step.before
    if not differs and not hash:
        return "unchanged"
    kind = "changed" if step.before else "added"
    if dry_run:
        return kind
    with lock(site):
        if differs:
            # The directory may have changed since it was read.
            addresses.free(directory, step.account.addresses, owner=step.account.address)
        if step.before is None:
            directory.accounts.add(step.account, hash)
            return kind
        if differs:
            directory.accounts.change(step.account)
        if hash:
            directory.accounts.set_password(step.account.address, hash)
    return kind
