"""An API server of Kubernetes, as much of one as clients of a few kinds of objects notice.

There is no kube-apiserver to be had from the package registries. This one keeps objects and runs
nothing. For the real ``helm install``, ``upgrade`` and ``uninstall`` it tells of its kinds, takes what is
applied and reads Secrets in Kubernetes' own coding. For the operator it lists and watches with selectors
and resource versions, applies merge patches, and lets a service account do what Roles and ClusterRoles
bound to it allow and nothing else. It remembers which rule was used, so that a right that nobody needs is
found too.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import asyncio
import base64
import copy
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import yaml
from aiohttp import web

Body = dict[str, Any]
T = TypeVar("T")

TOKEN = "the service account's"
KINDS = {
    ("v1", "nodes"): ("Node", False),
    ("v1", "namespaces"): ("Namespace", False),
    ("v1", "configmaps"): ("ConfigMap", True),
    ("v1", "pods"): ("Pod", True),
    ("v1", "secrets"): ("Secret", True),
    ("v1", "serviceaccounts"): ("ServiceAccount", True),
    ("v1", "services"): ("Service", True),
    ("apps/v1", "deployments"): ("Deployment", True),
    ("apps/v1", "statefulsets"): ("StatefulSet", True),
    ("autoscaling/v2", "horizontalpodautoscalers"): ("HorizontalPodAutoscaler", True),
    ("batch/v1", "jobs"): ("Job", True),
    ("networking.k8s.io/v1", "ingresses"): ("Ingress", True),
    ("networking.k8s.io/v1", "networkpolicies"): ("NetworkPolicy", True),
    ("policy/v1", "poddisruptionbudgets"): ("PodDisruptionBudget", True),
    ("apiextensions.k8s.io/v1", "customresourcedefinitions"): ("CustomResourceDefinition", False),
    ("externaldns.k8s.io/v1alpha1", "dnsendpoints"): ("DNSEndpoint", True),
}
MAGIC = b"k8s\x00"
"""How a body in Kubernetes' own coding begins."""
APPLY = "application/apply-patch+yaml"
PATCHES = {APPLY, "application/merge-patch+json", "application/strategic-merge-patch+json"}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True)
class Rule:
    """One right: a verb on a kind, in a namespace ("" for everywhere), of one object ("" for all)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


def rules(manifests: Iterable[Mapping[str, Any]], account: str, namespace: str) -> set[Rule]:
    """Return the rights that the manifests give to a service account."""
    objects = list(manifests)
    roles = {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one["rules"]
        for one in objects
        if one["kind"] in ("Role", "ClusterRole")
    }
    found: set[Rule] = set()
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        subjects = [(one["kind"], one.get("namespace"), one["name"]) for one in binding["subjects"]]
        if ("ServiceAccount", namespace, account) not in subjects:
            continue
        where = binding["metadata"].get("namespace", "")
        kind = binding["roleRef"]["kind"]
        given = roles[kind, where if kind == "Role" else "", binding["roleRef"]["name"]]
        for rule in given:
            names = rule.get("resourceNames") or [""]
            parts = (rule["verbs"], rule["apiGroups"], rule["resources"], [where], names)
            found |= {Rule(*words) for words in itertools.product(*parts)}
    return found


class Refusal(Exception):
    """An answer that is a Status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Request:
    """What is asked of the server."""

    verb: str
    version: str
    resource: str
    namespace: str
    name: str

    @property
    def group(self) -> str:
        """The group of the kind."""
        return self.version.rpartition("/")[0]

    @property
    def where(self) -> tuple[str, str]:
        """The kind, as ``KINDS`` has it."""
        return self.version, self.resource


