"""``keryx run operator``: reads what is wanted, builds the duties, registers what wakes them, runs kopf.

kopf watches pods and nodes, keeps the process going and answers the kubelet's probe. Its handlers
only wake: the plain ``event`` handlers are the ones with which kopf writes nothing into the objects.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import kopf

from keryx.cluster.api import Cluster
from keryx.cluster.changes import Changes
from keryx.cluster.duty import Duty, Worker
from keryx.cluster.handlers.applications import Provider
from keryx.cluster.handlers.certificate import Copier
from keryx.cluster.handlers.record import Follower
from keryx.cluster.settings import Operator
from keryx.core import errors
from keryx.settings import placement
from keryx.settings.site import Site

log = logging.getLogger(__name__)


def run(load: Callable[[], Site], path: Path) -> int:
    """Run the operator until it is told to end; return the exit status.

    ``load`` reads the suite's settings anew, ``path`` is operator.yaml. Raises BadInput when what is
    wanted at the start cannot be; a later file that is refused changes nothing.
    """
    # kopf tells of each event that it was handled; that it tries again is worth a line.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    while True:
        changes = Changes(path, load)
        _run(changes)
        if not changes.found.is_set():
            return 0
        log.info("operator: changed settings are taken up")


def _run(changes: Changes) -> None:
    """Run kopf until this process is told to end, or the settings change."""
    wanted, cluster = changes.wanted, Cluster()
    made = duties(wanted, cluster, changes.load)
    workers = {duty.name: Worker(duty, cluster, wanted.resync) for duty in made}
    if not workers:
        raise errors.BadInput("The operator has nothing to do.", remedy="Set operator.enabled: false.")
    registry, over = kopf.OperatorRegistry(), asyncio.Event()

    async def watch() -> None:
        await changes.watch()
        over.set()

    _register_life(registry, [*(worker.run for worker in workers.values()), watch], over)
    _register_probes(registry, workers)
    if wanted.record is not None:
        _register_record(registry, workers["record"])
    log.info("operator: sees to %s", ", ".join(workers))
    kopf.run(
        registry=registry,
        settings=_settings(wanted),
        standalone=True,
        namespaces=[wanted.namespace],
        liveness_endpoint=_probe_url(os.environ),
        stop_flag=over,
    )


def duties(wanted: Operator, cluster: Cluster, load: Callable[[], Site]) -> Iterator[Duty]:
    """Yield what the operator has to see to."""
    if wanted.record is not None:
        hosts = wanted.record.hosts or (load().settings.host,)
        yield Follower(cluster, wanted.record, wanted.namespace, wanted.mark, hosts)
    if wanted.certificate is not None:
        yield Copier(cluster, wanted.certificate, wanted.namespace, wanted.mark)
    if wanted.applications is not None:
        yield Provider(cluster, wanted.applications, wanted.mark, load)


class _Patience:
    """Seconds between kopf's tries while the API is away: it never gives up, as its end would help nobody."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1, 1, 2, 3, 5, 8), itertools.repeat(10))


def _settings(wanted: Operator) -> kopf.OperatorSettings:
    found = kopf.OperatorSettings()
    # Everything that would ask for further rights is off: events, the cluster's namespaces and CRDs.
    found.posting.enabled = False
    found.scanning.disabled = True
    found.networking.error_backoffs = _Patience()
    found.networking.connect_timeout = 10
    if wanted.record is not None:
        found.watching.label_selectors["pods"] = wanted.record.pods
    return found


def _register_life(
    registry: kopf.OperatorRegistry,
    works: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    over: asyncio.Event,
) -> None:
    """Have these run while kopf does, with the credentials that kr8s uses too.

    ``over`` is kopf's stop flag: at the end it would wait for that for five seconds.
    """
    tasks: list[asyncio.Task[None]] = []

    async def start(**_: Any) -> None:
        tasks.extend(asyncio.create_task(work()) for work in works)

    async def end(**_: Any) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        over.set()

    kopf.on.startup(registry=registry)(start)
    kopf.on.cleanup(registry=registry)(end)
    kopf.on.login(registry=registry, id="service-account")(kopf.login_with_service_account)
    kopf.on.login(registry=registry, id="kubeconfig")(kopf.login_with_kubeconfig)


def _register_probes(registry: kopf.OperatorRegistry, workers: Mapping[str, Worker]) -> None:
    """Tell the probe how each duty stands; one that hangs makes it fail, and the kubelet starts us anew."""

    def probe(worker: Worker) -> Callable[..., str]:
        def tell(**_: Any) -> str:
            if worker.is_stuck:
                raise kopf.PermanentError(f"{worker.duty.name} hangs")
            return worker.said

        return tell

    for name, worker in workers.items():
        kopf.on.probe(registry=registry, id=name)(probe(worker))


def _register_record(registry: kopf.OperatorRegistry, worker: Worker) -> None:
    """Have the record looked at when a mail pod or a node changes."""
    seen: dict[str, list[object]] = {}

    def pod(**_: Any) -> None:
        worker.wake()

    def node(name: str, status: Mapping[str, Any], **_: Any) -> None:
        # A node tells every few minutes that it lives: only where it is matters.
        where = list(status.get("addresses") or ())
        if seen.get(name) != where:
            seen[name] = where
            worker.wake()

    kopf.on.event("v1", "pods", registry=registry, id="pod")(pod)
    kopf.on.event("v1", "nodes", registry=registry, id="node")(node)


def _probe_url(environment: Mapping[str, str]) -> str | None:
    port = environment.get(placement.PROBE)
    if not port:
        return None
    # The kubelet asks at the pod's first address, which is of the family of the cluster's services.
    host = "[::]" if ":" in environment.get("KUBERNETES_SERVICE_HOST", "") else "0.0.0.0"  # noqa: S104
    return f"http://{host}:{port}/"
