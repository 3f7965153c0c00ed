"""The cluster's API: the few calls that the duties make, and nothing that asks for a further right.

kr8s finds the server and the credentials (the service account's, or KUBECONFIG's) and renews them.
Its objects are not used: they *list* where a *get* does, which no right to a single Secret allows.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import kr8s.asyncio

from keryx.cluster.constants import Kind
from keryx.cluster.objects import Body, difference
from keryx.core import errors

TIMEOUT = 15.0
"""Seconds that a call may take."""
WATCHED = 300
"""Seconds after which the server ends a watch; it is begun again."""


class Cluster:
    """The API server as the operator's service account sees it."""

    def __init__(self) -> None:
        self._client: kr8s.asyncio.Api | None = None

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Body | None:
        """Return an object, None when there is none."""
        with _translated("read", kind, namespace, name):
            try:
                return await self._call("GET", kind, namespace, name)
            except kr8s.ServerError as error:
                if _status(error) == 404:
                    return None
                raise

    async def list(self, kind: Kind, namespace: str, selector: str) -> list[Body]:
        """Return the objects of a namespace that have these labels."""
        with _translated("list", kind, namespace):
            found = await self._call("GET", kind, namespace, params={"labelSelector": selector})
            items: list[Body] = found["items"]
            return items

    async def apply(self, kind: Kind, wanted: Body, observed: Body | None) -> bool:
        """Make the object so, by as little as it takes; return whether anything differed.

        Raises NotFound when there is no such namespace or kind, Exists when somebody else was faster.
        """
        name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
        if observed is None:
            with _translated("make", kind, namespace, name):
                await self._call("POST", kind, namespace, body=_without_nothing(wanted))
            return True
        patch = difference(wanted, observed)
        if patch:
            with _translated("change", kind, namespace, name):
                await self._call("PATCH", kind, namespace, name, body=patch)
        return bool(patch)

    async def changes(self, kind: Kind, name: str, namespace: str) -> AsyncIterator[None]:
        """Yield whenever an object may have changed, once at the beginning; ends after a while."""
        params = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(WATCHED)}
        with _translated("watch", kind, namespace, name):
            client = await self._connected()
            async with client.call_api(
                "GET",
                version=kind.version,
                namespace=namespace,
                url=kind.plural,
                stream=True,
                params=params,
                timeout=httpx.Timeout(TIMEOUT, read=WATCHED + TIMEOUT),
            ) as answer:
                yield None
                async for _ in answer.aiter_lines():
                    yield None

    async def _call(
        self,
        method: str,
        kind: Kind,
        namespace: str,
        name: str = "",
        *,
        body: Body | None = None,
        params: dict[str, str] | None = None,
    ) -> Body:
        given: dict[str, Any] = {"params": params} if params else {}
        if body is not None:
            given["content"] = json.dumps(body)
        if method == "PATCH":
            given["headers"] = {"Content-Type": "application/merge-patch+json"}
        client = await self._connected()
        url = f"{kind.plural}/{name}" if name else kind.plural
        async with client.call_api(
            method, version=kind.version, namespace=namespace or None, url=url, timeout=TIMEOUT, **given
        ) as answer:
            found: Body = answer.json()
            return found

    async def _connected(self) -> kr8s.asyncio.Api:
        """Return the client, made at the first call: the server may be away when the operator starts."""
        if self._client is None:
            with warnings.catch_warnings():
                # It knows the versions of its own day only; what is called here is older than all of them.
                warnings.simplefilter("ignore", UserWarning)
                self._client = await kr8s.asyncio.api()
        return self._client


def _without_nothing(body: Body) -> Body:
    """Return an object without the keys that a change would take away."""
    return {
        key: _without_nothing(value) if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def _status(error: kr8s.ServerError) -> int:
    return error.response.status_code if error.response is not None else 0


@contextlib.contextmanager
def _translated(verb: str, kind: Kind, namespace: str, name: str = "") -> Iterator[None]:
    """Raise what goes wrong as ours, with a sentence that says what was tried."""
    what = (
        f"{kind.name} {'/'.join(filter(None, (namespace, name)))}"
        if name
        else f"{kind.plural} of {namespace}"
    )
    try:
        yield
    except kr8s.ServerError as error:
        raise _refusal(error, f"{verb} the {what}") from error
    except (httpx.HTTPError, kr8s.APITimeoutError, ssl.SSLError, OSError) as error:
        raise errors.Unreachable(f"The cluster's API does not answer: {_told(error)}.") from error
    except ValueError as error:
        # kr8s found neither a service account nor a kubeconfig; or what answers is no API.
        raise errors.Unreachable(f"The cluster's API cannot be used: {_told(error)}.") from error


def _refusal(error: kr8s.ServerError, tried: str) -> errors.KeryxError:
    status, said = _status(error), _told(error)
    if status == 403:
        return errors.Forbidden(
            f"The operator may not {tried}: {said}.",
            remedy="Its roles come with the chart; upgrade the release.",
        )
    if status == 404:
        return errors.NotFound(f"The operator cannot {tried}: {said}.")
    if status == 409:
        return errors.Exists(f"The operator cannot {tried}: {said}.")
    if status >= 500 or status in (401, 429):
        return errors.Unreachable(f"The operator cannot {tried} now: {said}.")
    return errors.Refused(f"The operator cannot {tried}: {said}.")


def _told(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