@dataclass
class ApiServer:
    """The server, in a thread of its own; a test calls its methods directly."""

    allowed: set[Rule] = field(default_factory=set)
    """The rights of the service account."""
    anybody: bool = False
    """Everything is allowed, without a token: helm shows none where there is no TLS."""
    port: int = 0
    used: set[Rule] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    absent: set[tuple[str, str]] = field(default_factory=set)
    """Kinds that this cluster does not know."""
    requests: int = 0
    _objects: dict[tuple[str, str], dict[tuple[str, str], Body]] = field(default_factory=dict)
    _log: list[tuple[int, tuple[str, str], str, Body]] = field(default_factory=list)
    _oldest: int = 0
    _version: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _watches: set[asyncio.Task[Any]] = field(default_factory=set)
    _runner: web.AppRunner | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    # --- what a test does

    def put(self, body: Body) -> Body:
        """Add an object or replace it, as somebody with every right."""
        return self._call(lambda: self._put(self._where(body), body))

    def get(self, kind: str, namespace: str, name: str) -> Body | None:
        """Return an object."""
        where = self._kind(kind)
        return self._call(lambda: copy.deepcopy(self._of(where).get((namespace, name))))

    def names(self, kind: str) -> set[str]:
        """Return the names of all objects of a kind."""
        where = self._kind(kind)
        return self._call(lambda: {name for _, name in self._of(where)})

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Remove an object."""
        where = self._kind(kind)
        self._call(lambda: self._remove(where, (namespace, name)))

    def forget_history(self) -> None:
        """Compact: who comes back to a watch with an older version is sent away (410)."""

        def compact() -> None:
            self._oldest = self._version
            self._log.clear()

        self._call(compact)

    def start(self) -> None:
        """Listen; at a port that stays the same."""
        self._run(self._listen())

    def stop(self) -> None:
        """Be away: connections break, new ones are refused."""
        self._run(self._away())

    def close(self) -> None:
        """End for good."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join(30)
        self._loop.close()

    def kubeconfig(self, namespace: str) -> str:
        """Return how a client finds the server."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                "users": [{"name": "test", "user": {"token": TOKEN}}],
                "contexts": [
                    {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}
                ],
            }
        )

    def _call(self, work: Callable[[], T]) -> T:
        async def do() -> T:
            return work()

        return self._run(do())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _away(self) -> None:
        for task in self._watches:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- objects

    def _kind(self, kind: str) -> tuple[str, str]:
        return next(where for where, (name, _) in KINDS.items() if name == kind)

    def _where(self, body: Body) -> tuple[str, str]:
        return self._kind(body["kind"])

    def _of(self, where: tuple[str, str]) -> dict[tuple[str, str], Body]:
        return self._objects.setdefault(where, {})

    def _put(self, where: tuple[str, str], body: Body) -> Body:
        key = (body["metadata"].get("namespace", ""), body["metadata"]["name"])
        before = self._of(where).get(key)
        made = copy.deepcopy(body)
        if before is not None:
            compared = {**made, "metadata": {**made["metadata"], **_server_side(before)}}
            if compared == before:
                return copy.deepcopy(before)
        self._version += 1
        uid = before["metadata"]["uid"] if before else f"uid-{self._version}"
        made["metadata"].update(resourceVersion=str(self._version), uid=uid)
        self._of(where)[key] = made
        self._tell(where, "MODIFIED" if before else "ADDED", made)
        return copy.deepcopy(made)

    def _remove(self, where: tuple[str, str], key: tuple[str, str]) -> None:
        gone = self._of(where).pop(key)
        self._version += 1
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._tell(where, "DELETED", gone)

    def _tell(self, where: tuple[str, str], kind: str, body: Body) -> None:
        self._log.append((self._version, where, kind, copy.deepcopy(body)))
        self._changed.set()
        self._changed = asyncio.Event()

    # --- requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if not self.anybody and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        found = self._discovery(request.path.rstrip("/"))
        if found is not None:
            return web.json_response(found)
        try:
            asked = self._understood(request)
            self._authorise(asked)
            if asked.verb == "watch":
                return await self._kept(self._watch(asked, request))
            # What is said about a deletion does not matter here.
            body = {} if asked.verb == "delete" else _body(await request.read())
            return self._done(asked, request, body)
        except Refusal as refusal:
            return _status(refusal.code, str(refusal))

    def _discovery(self, path: str) -> Body | None:
        served = {where: kind for where, kind in KINDS.items() if where not in self.absent}
        groups = sorted({version for version, _ in served if "/" in version})
        if path == "/version":
            return {"major": "1", "minor": "33", "gitVersion": "v1.33.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return {"kind": "APIGroupList", "groups": [_group(version) for version in groups]}
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if path.startswith("/api") and version in {"v1", *groups}:
            listed = [
                {
                    "name": plural,
                    "singularName": kind.lower(),
                    "kind": kind,
                    "namespaced": inside,
                    "verbs": VERBS,
                }
                for (one, plural), (kind, inside) in served.items()
                if one == version
            ]
            return {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
        return None

    def _understood(self, request: web.Request) -> Request:
        parts = request.path.strip("/").split("/")
        if len(parts) < 3:
            raise Refusal(404, f"there is nothing at {request.path}")
        version, rest = ("v1", parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        resource, name = rest[0], rest[1] if len(rest) > 1 else ""
        if (version, resource) not in KINDS or (version, resource) in self.absent:
            raise Refusal(404, "the server could not find the requested resource")
        verbs = {"GET": "get" if name else "list", "POST": "create", "PATCH": "patch", "PUT": "update"}
        verb = verbs.get(request.method, request.method.lower())
        if verb == "list" and request.query.get("watch") == "true":
            verb = "watch"
        selected = request.query.get("fieldSelector", "")
        if selected:
            # Who is bound to one object may list and watch with a selector for it.
            key, _, name = selected.partition("=")
            if key != "metadata.name":
                raise Refusal(400, f"field label not supported: {key}")
        return Request(verb, version, resource, namespace, name)

    def _authorise(self, asked: Request) -> None:
        if self.anybody:
            return
        name = "" if asked.verb == "create" else asked.name
        fitting = [
            Rule(asked.verb, asked.group, asked.resource, namespace, one)
            for namespace in {asked.namespace, ""}
            for one in {name, ""}
        ]
        granted = [rule for rule in fitting if rule in self.allowed]
        if not granted:
            what = f'{asked.resource} "{asked.name}" is forbidden: cannot {asked.verb} in "{asked.namespace}"'
            self.refused.append(what)
            raise Refusal(403, what)
        self.used.update(granted)

    def _done(self, asked: Request, request: web.Request, body: Body) -> web.Response:
        key = (asked.namespace, asked.name)
        there = self._of(asked.where).get(key)
        if asked.verb == "list":
            return web.json_response(self._listed(asked, request))
        if asked.verb == "create":
            return web.json_response(self._created(asked, body), status=201)
        if there is None and asked.verb == "patch" and request.content_type == APPLY:
            return web.json_response(self._created(asked, body), status=201)
        if there is None:
            raise Refusal(404, f'{asked.resource} "{asked.name}" not found')
        if asked.verb == "get":
            return web.json_response(there)
        if asked.verb == "delete":
            self._remove(asked.where, key)
            return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        if asked.verb == "update":
            return web.json_response(self._replaced(asked, there, body))
        if asked.verb == "patch" and request.content_type in PATCHES:
            return web.json_response(self._replaced(asked, there, _merged(there, body)))
        raise Refusal(405, f"not here: {asked.verb}")

    def _replaced(self, asked: Request, there: Body, body: Body) -> Body:
        body["metadata"].setdefault("namespace", asked.namespace)
        return self._put(asked.where, _checked(there, body))

    def _listed(self, asked: Request, request: web.Request) -> Body:
        return {
            "kind": f"{KINDS[asked.where][0]}List",
            "apiVersion": asked.version,
            "metadata": {"resourceVersion": str(self._version)},
            "items": [one for one in self._of(asked.where).values() if _selects(asked, request, one)],
        }

    def _created(self, asked: Request, body: Body) -> Body:
        if ("", asked.namespace) not in self._of(("v1", "namespaces")):
            raise Refusal(404, f'namespaces "{asked.namespace}" not found')
        name = body["metadata"]["name"]
        if (asked.namespace, name) in self._of(asked.where):
            raise Refusal(409, f'{asked.resource} "{name}" already exists')
        # As of a real one, who names none means that of the address.
        assert body["metadata"].setdefault("namespace", asked.namespace) == asked.namespace
        assert (body["apiVersion"], body["kind"]) == (asked.version, KINDS[asked.where][0])
        return self._put(asked.where, _checked({}, body))

    async def _kept(self, watch: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
        """Let a watch run until it ends or the server does."""
        task = asyncio.ensure_future(watch)
        self._watches.add(task)
        try:
            return await task
        finally:
            self._watches.discard(task)

    async def _watch(self, asked: Request, request: web.Request) -> web.StreamResponse:
        since = int(request.query.get("resourceVersion") or 0)
        if since and since < self._oldest:
            gone = {"kind": "Status", "code": 410, "message": "too old resource version", "reason": "Expired"}
            return web.Response(text=json.dumps({"type": "ERROR", "object": gone}) + "\n")
        limit = float(request.query.get("timeoutSeconds") or 60)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        async with _ended_after(limit):
            if not since:
                since = self._version
                for one in list(self._of(asked.where).values()):
                    if _selects(asked, request, one):
                        await _write(response, "ADDED", one)
            async for kind, one in self._events(asked.where, since):
                if _selects(asked, request, one):
                    await _write(response, kind, one)
        return response

    async def _events(self, where: tuple[str, str], since: int) -> AsyncIterator[tuple[str, Body]]:
        while True:
            changed = self._changed
            for version, kind, event, body in list(self._log):
                if kind == where and version > since:
                    yield event, body
            since = max(since, self._version)
            await changed.wait()


@asynccontextmanager
async def _ended_after(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        pass


async def _write(response: web.StreamResponse, kind: str, body: Body) -> None:
    await response.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")


def _status(code: int, message: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code)


def _group(version: str) -> Body:
    group, _, number = version.partition("/")
    told = {"groupVersion": version, "version": number}
    return {"name": group, "versions": [told], "preferredVersion": told}


def _server_side(body: Body) -> Body:
    return {key: body["metadata"][key] for key in ("resourceVersion", "uid")}


def _selects(asked: Request, request: web.Request, body: Body) -> bool:
    metadata = body["metadata"]
    if asked.namespace and metadata.get("namespace") != asked.namespace:
        return False
    if asked.name and metadata["name"] != asked.name:
        return False
    selector = request.query.get("labelSelector", "")
    wanted = dict(part.split("=", 1) for part in selector.split(",")) if selector else {}
    return wanted.items() <= (metadata.get("labels") or {}).items()


def _merged(body: Any, patch: Any) -> Any:
    """Return what a merge patch makes of a value (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    made = dict(body) if isinstance(body, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key), value)
    return made


