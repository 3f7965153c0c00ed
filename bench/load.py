"""The load: messages by smtp-source(1), counted when they are files in the store."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.daemons import BenchError

DOMAIN = "bench.test"
SENDER = "news@sender.test"
BYTES = 5 * 1024

WORDS = [
    "account",
    "address",
    "agenda",
    "answer",
    "april",
    "arrival",
    "article",
    "balance",
    "before",
    "better",
    "bridge",
    "budget",
    "building",
    "calendar",
    "change",
    "city",
    "client",
    "coffee",
    "comment",
    "company",
    "contract",
    "copy",
    "corner",
    "country",
    "course",
    "customer",
    "daily",
    "data",
    "decision",
    "delivery",
    "design",
    "detail",
    "dinner",
    "direction",
    "document",
    "draft",
    "early",
    "evening",
    "example",
    "family",
    "figure",
    "finding",
    "floor",
    "follow",
    "forward",
    "friday",
    "garden",
    "general",
    "ground",
    "group",
    "history",
    "holiday",
    "hour",
    "house",
    "idea",
    "invoice",
    "item",
    "january",
    "journal",
    "kitchen",
    "language",
    "letter",
    "library",
    "list",
    "little",
    "local",
    "machine",
    "manager",
    "market",
    "meeting",
    "member",
    "message",
    "minute",
    "monday",
    "money",
    "morning",
    "music",
    "nature",
    "network",
    "nothing",
    "number",
    "office",
    "often",
    "order",
    "other",
    "paper",
    "partner",
    "people",
    "person",
    "picture",
    "place",
    "plan",
    "point",
    "possible",
    "price",
    "problem",
    "process",
    "project",
    "proposal",
    "question",
    "quiet",
    "reader",
    "reason",
    "receipt",
    "record",
    "region",
    "report",
    "request",
    "result",
    "return",
    "review",
    "river",
    "room",
    "sample",
    "school",
    "season",
    "section",
    "server",
    "service",
    "several",
    "short",
    "simple",
    "sister",
    "small",
    "spring",
    "station",
    "story",
    "street",
    "student",
    "summer",
    "supply",
    "system",
    "table",
    "teacher",
    "team",
    "thank",
    "thing",
    "think",
    "ticket",
    "today",
    "together",
    "topic",
    "travel",
    "tuesday",
    "update",
    "useful",
    "value",
    "version",
    "village",
    "visit",
    "water",
    "weather",
    "website",
    "wednesday",
    "weekend",
    "window",
    "winter",
    "without",
    "woman",
    "wonder",
    "word",
    "work",
    "world",
    "write",
    "year",
    "yesterday",
    "young",
]


def letter(size: int = BYTES, seed: int = 1) -> str:
    """Return a plain message of ``size`` bytes with a text as people write it, so that the
    filter's word statistics have something to do; the same at every run."""
    chance = random.Random(seed)
    head = (
        f"From: Newsletter <{SENDER}>\n"
        f"To: Readers <readers@{DOMAIN}>\n"
        f"Subject: {' '.join(chance.choices(WORDS, k=5))}\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\n"
        f"Message-ID: <bench-{seed}@sender.test>\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 7bit\n\n"
    )
    lines, length = [], len(head)
    while length < size - 80:
        words = chance.choices(WORDS, k=chance.randint(8, 11))
        line = " ".join(words).capitalize() + ".\n"
        lines.append(line)
        length += len(line)
    lines.append("x" * max(1, size - length - 1) + "\n")
    return head + "".join(lines)


@dataclass(frozen=True)
class Run:
    """One load on one configuration."""

    messages: int
    seconds: float
    """From the first connection until the last message was in its mailbox."""
    sent_seconds: float
    """Until the last message was answered 250."""
    lost: int
    """Answered 250 and not in the store after the patience was over."""
    client: float
    """Processor seconds of smtp-source."""

    @property
    def rate(self) -> float:
        """Messages stored per second."""
        return (self.messages - self.lost) / self.seconds


class Store:
    """The mailboxes ``1u@bench.test`` ... as smtp-source -N numbers its recipients."""

    def __init__(self, mail: Path, accounts: int) -> None:
        self._folders = [mail / DOMAIN / f"{number}u" / "Maildir" for number in range(1, accounts + 1)]

    def count(self) -> int:
        """Return how many messages there are."""
        return sum(1 for _ in self._times())

    def newest(self) -> float:
        """Return when the last message got its final name, in seconds of the epoch."""
        return max(self._times(), default=0.0)

    def _times(self) -> Iterator[float]:
        for folder in self._folders:
            for part in ("new", "cur"):
                try:
                    with os.scandir(folder / part) as entries:
                        yield from (entry.stat().st_ctime for entry in entries)
                except FileNotFoundError:
                    continue


def send(
    address: str,
    port: int,
    store: Store,
    letter_file: Path,
    *,
    messages: int,
    sessions: int,
    patience: float = 60,
) -> Run:
    """Send the messages, one connection each as servers on the Internet do, and wait for the last."""
    before = store.count()
    argv = ["smtp-source", "-s", str(sessions), "-m", str(messages), "-N", "-f", SENDER]
    argv += ["-t", f"u@{DOMAIN}", "-M", "client.sender.test", "-F", str(letter_file), f"{address}:{port}"]
    used = os.times().children_user + os.times().children_system
    began = time.time()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=900, check=False)
    sent = time.time() - began
    used = os.times().children_user + os.times().children_system - used
    if done.returncode != 0:
        raise BenchError(f"smtp-source at {address}:{port}: {done.stderr.strip()[-300:]}")
    deadline = time.monotonic() + patience
    missing = messages
    while missing > 0 and time.monotonic() < deadline:
        missing = messages - (store.count() - before)
        if missing > 0:
            time.sleep(0.1)
    return Run(messages, max(store.newest() - began, 1e-3), sent, missing, used)
