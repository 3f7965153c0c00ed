"""Who leaves a pod last: a cluster tells all containers of a pod to end at the same moment.

The first container of a pod is what the pod is for, the others help it: Postfix goes on taking and
delivering what was begun, and needs the filter, the account service and the resolver beside it until
it has finished.
"""

from __future__ import annotations

import http.client
import os
import time

from keryx.components import registry
from keryx.components.component import Component
from keryx.host.probe import ENDING
from keryx.settings import placement
from keryx.settings.site import Site

NOTICE = 3.0
"""Seconds in which the others are told too, where it is the pod that ends; else it ends alone."""
MARGIN = 5.0
"""Seconds that another may take beyond its own time."""
TIMEOUT = 2.0


class Helped:
    """The component that another one of the pod is there for."""

    def __init__(self, component: Component, port: int) -> None:
        self._port = port
        self._began = time.monotonic()
        self._patience = component.stop_seconds + MARGIN

    def is_ending(self) -> bool:
        """Whether it is still finishing what it had begun, or may be told to end yet."""
        waited = time.monotonic() - self._began
        if waited > self._patience:
            return False
        status = self._status()
        return status == ENDING or (status is not None and waited < NOTICE)

    def _status(self) -> int | None:
        """Return what its probe says; None when it has ended."""
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            client.request("GET", "/")
            return client.getresponse().status
        except TimeoutError:
            return ENDING
        except (OSError, http.client.HTTPException):
            return None
        finally:
            client.close()


def helped(component: Component, site: Site) -> Helped | None:
    """Return the component that this one is there for; None on a machine, and for that one itself."""
    own = os.environ.get(placement.PROBE, "")
    if site.placement is None or not own:
        return None
    components = site.placement.pods[site.placement.here].components
    if component.name not in components[1:]:
        return None
    return Helped(registry.find(components[0]), int(own) - components.index(component.name))
