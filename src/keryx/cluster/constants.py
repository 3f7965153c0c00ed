"""Names that the operator, the chart and people who look at the cluster share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of object, as the API names it."""

    version: str
    """With its group, such as ``apps/v1``."""
    name: str
    plural: str


NODES = Kind("v1", "Node", "nodes")
PODS = Kind("v1", "Pod", "pods")
SECRETS = Kind("v1", "Secret", "secrets")
ENDPOINTS = Kind("externaldns.k8s.io/v1alpha1", "DNSEndpoint", "dnsendpoints")
"""https://kubernetes-sigs.github.io/external-dns/latest/docs/sources/crd/"""

MANAGER = "keryx-operator"
LABELS: Mapping[str, str] = {"app.kubernetes.io/managed-by": MANAGER}
"""On everything that the operator makes."""
RELEASE = "keryx/release"
"""The annotation that says which release an object was made for, as ``namespace/name``. What lacks
it, or has another's, belongs to somebody else and is left alone."""
