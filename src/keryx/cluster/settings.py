"""The file ``operator.yaml``: what the chart's values ask of the operator.

It lies beside keryx.yaml. The chart writes it, from its sections ``operator``, ``applications`` and
``certificate``; people do not edit it. A changed one is taken up within a minute or so.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml

from keryx.core import errors
from keryx.settings import names
from keryx.settings.section import Section

HostName = Annotated[str, pydantic.AfterValidator(names.domain_name)]


class Record(Section):
    """The A and AAAA records that follow the mail pods."""

    name: str
    """The DNSEndpoint's name, in the release's namespace."""
    pods: str
    """A label selector for the pods that take mail in, such as ``app.kubernetes.io/component=postfix``."""
    hosts: tuple[HostName, ...] = ()
    """Names that get the records; empty for ``hostname`` of the settings."""
    ttl: int = pydantic.Field(default=180, ge=1)
    """Seconds for which others may remember them."""
    address_types: tuple[Literal["ExternalIP", "InternalIP"], ...] = pydantic.Field(
        default=("ExternalIP",), min_length=1
    )
    """Which addresses of a node count: the first kind that it has any of."""
    labels: Mapping[str, str] = pydantic.Field(default={})
    """Further labels of the DNSEndpoint, for external-dns' ``--label-filter``."""
    annotations: Mapping[str, str] = pydantic.Field(default={})
    """Further annotations of it, for external-dns' ``--annotation-filter``."""


class Certificate(Section):
    """A certificate's Secret of another namespace, and its copy."""

    namespace: str
    """Where it is."""
    name: str
    """What it is called there."""
    target: str
    """What its copy is called, in the release's namespace."""


class Application(Section):
    """A program of the cluster that sends mail."""

    name: str
    namespace: str
    """Where it runs and finds its Secret."""
    secret: str
    """The Secret's name."""
    address: str = ""
    """The account's address; empty for the name at ``domain`` of the settings."""


class Operator(Section):
    """The whole file."""

    release: str
    """The release's name: with its namespace it marks what is the release's."""
    namespace: str
    """The release's namespace."""
    resync: float = pydantic.Field(default=60, gt=0)
    """Seconds after which everything is compared again though nothing seems to have changed."""
    record: Record | None = None
    certificate: Certificate | None = None
    applications: tuple[Application, ...] | None = None
    """None leaves all accounts alone; an empty list removes those of former applications."""

    @property
    def mark(self) -> str:
        """What marks the release's own objects and accounts."""
        return f"{self.namespace}/{self.release}"

    @pydantic.model_validator(mode="after")
    def _check(self) -> Operator:
        if self.certificate and self.certificate.namespace == self.namespace:
            raise ValueError(
                "certificate.namespace is the release's own; name its Secret itself (existingSecret)"
            )
        asked = collections.Counter((one.namespace, one.secret) for one in self.applications or ())
        for (namespace, secret), count in asked.items():
            if count > 1:
                raise ValueError(f"{count} applications ask for the Secret {namespace}/{secret}")
        return self


def read(path: Path) -> Operator:
    """Return what the file says; raises BadInput with a sentence."""
    remedy = "The chart writes it from operator: and applications: of its values."
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise errors.BadInput(f"{path} cannot be read: {error}.", remedy=remedy) from error
    try:
        return Operator.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise errors.BadInput(f"{path}: {where}{first['msg']}.", remedy=remedy) from error