def _checked(before: Body, body: Body) -> Body:
    """Return an object that the real server would take; raises Refusal."""
    if body["kind"] == "Secret":
        for key, value in (body.get("data") or {}).items():
            if not isinstance(value, str):
                raise Refusal(400, f"data.{key} is no string")
        body.setdefault("type", "Opaque")
        if before and before["type"] != body["type"]:
            raise Refusal(422, "type: field is immutable")
        if body["type"] == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= set(body.get("data") or {}):
            raise Refusal(422, "data[tls.crt]: Required value")
    return body


def _body(text: bytes) -> Body:
    """Return what was sent: JSON, YAML, or a Secret in Kubernetes' own coding, as helm keeps releases."""
    if text.startswith(MAGIC):
        (raw,) = _fields(text.removeprefix(MAGIC))[2]
        return _secret(_fields(raw))
    body: Body = yaml.safe_load(text) if text else {}
    return body


def _secret(fields: Mapping[int, Sequence[bytes]]) -> Body:
    """Return a Secret by the numbers of its fields (k8s.io/api/core/v1/generated.proto)."""
    metadata = _fields(fields[1][0])
    data = {key.decode(): base64.b64encode(value).decode() for key, value in _entries(fields.get(2, []))}
    labels = {key.decode(): value.decode() for key, value in _entries(metadata.get(11, []))}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": metadata[1][0].decode(), "labels": labels},
        "type": fields[3][0].decode(),
        "data": data,
    }


def _entries(entries: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for entry in entries:
        fields = _fields(entry)
        yield fields[1][0], fields[2][0]


def _fields(text: bytes) -> dict[int, list[bytes]]:
    """Return the fields that are made of bytes (https://protobuf.dev/programming-guides/encoding/)."""
    found: dict[int, list[bytes]] = {}
    place = 0
    while place < len(text):
        tag, place = _number(text, place)
        length, place = _number(text, place)
        if tag & 7 == 2:
            found.setdefault(tag >> 3, []).append(text[place : place + length])
            place += length
    return found


def _number(text: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = text[place]
        place += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, place
