"""A cluster as helm sees it: objects are kept in memory and answered for, nothing is run.

Enough of the Kubernetes API (https://kubernetes.io/docs/reference/using-api/api-concepts/) for the real
``helm install``, ``upgrade`` and ``uninstall``, so that what happens between two releases can be looked at.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KINDS = {
    "v1": {
        "Secret": "secrets",
        "ConfigMap": "configmaps",
        "Service": "services",
        "Pod": "pods",
        "ServiceAccount": "serviceaccounts",
    },
    "apps/v1": {"Deployment": "deployments", "StatefulSet": "statefulsets"},
    "batch/v1": {"Job": "jobs"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
}
MAGIC = b"k8s\x00"
VERBS = ["create", "delete", "get", "list", "patch", "update"]
OBJECT = re.compile(
    r"/(?:api/|apis/).+/namespaces/(?P<namespace>[^/]+)/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?$"
)

Object = dict[str, Any]


@dataclass
class Cluster:
    """The objects, by kind's plural and name."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)

    def get(self, plural: str, name: str) -> Object:
        return self.objects[plural, name]

    def names(self, plural: str) -> set[str]:
        return {name for kind, name in self.objects if kind == plural}

    def answer(self, method: str, url: str, body: Object) -> tuple[int, Object]:
        """Return status and answer of a request."""
        parts = urllib.parse.urlsplit(url)
        if method == "GET" and (known := _discovery(parts.path)) is not None:
            return 200, known
        match = OBJECT.match(parts.path)
        if match is None:
            return 404, _status(404, "NotFound", parts.path)
        plural, name = match["plural"], match["name"] or body.get("metadata", {}).get("name", "")
        if method == "GET" and not match["name"]:
            query = urllib.parse.parse_qs(parts.query)
            return 200, self._secrets(query.get("labelSelector", [""])[0])
        found = self.objects.get((plural, name))
        if method == "POST":
            if found is not None:
                return 409, _status(409, "AlreadyExists", f"{plural} {name} already exists")
            return 201, self._keep(plural, name, match["namespace"], body)
        if method == "PATCH":
            # Both kinds that helm sends give the whole object, or what changes of it.
            return 200, self._keep(plural, name, match["namespace"], _merged(found or {}, body))
        if found is None:
            return 404, _status(404, "NotFound", f"{plural} {name} not found")
        if method == "PUT":
            return 200, self._keep(plural, name, match["namespace"], body)
        if method == "DELETE":
            del self.objects[plural, name]
            return 200, _status(200, "", "")
        return 200, found

    def _keep(self, plural: str, name: str, namespace: str, body: Object) -> Object:
        before = self.objects.get((plural, name), {"metadata": {}})["metadata"]
        number = int(before.get("resourceVersion", 0)) + 1
        metadata = {**body.get("metadata", {}), "namespace": namespace, "name": name, "uid": name}
        self.objects[plural, name] = {**body, "metadata": {**metadata, "resourceVersion": str(number)}}
        return self.objects[plural, name]

    def _secrets(self, selector: str) -> Object:
        wanted = dict(term.split("=", 1) for term in selector.split(",") if "=" in term)
        found = [
            one
            for (kind, _), one in self.objects.items()
            if kind == "secrets" and wanted.items() <= one["metadata"].get("labels", {}).items()
        ]
        return {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": found}


def _merged(old: Object, new: Object) -> Object:
    made = dict(old)
    for key, value in new.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = _merged(made[key], dict(value))
        else:
            made[key] = value
    return made


def _status(code: int, reason: str, message: str) -> Object:
    word = "Success" if code < 300 else "Failure"
    told = {"status": word, "reason": reason, "message": message, "code": code}
    return {"kind": "Status", "apiVersion": "v1", **told}


def _discovery(path: str) -> Object | None:
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [_group(version) for version in KINDS if "/" in version]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    version = re.sub(r"^/apis?/", "", path)
    if version not in KINDS:
        return None
    resources = [
        {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": VERBS}
        for kind, plural in KINDS[version].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _group(version: str) -> Object:
    name, _, number = version.partition("/")
    one = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [one], "preferredVersion": one}


def _body(text: bytes) -> Object:
    """Return what was sent: JSON, YAML (what is to be applied), or a Secret in Kubernetes' own coding,
    in which helm remembers its releases."""
    if text.startswith(MAGIC):
        (raw,) = _fields(text.removeprefix(MAGIC))[2]
        return _secret(_fields(raw))
    body: Object = yaml.safe_load(text) if text else {}
    return body


def _secret(fields: Mapping[int, list[bytes]]) -> Object:
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


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[Cluster, Mapping[str, str]]]:
    """Give an empty cluster and the environment in which helm finds it."""
    cluster = Cluster()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            # What is said about a deletion does not matter here.
            body = {} if self.command == "DELETE" else _body(text)
            status, answer = cluster.answer(self.command, self.path, body)
            told = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # named by the standard library

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "tests",
            "clusters": [{"name": "tests", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "users": [{"name": "tests", "user": {}}],
        }
        (folder / "config").write_text(yaml.safe_dump(config))
        try:
            yield cluster, {"KUBECONFIG": str(folder / "config")}
        finally:
            server.shutdown()
