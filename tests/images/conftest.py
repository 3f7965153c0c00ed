"""The images, built once for all tests of them, and a release of the chart that runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import podman
from tests.release import Release

VALUES = """\
imageRegistry: localhost
defaults: {image: {tag: test}}
backup: {velero: {enabled: true}}
settings:
  domain: example.org
  hostname: mail.example.org
  webmail: both
  rspamd: {greylisting: false}
  ports:
    submissions: {proxy_protocol: true}
  # The tests' own load balancer comes from the machine, which is the network's gateway.
  trusted_proxies: [10.0.0.0/8]
  unbound:
    offline: true
    records: ["elsewhere.example. 300 IN A 192.0.2.25", "elsewhere.example. 300 IN MX 10 elsewhere.example."]
"""


@pytest.fixture(scope="session")
def images() -> dict[str, int]:
    """The sizes of all images in bytes, by name."""
    return podman.build()


@pytest.fixture(scope="module")
def release(images: dict[str, int]) -> Iterator[Release]:
    """The whole suite, each pod with an address of its own."""
    made = Release.install(VALUES)
    try:
        yield made
    finally:
        made.cluster.remove()
