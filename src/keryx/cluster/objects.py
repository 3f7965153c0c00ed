"""Objects of the cluster as plain values: what of one is wanted, and how that differs from what is there."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from keryx.cluster.constants import LABELS, RELEASE, Kind
from keryx.core import errors

Body = dict[str, Any]
"""An object as the API tells it."""


def frame(
    kind: Kind,
    namespace: str,
    name: str,
    mark: str,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Body:
    """Return an object of the release with nothing in it yet."""
    return {
        "apiVersion": kind.version,
        "kind": kind.name,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**(labels or {}), **LABELS},
            "annotations": {**(annotations or {}), RELEASE: mark},
        },
    }


def difference(wanted: Mapping[str, Any], observed: Mapping[str, Any]) -> Body:
    """Return the merge patch (RFC 7386) after which ``observed`` has all that is wanted; empty for none.

    What is not mentioned stays; None takes a key away.
    """
    patch: Body = {}
    for key, value in wanted.items():
        there = observed.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if inner := difference(value, there):
                patch[key] = inner
        elif value != there:
            patch[key] = value
    return patch


def check_owner(observed: Body | None, mark: str) -> None:
    """Raise Refused when an object is there that was not made for this release."""
    if observed is None:
        return
    metadata = observed["metadata"]
    owner = (metadata.get("annotations") or {}).get(RELEASE)
    if owner != mark:
        what = f"{observed['kind']} {metadata['namespace']}/{metadata['name']}"
        whose = f"belongs to the release {owner}" if owner else "was not made by Keryx"
        raise errors.Refused(
            f"The {what} {whose} and was left as it is.",
            remedy="Remove it, or choose another name in the chart's values.",
        )


def encoded(text: str) -> str:
    """Return text as a Secret keeps it."""
    return base64.b64encode(text.encode()).decode()


def decoded(text: str | None) -> str:
    """Return what a Secret keeps as text; nothing for what is missing or no text."""
    try:
        return base64.b64decode(text or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
