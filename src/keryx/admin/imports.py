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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from keryx.admin import accounts, addresses, effects, passwords
from keryx.admin.access import lock, reading
from keryx.core import errors, password
from keryx.core.model import Account, Domain, Holder
from keryx.directory import repositories
from keryx.directory.repositories import Directory
from keryx.settings.site import Site

COLUMNS = ("address", "name", "password", "password_hash", "quota", "aliases", "active", "send_only",
           "super_user")  # fmt: skip
BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

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
    """What a row asks for: the account as it will be, as it is, and its password."""

    line: int
    account: Account
    before: Account | None
    secret: str = dataclasses.field(default="", repr=False)
    hash: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True)
class Known:
    """The directory as it was before the import."""

    domains: Mapping[str, Domain]
    accounts: Mapping[str, Account]
    holders: Mapping[str, Holder]

    @classmethod
    def read(cls, directory: Directory) -> Known:
        """Read all of it."""
        domains = {domain.name: domain for domain in directory.domains.list()}
        found = {account.address: account for account in directory.accounts.list()}
        return cls(domains, found, directory.holders())


def run(site: Site, path: Path, *, dry_run: bool = False, progress: Progress | None = None) -> Result:
    """Import a file; raises BadImport with every bad line."""
    report = progress or (lambda what, done, total: None)
    if not site.directory_writable:
        # Says so before anything is read.
        with repositories.connect(site, write=True):
            pass
    rows = read(path)
    with reading(site) as directory:
        known = Known.read(directory)
    steps = plan(site, path.name, rows, known, report)
    return _apply(site, steps, dry_run, report)


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
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    heading = [name.strip().lower() for name in next(reader, [])]
    _check_heading(path, heading)
    return [
        Row(reader.line_num, _filled(heading, cells), max(0, len(cells) - len(heading)))
        for cells in reader
        if any(cell.strip() for cell in cells)
    ]


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
    new = collections.Counter[str]()
    for done, row in enumerate(rows):
        if report is not None and done % 100 == 0:
            report("Checking", done, len(rows))
        try:
            step = _step(site, row, known)
            _check_addresses(step, known, lines)
            _check_room(step, known, new)
        except errors.BadInput as error:
            problems.append((row.line, error.sentence))
        else:
            steps.append(step)
    if problems:
        raise BadImport(source, problems)
    return steps


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
    elif secret:
        passwords.check(secret, address)
    elif new:
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


def _check_room(step: Step, known: Known, new: collections.Counter[str]) -> None:
    if step.before is not None:
        return
    domain = known.domains[addresses.domain_of(step.account.address)]
    if domain.max_accounts and not new[domain.name]:
        suffix = f"@{domain.name}"
        new[domain.name] = sum(1 for address in known.accounts if address.endswith(suffix))
    new[domain.name] += 1
    if domain.max_accounts and new[domain.name] > domain.max_accounts:
        raise errors.Refused(f"{domain.name} may have no more than {domain.max_accounts} accounts.")


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


def _apply(site: Site, steps: Sequence[Step], dry_run: bool, report: Progress) -> Result:
    counts: collections.Counter[str] = collections.Counter()
    touched: list[str] = []
    with repositories.connect(site, write=True) as directory:
        stored = dict(directory.accounts.passwords()) if any(step.before for step in steps) else {}
        try:
            for done, (step, hash) in enumerate(_hashed(steps, stored, dry_run)):
                report("Importing", done, len(steps))
                kind = _write(site, directory, step, hash, dry_run)
                counts[kind] += 1
                if step.before and (hash or (step.before.active and not step.account.active)):
                    touched.append(step.account.address)
        except (errors.KeryxError, KeyboardInterrupt) as error:
            said = error.sentence if isinstance(error, errors.KeryxError) else "It was interrupted."
            raise errors.KeryxError(
                f"The import stopped after {counts.total()} of {len(steps)} accounts: {said}",
                remedy="Run it again: what is done already is left alone.",
            ) from error
    report("Importing", len(steps), len(steps))
    if not dry_run:
        effects.forget_many(site, touched)
    return Result(counts["added"], counts["changed"], counts["unchanged"])


def _hashed(steps: Sequence[Step], stored: Mapping[str, str], dry_run: bool) -> Iterator[tuple[Step, str]]:
    """Yield every step with the hash to write, or nothing where the password stays.

    Hashing is meant to be slow; argon2 lets other threads run meanwhile, one for each processor.
    """
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        hashes = pool.map(lambda step: _new_hash(step, stored.get(step.account.address, ""), dry_run), steps)
        yield from zip(steps, hashes, strict=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _new_hash(step: Step, stored: str, dry_run: bool) -> str:
    if step.hash:
        return "" if step.hash == stored else step.hash
    if not step.secret or (step.before is not None and password.verify(step.secret, stored)):
        return ""
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
