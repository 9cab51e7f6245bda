"""The HTTPRoute of a model: what callers ask goes to the revisions by weight, what the server tells stays inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ekiben.api.modeldeployment import ModelDeployment

from .meta import metadata
from .names import child_name, revision_from
from .runtime import server_of
from .service import PORT
from .settings import Settings

GROUP = "gateway.networking.k8s.io"
# Gateway API has no filter that answers by itself. The server answers 404 here, at the cost of one request.
_NOWHERE = "/.not-served-here"


def render(resource: ModelDeployment, settings: Settings, weights: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return the HTTPRoute with these (revision, per cent) backends, the stable one first."""
    traffic = resource.spec.traffic
    backends = [_backend(resource.metadata.name, revision, weight) for revision, weight in weights]
    timeouts = {"request": traffic.timeout}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(resource, resource.metadata.name),
        "spec": {
            "parentRefs": parent_refs(resource, settings),
            "hostnames": hostnames(resource, settings),
            "rules": [
                # The same backends and weights: which revision answers stays a matter of chance for every request.
                {
                    "matches": [_prefix(path) for path in _private_paths(resource)],
                    "filters": [_rewrite({"type": "ReplaceFullPath", "replaceFullPath": _NOWHERE})],
                    "backendRefs": backends,
                    "timeouts": timeouts,
                },
                {
                    "matches": [_prefix(traffic.path.rstrip("/") or "/")],
                    "filters": _strip_prefix(traffic.path),
                    "backendRefs": backends,
                    "timeouts": timeouts,
                },
            ],
        },
    }


def hostnames(resource: ModelDeployment, settings: Settings) -> list[str]:
    """Return the hostnames that reach the model."""
    meta = resource.metadata
    return list(resource.spec.traffic.hostnames or [f"{meta.name}.{meta.namespace}.{settings.domain}"])


def parent_refs(resource: ModelDeployment, settings: Settings) -> list[dict[str, Any]]:
    """Return the Gateways that the route attaches to; a reference without a namespace means the resource's own."""
    wanted = resource.spec.traffic.parent_refs
    if wanted is None:
        return [_gateway(settings.gateway_name, settings.gateway_namespace)]
    return [_gateway(ref.name, ref.namespace or resource.metadata.namespace, ref.section_name) for ref in wanted]


def weights(route: Mapping[str, Any]) -> dict[str, int]:
    """Read the weights back: revision -> per cent. Backends that are no revision of the resource are left out."""
    name = route.get("metadata", {}).get("name", "")
    rules = route.get("spec", {}).get("rules") or [{}]
    found = {}
    for backend in rules[-1].get("backendRefs") or ():
        revision = revision_from(name, backend.get("name", ""))
        if revision is not None:
            found[revision] = int(backend.get("weight", 1))
    return found


def _private_paths(resource: ModelDeployment) -> list[str]:
    prefix = resource.spec.traffic.path.rstrip("/")
    return [prefix + path for path in server_of(resource.spec.model).private_paths]


def _prefix(path: str) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": path}}


def _strip_prefix(path: str) -> list[dict[str, Any]]:
    if not path.rstrip("/"):
        return []
    return [_rewrite({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})]


def _rewrite(path: dict[str, str]) -> dict[str, Any]:
    return {"type": "URLRewrite", "urlRewrite": {"path": path}}


def _gateway(name: str, namespace: str, section: str | None = None) -> dict[str, Any]:
    reference = {"group": GROUP, "kind": "Gateway", "name": name, "namespace": namespace}
    return reference | {"sectionName": section} if section else reference


def _backend(name: str, revision: str, weight: int) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": child_name(name, revision), "port": PORT, "weight": weight}
