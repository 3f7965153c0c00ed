"""The A and AAAA records of the mail host follow the nodes on which ready mail pods run.

Where the mail ports are published on the node itself (hostPort, or a NodePort with
``externalTrafficPolicy: Local``), mail arrives only where such a pod is. external-dns
(https://kubernetes-sigs.github.io/external-dns, source ``crd``) brings the DNSEndpoint to the DNS.

The record is never emptied: while no pod is ready, or no node has an address of the wanted kind, the
last ones stay. A server that finds no address gives up, one that finds nobody there tries again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from keryx.cluster.api import Cluster
from keryx.cluster.constants import ENDPOINTS, NODES, PODS, Kind
from keryx.cluster.objects import Body, check_owner, frame
from keryx.cluster.settings import Record
from keryx.core import errors


def nodes(pods: Iterable[Body]) -> list[str]:
    """Return the names of the nodes on which a pod is ready and not about to end."""
    found = {pod["spec"].get("nodeName", "") for pod in pods if _is_ready(pod)}
    return sorted(found - {""})


def _is_ready(pod: Body) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def addresses(node: Body, types: Sequence[str]) -> list[str]:
    """Return a node's addresses of the first of these types that it has any of."""
    told = node.get("status", {}).get("addresses") or ()
    for wanted in types:
        found = [one["address"] for one in told if one["type"] == wanted and _version(one["address"])]
        if found:
            return found
    return []


def reconcile(
    wanted: Record, namespace: str, mark: str, hosts: Sequence[str], targets: Sequence[str]
) -> Body | None:
    """Return the DNSEndpoint that leads these names to these addresses; None without any."""
    if not targets:
        return None
    body = frame(ENDPOINTS, namespace, wanted.name, mark, wanted.labels, wanted.annotations)
    body["spec"] = {"endpoints": [one for host in hosts for one in _endpoints(host, wanted.ttl, targets)]}
    return body


def targets_of(observed: Body | None) -> list[str]:
    """Return the addresses that a DNSEndpoint has now."""
    listed = ((observed or {}).get("spec") or {}).get("endpoints") or ()
    found = {target for one in listed for target in one.get("targets") or () if _version(target)}
    return sorted(found)


def _endpoints(host: str, ttl: int, targets: Sequence[str]) -> list[Body]:
    made = []
    for version, kind in ((4, "A"), (6, "AAAA")):
        chosen = sorted({target for target in targets if _version(target) == version})
        if chosen:
            made.append({"dnsName": host, "recordType": kind, "recordTTL": ttl, "targets": chosen})
    return made


def _version(address: object) -> int:
    """Return 4 or 6, or 0 for what is no address: a node may have a host name for one."""
    try:
        return ipaddress.ip_address(str(address)).version
    except ValueError:
        return 0


@dataclass
class Follower:
    """The duty."""

    cluster: Cluster
    wanted: Record
    namespace: str
    mark: str
    hosts: Sequence[str]
    name: str = "record"
    _last: list[str] = field(default_factory=list)
    """The addresses when there last were any."""

    @property
    def watched(self) -> Sequence[tuple[Kind, str, str]]:
        """The DNSEndpoint; pods and nodes are kopf's to watch."""
        return [(ENDPOINTS, self.namespace, self.wanted.name)]

    async def fulfil(self) -> str:
        """Bring the DNSEndpoint to where the pods are."""
        observed = await self._observed()
        found = await self._targets()
        self._last = found or self._last or targets_of(observed)
        body = reconcile(self.wanted, self.namespace, self.mark, self.hosts, self._last)
        if body is None:
            return "no mail pod is ready on a node with an address; no record is made yet"
        await self._apply(body, observed)
        where = f"{', '.join(self.hosts)} lead to {', '.join(self._last)}"
        return where if found else f"no mail pod is ready on a node with an address; {where}, as before"

    async def _observed(self) -> Body | None:
        observed = await self.cluster.get(ENDPOINTS, self.wanted.name, self.namespace)
        check_owner(observed, self.mark)
        return observed

    async def _targets(self) -> list[str]:
        """Return the addresses at which mail pods are ready now."""
        found: set[str] = set()
        for name in nodes(await self.cluster.list(PODS, self.namespace, self.wanted.pods)):
            node = await self.cluster.get(NODES, name)
            # A node that was just removed takes its pods along.
            found.update(addresses(node, self.wanted.address_types) if node else ())
        return sorted(found)

    async def _apply(self, body: Body, observed: Body | None) -> None:
        try:
            await self.cluster.apply(ENDPOINTS, body, observed)
        except errors.NotFound as error:
            raise errors.NotFound(
                f"This cluster knows no DNSEndpoint: {error.sentence}",
                remedy="Install external-dns with its CRD, or set operator.record.enabled: false.",
            ) from error
