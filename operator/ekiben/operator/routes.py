"""Whether the gateway has taken over an HTTPRoute as it is now."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_CURE = {
    "NotAllowedByListeners": "let the Gateway's listeners allow routes from this namespace (allowedRoutes)",
    "NoMatchingParent": "name a listener that exists, or leave sectionName out",
    "NoMatchingListenerHostname": "choose a hostname that the Gateway's listeners serve",
    "BackendNotFound": "the Service of a revision is missing; it is made again at the next look",
    "RefNotPermitted": "a backend in another namespace is not permitted",
}


def acknowledged(route: Json) -> tuple[bool, str]:
    """Return whether every parent accepted the route at its present generation, and if not, why.

    An empty text with False means only "not yet".
    """
    generation = int(route["metadata"].get("generation") or 0)
    wanted = route["spec"].get("parentRefs") or []
    told = (route.get("status") or {}).get("parents") or []
    done = bool(wanted)
    for ref in wanted:
        parents = [parent for parent in told if _same(ref, parent.get("parentRef") or {}, route)]
        if not parents:
            done = False
            continue
        for parent in parents:
            accepted, problem = _parent(parent, generation)
            if problem:
                return False, f"Gateway {ref.get('name')} does not take the route: {problem}"
            done = done and accepted
    return done, ""


def _parent(parent: Json, generation: int) -> tuple[bool, str]:
    conditions = {item["type"]: item for item in parent.get("conditions") or ()}
    present = {
        kind: item for kind, item in conditions.items() if int(item.get("observedGeneration") or 0) >= generation
    }
    for kind in ("Accepted", "ResolvedRefs"):
        item = present.get(kind)
        if item and item.get("status") == "False":
            reason = str(item.get("reason") or "")
            cure = f" ({_CURE[reason]})" if reason in _CURE else ""
            return False, f"{reason}: {item.get('message') or 'no message'}{cure}"
    accepted = (present.get("Accepted") or {}).get("status") == "True"
    # A controller that tells ResolvedRefs has told it for this generation too before the route counts.
    resolved = "ResolvedRefs" not in conditions or (present.get("ResolvedRefs") or {}).get("status") == "True"
    return accepted and resolved, ""


def _same(wanted: Json, told: Json, route: Json) -> bool:
    own = route["metadata"].get("namespace")
    return (
        (wanted.get("kind") or "Gateway") == (told.get("kind") or "Gateway")
        and (wanted.get("namespace") or own) == (told.get("namespace") or own)
        and all(wanted.get(key) == told.get(key) for key in ("name", "sectionName", "port"))
    )
