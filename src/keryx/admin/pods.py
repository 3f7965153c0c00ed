"""How the components of a cluster are: each container's own probe tells, at a port of its own.

The parent of a daemon (``keryx.host.probe``) answers there with 200, 503 or 410 and a sentence, after it has
asked the daemon in its own protocol: what Kubernetes goes by is what people are shown.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from keryx.components import registry
from keryx.components.component import Component
from keryx.core.check import ComponentStatus
from keryx.settings.placement import Placement
from keryx.settings.site import Site

SECONDS = 8.0
"""How long a probe is waited for; it answers within five seconds."""


def statuses(site: Site, placement: Placement) -> list[ComponentStatus]:
    """Return how every component of the release is where it works, in start order."""
    wanted = present(placement)
    with ThreadPoolExecutor(len(wanted)) as threads:
        return list(threads.map(lambda one: status(site, placement, one), wanted))


def present(placement: Placement) -> list[Component]:
    """Return the components that the release has, in start order."""
    return [component for component in registry.COMPONENTS if placement.host(component.name)]


def status(site: Site, placement: Placement, component: Component) -> ComponentStatus:
    """Ask one."""
    ready, sentence = _ask(placement.probe(component.name))
    ports = tuple(listener.port for listener in component.listeners(site))
    word = "running" if ready else "not ready"
    return ComponentStatus(component.name, component.title, word, ready, 0, 0, 0, ports, sentence)


def _ask(url: str) -> tuple[bool, str]:
    """Return whether the daemon is ready, and what is wrong when it is not."""
    try:
        answer = httpx.get(url, timeout=SECONDS)
    except (httpx.HTTPError, OSError) as error:
        return False, f"{url} does not answer: {str(error) or type(error).__name__}."
    return answer.status_code == 200, "" if answer.status_code == 200 else answer.text.strip()[:500]
