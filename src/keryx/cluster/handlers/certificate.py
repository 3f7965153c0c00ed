"""A certificate's Secret of another namespace has a copy in the release's, under another name.

The copy follows every renewal. It stays when the source goes: a certificate that ends some day is
better than none today.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keryx.cluster.api import Cluster
from keryx.cluster.constants import SECRETS, Kind
from keryx.cluster.objects import Body, check_owner, frame
from keryx.cluster.settings import Certificate
from keryx.core import errors

TYPE = "kubernetes.io/tls"
NEEDED = ("tls.crt", "tls.key")
COPIED = (*NEEDED, "ca.crt")


def reconcile(wanted: Certificate, namespace: str, mark: str, source: Body | None) -> Body | None:
    """Return the copy as it has to be; None while the source has no certificate."""
    data = (source or {}).get("data") or {}
    if not all(data.get(key) for key in NEEDED):
        return None
    # None takes a key away that the source has no longer.
    return {
        **frame(SECRETS, namespace, wanted.target, mark),
        "type": TYPE,
        "data": {key: data.get(key) for key in COPIED},
    }


@dataclass
class Copier:
    """The duty."""

    cluster: Cluster
    wanted: Certificate
    namespace: str
    mark: str
    name: str = "certificate"

    @property
    def watched(self) -> Sequence[tuple[Kind, str, str]]:
        """The source and the copy."""
        return [
            (SECRETS, self.wanted.namespace, self.wanted.name),
            (SECRETS, self.namespace, self.wanted.target),
        ]

    async def fulfil(self) -> str:
        """Make the copy equal to the source."""
        source = await self.cluster.get(SECRETS, self.wanted.name, self.wanted.namespace)
        observed = await self.cluster.get(SECRETS, self.wanted.target, self.namespace)
        check_owner(observed, self.mark)
        where = f"{self.wanted.namespace}/{self.wanted.name}"
        body = reconcile(self.wanted, self.namespace, self.mark, source)
        if body is None:
            what = "has no certificate in it" if source else "is not there"
            then = "its last copy stays in use" if observed else "there is nothing to copy yet"
            raise errors.NotFound(f"The Secret {where} {what}; {then}.")
        if observed is not None and observed.get("type") != TYPE:
            raise errors.Refused(
                f"The Secret {self.namespace}/{self.wanted.target} is of the type {observed.get('type')}.",
                remedy="Remove it: the type of a Secret cannot be changed.",
            )
        await self.cluster.apply(SECRETS, body, observed)
        return f"the Secret {self.namespace}/{self.wanted.target} is a copy of {where}"
