"""The HTTPRoutes of a model: what callers ask goes to the revisions by weight, what the server tells stays inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from ekiben.api.base import seconds
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Testers

from . import hostnames
from .meta import metadata
from .names import child_name, revision_from, wake_name
from .runtime import server_of
from .service import PORT, WEIGHTS_ANNOTATION, noted, noted_weights
from .settings import Settings
from .wake import cold_start

GROUP = "gateway.networking.k8s.io"
MIRROR = "RequestMirror"
# Gateway API has no filter that answers by itself. The server answers 404 here, at the cost of one request.
NOWHERE = "/.not-served-here"

Json = dict[str, Any]


def render(
    resource: ModelDeployment,
    settings: Settings,
    weights: Sequence[tuple[str, int]],
    mirror: tuple[str, int] | None = None,
    testers: tuple[Testers, str] | None = None,
    *,
    wake: bool = False,
) -> Json:
    """Return the HTTPRoute with these (revision, per cent) backends, the stable one first.

    `mirror` is the (revision, per cent) that gets copies, `testers` who reaches which revision whatever its weight.
    The testers' rule comes last: gateways name what they send requests to by a rule's place, and a rule that moves up
    because one before it has gone leads nowhere for a moment. With `wake` the activators get what callers ask, and the
    weights are noted; a request then takes as long as it may wait and the model may work on it.
    """
    name = resource.metadata.name
    backends = [_backend(name, revision, 0 if wake else weight) for revision, weight in weights]
    if wake:
        backends.append({**_backend(name, "", 100), "name": wake_name(name)})
    # The private paths have the same backends: which revision answers stays a matter of chance for every request.
    rules = [_private(resource, backends), _public(resource, backends, mirror)]
    if testers is not None:
        rules.append(_testers(resource, *testers))
    spec = {"hostnames": hostnames.of(resource, settings), "rules": rules}
    made = attached(resource, name, parent_refs(resource, settings), spec)
    if wake:
        made["metadata"]["annotations"] = {WEIGHTS_ANNOTATION: noted(weights)}
        for rule in made["spec"]["rules"]:
            rule["timeouts"] = {"request": f"{ceil(cold_start(resource) + seconds(resource.spec.traffic.timeout))}s"}
    return made


def asleep(route: Mapping[str, Any]) -> bool:
    """Whether a route leads to the activators."""
    name = wake_name(route.get("metadata", {}).get("name", ""))
    return any(one.get("name") == name and one.get("weight", 1) for one in _main_rule(route).get("backendRefs") or ())


def render_preview(
    resource: ModelDeployment, parents: Sequence[Mapping[str, Any]], hostname: str, revision: str
) -> Json:
    """Return the HTTPRoute by which a hostname of its own reaches a revision before it has any weight."""
    backends = [_backend(resource.metadata.name, revision, 100)]
    spec = {"hostnames": [hostname], "rules": [_private(resource, backends), _public(resource, backends, None)]}
    return attached(resource, preview_name(resource.metadata.name), parents, spec)


def reweighted(resource: ModelDeployment, live: Mapping[str, Any], weights: Sequence[tuple[str, int]]) -> Json:
    """Return an HTTPRoute as it is, with other weights, no testers and no copies: of a route that is being left."""
    name, spec = resource.metadata.name, live["spec"]
    backends = [_backend(name, revision, weight) for revision, weight in weights]
    rules = [
        {
            **rule,
            "filters": [one for one in rule.get("filters") or () if mirrored_by(name, one) is None],
            "backendRefs": backends,
        }
        for rule in spec.get("rules") or ()
        if not _for_testers(rule)
    ]
    return attached(resource, name, spec["parentRefs"], {"hostnames": spec["hostnames"], "rules": rules})


def preview_name(name: str) -> str:
    """Return the name of a resource's preview route; no revision's, whose letters spell no word."""
    return f"{name}-preview"


def parent_refs(resource: ModelDeployment, settings: Settings) -> list[Json]:
    """Return the Gateways that the route attaches to; a reference without a namespace means the resource's own."""
    wanted = resource.spec.traffic.parent_refs
    if wanted is None:
        return [_gateway(settings.gateway_name, settings.gateway_namespace)]
    return [_gateway(ref.name, ref.namespace or resource.metadata.namespace, ref.section_name) for ref in wanted]


def path_of(route: Mapping[str, Any]) -> str:
    """Return the path prefix below which a route of the resource's own serves."""
    matches = _main_rule(route).get("matches") or [{}]
    return str((matches[0].get("path") or {}).get("value") or "/")


def weights(route: Mapping[str, Any]) -> dict[str, int]:
    """Read the weights back: revision -> per cent. Backends that are no revision of the resource are left out."""
    meta = route.get("metadata", {})
    if asleep(route):
        return noted_weights((meta.get("annotations") or {}).get(WEIGHTS_ANNOTATION, ""))
    return _weights(meta.get("name", ""), _main_rule(route))


def mirrored(route: Mapping[str, Any]) -> str | None:
    """Return the revision that gets copies of the requests."""
    name = route.get("metadata", {}).get("name", "")
    for one in _main_rule(route).get("filters") or ():
        revision = mirrored_by(name, one)
        if revision is not None:
            return revision
    return None


