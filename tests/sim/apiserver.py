"""An API server in memory: what ekiben relies on of the real one, and nothing else.

Optimistic concurrency by resourceVersion, generation, server-side apply with field ownership, merge and JSON patches,
/status and /scale, conflicts, delete preconditions, selectors, paging and garbage collection. semantics.py is the
suite that holds it to a real API server. Not here: watches (a listener stands for them), finalizers, admission,
validation of contents, roles, and ownership of status fields, which ekiben never applies.

Nobody shares state with it: whatever goes in or out is a copy.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ekiben.cluster.kinds import Kind

from . import ownership
from .patches import PatchError, json_patch, merge
from .schema import BY_PATH, Info
from .selectors import matches_fields, matches_labels

Json = dict[str, Any]
Name = tuple[str | None, str]
Listener = Callable[[str, Info, Json], None]
"""Called with ADDED, MODIFIED or DELETED after each write. The object is the server's own: read only."""

_NAMESPACE = ("", "v1", "namespaces")


class RefusedError(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason

    def status(self) -> Json:
        """Return the body of the answer."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.code,
        }


@dataclass(slots=True)
class Stored:
    """One object."""

    body: Json
    """Never changed in place."""
    owners: ownership.Owners
    api_version: str
    shown: bool
    """Whether its managed fields are in what is read."""
    packed: bytes | None = None

    def copy(self) -> Json:
        """Return a copy that the caller may do anything with."""
        return unpack(self.pack())

    def pack(self) -> bytes:
        """Return the object, with its managed fields, in a form that is quick to copy."""
        if self.packed is None:
            body = self.body
            if self.owners and self.shown:
                meta = {**body["metadata"], "managedFields": ownership.managed_fields(self.owners, self.api_version)}
                body = {**body, "metadata": meta}
            self.packed = marshal.dumps(body, 2)
        return self.packed


def unpack(packed: bytes) -> Json:
    """Return a fresh copy."""
    found: Json = marshal.loads(packed)  # what this process has packed itself
    return found


@dataclass(frozen=True)
class Target:
    """What a path means."""

    info: Info
    namespace: str | None
    name: str | None
    subresource: str

    @property
    def key(self) -> Name:
        return (self.namespace if self.info.namespaced else None, self.name or "")


@lru_cache(maxsize=4096)
def target(path: str) -> Target:
    """Read a path such as /apis/apps/v1/namespaces/shop/deployments/iris/scale.

    Raises:
        RefusedError: 404, the kind is unknown.
    """
    parts = path.strip("/").split("/")
    root = 2 if parts[0] == "api" else 3
    group = "" if parts[0] == "api" else parts[1]
    rest, namespace = parts[root:], None
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    info = BY_PATH.get((group, parts[root - 1], rest[0] if rest else ""))
    if info is None:
        raise RefusedError(404, "NotFound", "the server could not find the requested resource")
    name, subresource = (*rest[1:], "", "")[:2]
    return Target(info, namespace, name or None, subresource)


@dataclass
class ApiServer:
    """Objects by kind and name, and the verbs."""

    clock: Callable[[], str]
    """The time as RFC 3339 text."""
    listener: Listener = lambda _event, _info, _body: None
    shows_managed_fields: bool = True
    """Whether metadata.managedFields is in what is read."""
    missing: set[str] = field(default_factory=set)
    """Plurals of kinds that are not installed."""
    stores: dict[str, dict[Name, Stored]] = field(default_factory=dict)
    version: int = 1000
    _uids: int = 0

    # What the world does, without going over paths.

    def store(self, kind: Kind) -> dict[Name, Stored]:
        """Return the objects of a kind."""
        found = self.stores.get(kind.plural)
        if found is None:
            found = self.stores[kind.plural] = {}
        return found

    def peek(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        """Return the server's own object: read only."""
        found = self.store(kind).get((namespace, name))
        return found.body if found else None

    def all(self, kind: Kind) -> Iterator[Json]:
        """Return the server's own objects of a kind: read only."""
        return (stored.body for stored in list(self.store(kind).values()))

    def put(self, kind: Kind, body: Json, manager: str = "controller", *, subresource: str = "") -> Json:
        """Write an object as somebody does who has just read it; a new one is made."""
        info = BY_PATH[kind.group, kind.version, kind.plural]
        meta = body["metadata"]
        where = Target(info, meta.get("namespace"), meta["name"], subresource)
        stored = self.store(kind).get(where.key)
        if stored is None:
            return self._create(where, body, manager)
        return self._write(where, stored, self._replaced(where, stored, body), manager)

    def remove(self, kind: Kind, namespace: str | None, name: str) -> None:
        """Delete an object; one that is gone is no error."""
        stored = self.store(kind).pop((namespace, name), None)
        if stored is not None:
            self.version += 1
            self.listener("DELETED", BY_PATH[kind.group, kind.version, kind.plural], stored.body)

    def mark_deleted(self, kind: Kind, namespace: str, name: str) -> None:
        """Set the deletion timestamp of an object that goes later, as a pod does."""
        info, stored = BY_PATH[kind.group, kind.version, kind.plural], self.store(kind)[namespace, name]
        meta = {**stored.body["metadata"], "deletionTimestamp": self.clock()}
        self._keep(info, (namespace, name), {**stored.body, "metadata": meta}, stored.owners, "MODIFIED")

    def orphans(self) -> list[tuple[Kind, str | None, str]]:
        """Return what has owners of which none exists any more."""
        alive = {stored.body["metadata"]["uid"] for store in self.stores.values() for stored in store.values()}
        return [
            (info.kind, *name)
            for info in BY_PATH.values()
            for name, stored in self.stores.get(info.kind.plural, {}).items()
            if (owners := stored.body["metadata"].get("ownerReferences"))
            and not any(owner["uid"] in alive for owner in owners)
        ]

    # What goes over paths.

    def handle(
        self, method: str, path: str, query: Mapping[str, str], body: Any = None, content_type: str = ""
    ) -> Json:
        """Answer one request.

        Raises:
            RefusedError: anything but a success.
        """
        if path.count("/") < 4 and path in ("/version", *_groups(path)):
            return self._discover(path)
        where = target(path)
        if where.info.kind.plural in self.missing:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        match method:
            case "GET":
                return self._get(where) if where.name else self._list(where, query)
            case "POST":
                return self._create(where, _copied(body), query.get("fieldManager", "unknown"))
            case "DELETE":
                return self._delete(where, body or {})
            case "PUT":
                stored = self._stored(where)
                return self._answer(where, self._update(where, stored, _copied(body), query))
            case "PATCH":
                return self._patch(where, _copied(body), query, content_type)
        raise RefusedError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _discover(self, path: str) -> Json:
        if path == "/version":
            return {"gitVersion": "v1.36.3"}
        found = [info for info in BY_PATH.values() if info.kind.path().startswith(path + "/")]
        found = [info for info in found if info.kind.plural not in self.missing]
        if not found:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        return {"kind": "APIResourceList", "resources": [{"name": info.kind.plural} for info in found]}

    def _stored(self, where: Target) -> Stored:
        stored = self.store(where.info.kind).get(where.key)
        if stored is None:
            raise RefusedError(404, "NotFound", f'{where.info.label} "{where.name}" not found')
        return stored

    def _get(self, where: Target) -> Json:
        return self._answer(where, self._stored(where))

    def _answer(self, where: Target, stored: Stored) -> Json:
        kind = where.info.kind
        if where.subresource == "scale":
            return _scale_of(stored.body)
        return {"apiVersion": kind.api_version, "kind": kind.kind, **stored.copy()}

    def _list(self, where: Target, query: Mapping[str, str]) -> Json:
        labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
        found = [
            (key, stored)
            for key, stored in sorted(self.store(where.info.kind).items())
            if where.namespace in (None, key[0])
            and (not labels or matches_labels(stored.body["metadata"].get("labels") or {}, labels))
            and (not fields or matches_fields(stored.body, fields))
        ]
        kind, meta = where.info.kind, {"resourceVersion": str(self.version)}
        limit, start = int(query.get("limit") or 0), query.get("continue", "")
        if start:
            found = [item for item in found if f"{item[0][0]}/{item[0][1]}" > start]
        if limit and len(found) > limit:
            found, rest = found[:limit], len(found) - limit
            meta |= {"continue": f"{found[-1][0][0]}/{found[-1][0][1]}", "remainingItemCount": rest}
        items = [stored.copy() for _, stored in found]
        if where.info.custom:  # lists of built-in kinds leave it out
            items = [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in items]
        return {"apiVersion": kind.api_version, "kind": f"{kind.kind}List", "metadata": meta, "items": items}

    def _create(self, where: Target, body: Json, manager: str) -> Json:
        info, meta = where.info, body.setdefault("metadata", {})
        namespace = where.namespace if info.namespaced else None
        if meta.get("resourceVersion"):
            raise RefusedError(500, "InternalError", "resourceVersion should not be set on objects to be created")
        key = (namespace, meta["name"])
        if key in self.store(info.kind):
            raise RefusedError(409, "AlreadyExists", f'{info.label} "{meta["name"]}" already exists')
        if namespace is not None and (None, namespace) not in self.stores.get("namespaces", {}):
            raise RefusedError(404, "NotFound", f'namespaces "{namespace}" not found')
        body = {field: value for field, value in body.items() if field not in ("apiVersion", "kind")}
        if info.status and where.subresource != "status" and manager != "controller":
            body.pop("status", None)
        info.default(body)
        owners = ownership.update({}, body, info.rules, {}, manager) if info.tracked else {}
        self._uids += 1
        meta |= {"uid": f"uid-{self._uids:06d}", "creationTimestamp": self.clock()}
        if namespace is not None:
            meta["namespace"] = namespace
        if info.generation:
            meta["generation"] = 1
        stored = self._keep(info, key, body, owners, "ADDED")
        return self._answer(where, stored)

    def _delete(self, where: Target, options: Json) -> Json:
        stored, wanted = self._stored(where), options.get("preconditions") or {}
        meta = stored.body["metadata"]
        for precondition, field_ in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if precondition in wanted and wanted[precondition] != meta[precondition]:
                raise RefusedError(
                    409,
                    "Conflict",
                    f'Operation cannot be fulfilled on {where.info.label} "{where.name}": Precondition failed: '
                    f"{field_} in precondition: {wanted[precondition]}, {field_} in object meta: {meta[precondition]}",
                )
        self.remove(where.info.kind, *where.key)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _update(self, where: Target, stored: Stored, body: Json, query: Mapping[str, str]) -> Stored:
        """Write an object back; a patch ends here as well."""
        meta, live = body.get("metadata") or {}, stored.body["metadata"]
        if meta.get("name", live["name"]) != live["name"]:
            raise RefusedError(400, "BadRequest", "the name of the object does not match the name on the URL")
        if meta.get("uid", live["uid"]) != live["uid"]:
            raise _conflict(where, f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta")
        version = meta.get("resourceVersion")
        if not version and where.info.custom:
            message = "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
            raise RefusedError(422, "Invalid", f'{where.info.label} "{where.name}" is invalid: {message}')
        if version and version != live["resourceVersion"]:
            raise _conflict(where, "the object has been modified; please apply your changes to the latest version")
        if where.subresource == "scale":
            body = {**stored.copy(), "spec": {**stored.copy()["spec"], "replicas": body["spec"].get("replicas", 0)}}
            where = Target(where.info, where.namespace, where.name, "")
        new = self._replaced(where, stored, body)
        self._write(where, stored, new, query.get("fieldManager", "unknown"))
        return self._stored(where)

    def _patch(self, where: Target, patch: Any, query: Mapping[str, str], content_type: str) -> Json:
        if content_type == "application/apply-patch+yaml":
            return self._apply(where, patch, query)
        stored = self._stored(where)
        live = _scale_of(stored.body) if where.subresource == "scale" else stored.copy()
        version = live["metadata"]["resourceVersion"]
        try:
            match content_type:
                case "application/merge-patch+json":
                    patched = merge(live, patch)
                case "application/json-patch+json":
                    patched = json_patch(live, patch)
                case _:
                    message = f"the body of the request was in an unknown format: {content_type}"
                    raise RefusedError(415, "UnsupportedMediaType", message)
        except PatchError as error:
            message = f"the server rejected our request due to an error in our request: {error}"
            raise RefusedError(422, "Invalid", message) from error
        patched["metadata"].setdefault("resourceVersion", version)
        return self._answer(where, self._update(where, stored, patched, query))

    def _apply(self, where: Target, config: Json, query: Mapping[str, str]) -> Json:
        info, manager = where.info, query["fieldManager"]
        stored = self.store(info.kind).get(where.key)
        version = (config.get("metadata") or {}).pop("resourceVersion", "")
        live = stored.copy() if stored else {"metadata": {"name": where.name}}
        live["metadata"].pop("managedFields", None)
        if version and stored is not None and version != live["metadata"]["resourceVersion"]:
            raise _conflict(where, "the object has been modified; please apply your changes to the latest version")
        owners = stored.owners if stored else {}
        config = {field: value for field, value in config.items() if field not in ("apiVersion", "kind", "status")}
        try:
            merged, after = ownership.apply(
                live, config, info.rules, owners, manager, force=query.get("force") == "true"
            )
        except ownership.FieldConflictError as error:
            raise RefusedError(409, "Conflict", f"Apply failed with 1 conflict: {error}") from error
        if stored is None:
            self._create(where, merged, manager)
            made = self._stored(where)
            made.owners, made.packed = after, None
            return self._answer(where, made)
        info.default(merged)
        merged["metadata"] = {**merged["metadata"], **_identity(stored.body["metadata"])}
        if merged == stored.body and after == owners:
            return self._answer(where, stored)
        return self._answer(where, self._keep_changed(where, stored, merged, after))

    def _replaced(self, where: Target, stored: Stored, body: Json) -> Json:
        """Return what the object will be when `body` is written to it, or to one of its subresources."""
        live = stored.body
        if where.subresource == "status":
            return {**live, "status": body.get("status", {})} if body.get("status") else _without(live, "status")
        body = {field: value for field, value in body.items() if field not in ("apiVersion", "kind")}
        if where.info.status:
            body.pop("status", None)
            if "status" in live:
                body["status"] = live["status"]
        body["metadata"] = {**body["metadata"], **_identity(live["metadata"])}
        body["metadata"].pop("managedFields", None)
        where.info.default(body)
        return body

    def _write(self, where: Target, stored: Stored, new: Json, manager: str) -> Json:
        """Write what has changed; nothing, if nothing has."""
        if new == stored.body:
            return self._answer(where, stored)
        owners, info = stored.owners, where.info
        if info.tracked and where.subresource != "status":
            owners = ownership.update(stored.body, new, info.rules, owners, manager)
        return self._answer(where, self._keep_changed(where, stored, new, owners))

    def _keep_changed(self, where: Target, stored: Stored, new: Json, owners: ownership.Owners) -> Stored:
        if where.info.generation and _desired(new, where.info) != _desired(stored.body, where.info):
            meta = new["metadata"]
            new = {**new, "metadata": {**meta, "generation": int(meta.get("generation", 1)) + 1}}
        return self._keep(where.info, where.key, new, owners, "MODIFIED")

    def _keep(self, info: Info, key: Name, body: Json, owners: ownership.Owners, event: str) -> Stored:
        self.version += 1
        body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        stored = self.store(info.kind)[key] = Stored(body, owners, info.kind.api_version, self.shows_managed_fields)
        self.listener(event, info, body)
        return self.store(info.kind).get(key, stored)


def _copied(body: Any) -> Any:
    return marshal.loads(marshal.dumps(body, 2))


def _groups(path: str) -> tuple[str, ...]:
    return (path,) if path.startswith(("/api/", "/apis/")) and not path.endswith("s/") else ()


def _conflict(where: Target, why: str) -> RefusedError:
    return RefusedError(409, "Conflict", f'Operation cannot be fulfilled on {where.info.label} "{where.name}": {why}')


def _identity(meta: Json) -> Json:
    """Return the metadata that no writer changes."""
    kept = ("name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp")
    return {field: meta[field] for field in kept if field in meta}


def _desired(body: Json, info: Info) -> Json:
    """Return what the generation counts changes of."""
    dropped = ("metadata", "status") if info.status else ("metadata",)
    desired = {field: value for field, value in body.items() if field not in dropped}
    return desired | {"metadata": body["metadata"].get("annotations")} if info.scale else desired


def _without(body: Json, field_: str) -> Json:
    return {field: value for field, value in body.items() if field != field_}


def _scale_of(body: Json) -> Json:
    meta = body["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: meta[field] for field in kept if field in meta},
        "spec": {"replicas": replicas} if (replicas := body["spec"].get("replicas", 1)) else {},
        "status": {"replicas": (body.get("status") or {}).get("replicas", 0)},
    }
