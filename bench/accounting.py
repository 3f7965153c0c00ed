"""Processor time and memory of daemons, children included, read from /proc (proc(5)).

A process's own time and that of the children it has waited for: summed over a daemon and its
living descendants this misses nothing, since every daemon here reaps its children.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the processor time used so far by each daemon, given its main process."""
    table = _table()
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)

    def total(pid: int) -> float:
        own = table[pid][1] if pid in table else 0.0
        return own + sum(total(child) for child in children.get(pid, []))

    return {name: total(pid) for name, pid in roots.items()}


def _table() -> dict[int, tuple[int, float]]:
    """Return parent and seconds (own and reaped children's) of every process."""
    table = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue  # It ended a moment ago.
        # The name stands in parentheses and may hold anything; the fields follow the last one.
        fields = text.rpartition(")")[2].split()
        table[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])) / TICK)
    return table