def previewed(route: Mapping[str, Any]) -> str | None:
    """Return the revision that testers reach by their header."""
    name = route.get("metadata", {}).get("name", "")
    for rule in route.get("spec", {}).get("rules") or ():
        if _for_testers(rule):
            return next(iter(_weights(name, rule)), None)
    return None


def leads_to(name: str, beside: Mapping[str, Any]) -> str | None:
    """Return the revision that a route beside that with the weights leads to, of the resource `name`."""
    rules = beside.get("spec", {}).get("rules") or ()
    return next((revision for rule in rules for revision in _weights(name, rule)), None)


def attached(resource: ModelDeployment, name: str, parents: Sequence[Mapping[str, Any]], spec: Json) -> Json:
    """Return an HTTPRoute of the resource's own that hangs on these parents."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(resource, name),
        "spec": {"parentRefs": [dict(parent) for parent in parents], **spec},
    }


def tester_header(testers: Testers) -> Json:
    """Return the header match by which testers are told apart."""
    return {"type": "Exact", "name": testers.header, "value": testers.value}


def mirror_filter(name: str, revision: str, percent: int) -> Json:
    """Return the filter that copies requests to a revision of the resource `name`."""
    target = {"group": "", "kind": "Service", "name": child_name(name, revision), "port": PORT}
    # Where every request is copied the field is left out: gateways that know no percentage refuse it, or ignore it.
    share = {"percent": percent} if percent < 100 else {}
    return {"type": MIRROR, "requestMirror": {"backendRef": target, **share}}


def mirrored_by(name: str, one: Mapping[str, Any]) -> str | None:
    """Return the revision of the resource `name` that a filter copies requests to; None where it is another filter."""
    if one.get("type") != MIRROR:
        return None
    return revision_from(name, (one.get("requestMirror") or {}).get("backendRef", {}).get("name", ""))


def _private(resource: ModelDeployment, backends: list[Json]) -> Json:
    prefix = resource.spec.traffic.path.rstrip("/")
    return {
        "matches": [_prefix(prefix + path) for path in server_of(resource.spec.model).private_paths],
        "filters": [_rewrite({"type": "ReplaceFullPath", "replaceFullPath": NOWHERE})],
        "backendRefs": backends,
        "timeouts": _timeouts(resource),
    }


def _testers(resource: ModelDeployment, testers: Testers, revision: str) -> Json:
    # A gateway prefers the longer path, and of equal paths the match with more headers: the private paths stay private.
    match = _prefix(resource.spec.traffic.path.rstrip("/") or "/")
    return {
        "matches": [{**match, "headers": [tester_header(testers)]}],
        "filters": _strip_prefix(resource.spec.traffic.path),
        "backendRefs": [_backend(resource.metadata.name, revision, 100)],
        "timeouts": _timeouts(resource),
    }


def _public(resource: ModelDeployment, backends: list[Json], mirror: tuple[str, int] | None) -> Json:
    copies = [mirror_filter(resource.metadata.name, *mirror)] if mirror is not None else []
    return {
        "matches": [_prefix(resource.spec.traffic.path.rstrip("/") or "/")],
        "filters": _strip_prefix(resource.spec.traffic.path) + copies,
        "backendRefs": backends,
        "timeouts": _timeouts(resource),
    }


def _timeouts(resource: ModelDeployment) -> Json:
    return {"request": resource.spec.traffic.timeout}


def main_rule(route: Mapping[str, Any]) -> int:
    """Return the place of the rule with the weights: the last one that is not for testers; -1 where there is none."""
    rules = route.get("spec", {}).get("rules") or ()
    return max((place for place, rule in enumerate(rules) if not _for_testers(rule)), default=-1)


def _main_rule(route: Mapping[str, Any]) -> Mapping[str, Any]:
    place = main_rule(route)
    found: Mapping[str, Any] = route["spec"]["rules"][place] if place >= 0 else {}
    return found


def _for_testers(rule: Mapping[str, Any]) -> bool:
    return any(match.get("headers") for match in rule.get("matches") or ())


def _weights(name: str, rule: Mapping[str, Any]) -> dict[str, int]:
    found = {}
    for backend in rule.get("backendRefs") or ():
        revision = revision_from(name, backend.get("name", ""))
        if revision is not None:
            found[revision] = int(backend.get("weight", 1))
    return found


def _prefix(path: str) -> Json:
    return {"path": {"type": "PathPrefix", "value": path}}


def _strip_prefix(path: str) -> list[Json]:
    if not path.rstrip("/"):
        return []
    return [_rewrite({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"})]


def _rewrite(path: dict[str, str]) -> Json:
    return {"type": "URLRewrite", "urlRewrite": {"path": path}}


def _gateway(name: str, namespace: str, section: str | None = None) -> Json:
    reference = {"group": GROUP, "kind": "Gateway", "name": name, "namespace": namespace}
    return reference | {"sectionName": section} if section else reference


def _backend(name: str, revision: str, weight: int) -> Json:
    return {"group": "", "kind": "Service", "name": child_name(name, revision), "port": PORT, "weight": weight}
