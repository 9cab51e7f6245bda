"""What HorizontalPodAutoscalers say of the load: the status that Kubernetes writes into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ekiben.operator.world import Json
from ekiben.rollout.observation import Measured
from ekiben.scaling import Used


def total(autoscalers: Mapping[str, Json], carrying: Iterable[str]) -> Used | None:
    """Return the load of all revisions; None where one that gets requests has no figure of its CPU.

    Memory says nothing: it does not go where requests go.
    """
    found, revisions = 0.0, list(carrying)
    for revision in revisions:
        load = _load(autoscalers.get(revision))
        if load is None:
            return None
        found += load
    return Used(found) if revisions else None


def measured(autoscaler: Json) -> Measured:
    """Return what one autoscaler says of its revision."""
    status: Json = autoscaler.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    active, limited = conditions.get("ScalingActive", {}), conditions.get("ScalingLimited", {})
    use = dict(_uses(autoscaler))
    metric = next(iter(use), "")
    message = "; ".join(
        f"{name} {now} % of what is requested, the target is {target} %" for name, (now, target) in use.items()
    )
    problem = active.get("status") == "False" and active.get("reason") != "ScalingDisabled"
    if problem:
        message = str(active.get("message", ""))
    elif limited.get("status") == "True":
        message = f"{message}; {limited.get('message', '')}".strip("; ")
    return Measured(
        load=float(use[metric][0]) if use else None,
        capacity=float(use[metric][1]) if use else None,
        unit=f"% {metric}" if use else "",
        reason=str((active if problem else limited).get("reason", "")) or "Autoscaled",
        message=message[:1000],
        problem=problem,
    )


def _load(autoscaler: Json | None) -> float | None:
    """Return the replicas that one revision's requests keep at their target; None where that is not known."""
    if autoscaler is None:
        return None
    replicas = int((autoscaler.get("status") or {}).get("currentReplicas") or 0)
    use = dict(_uses(autoscaler)).get("cpu")
    return replicas * use[0] / use[1] if use is not None and replicas else None


def _uses(autoscaler: Json) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield (resource, (use, target)), each in per cent of what is requested."""
    wanted = {}
    for metric in autoscaler["spec"].get("metrics") or ():
        resource = metric.get("resource") or {}
        target = (resource.get("target") or {}).get("averageUtilization")
        if target:
            wanted[resource["name"]] = int(target)
    for metric in (autoscaler.get("status") or {}).get("currentMetrics") or ():
        resource = (metric or {}).get("resource") or {}
        now = (resource.get("current") or {}).get("averageUtilization")
        if now is not None and resource.get("name") in wanted:
            yield resource["name"], (int(now), wanted[resource["name"]])
