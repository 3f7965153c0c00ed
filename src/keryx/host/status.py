"""How every component is: what the supervisor knows, what the daemon itself answers."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from keryx.admin import pods
from keryx.components import registry
from keryx.components.component import Component
from keryx.core import errors
from keryx.core.check import ComponentStatus
from keryx.core.privileged import privileged
from keryx.host.supervisor import Process, Supervisor
from keryx.settings.site import Site


@privileged(timeout=60)
def of_all(site: Site) -> list[ComponentStatus]:
    """Return how every wanted component is, in start order."""
    if site.placement is not None:
        return pods.statuses(site, site.placement)
    processes = Supervisor(site).processes()
    wanted = registry.enabled(site)
    # All are asked at once: one that hangs must not add its time-out to everybody else's.
    with ThreadPoolExecutor(len(wanted)) as threads:
        return list(threads.map(lambda one: _status(one, site, processes.get(one.name)), wanted))


def runs(process: Process | None) -> bool:
    """Return whether the supervisor has it running, or starting."""
    return process is not None and process.state in ("RUNNING", "STARTING")


def _status(component: Component, site: Site, process: Process | None) -> ComponentStatus:
    ready, sentence = False, ""
    if runs(process):
        try:
            component.ready(site)
            ready = True
        except errors.KeryxError as error:
            sentence = error.sentence
    elif process is not None:
        sentence = process.failures
    pid = process.pid if process else 0
    return ComponentStatus(
        component.name,
        component.title,
        _word(process, ready),
        ready,
        pid,
        max(0, int(time.time()) - process.since) if process and process.since else 0,
        _memory(pid),
        tuple(listener.port for listener in component.listeners(site)),
        sentence,
    )


def _word(process: Process | None, ready: bool) -> str:
    if process is None or process.state in ("STOPPED", "STOPPING"):
        return "stopped"
    if process.state in ("BACKOFF", "EXITED", "FATAL"):
        return "failing"
    return "running" if ready else "not ready"


def _memory(pid: int) -> int:
    if not pid:
        return 0
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return total
