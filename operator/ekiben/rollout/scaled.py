"""status.scaling: who owns the replicas of each revision, what it carries, and why it has so many."""

from __future__ import annotations

from ekiben.api.modeldeployment import Spec
from ekiben.api.scaling import ScalingMetric, ScalingMetricType, Writer
from ekiben.api.status import RevisionScaling, RevisionStatus, ScalingStatus

from . import capacity, times
from .draft import Draft
from .observation import Measured
from .plan import Scale
from .why import Why, why

_FIGURES = 30.0
"""Seconds after which figures are written again although nothing else has changed."""
_LEARNED = 300.0
_DIGITS = 3


def write(draft: Draft) -> None:
    """Bring status.scaling up to date."""
    status, before = draft.status, draft.observation.resource.status.scaling
    known = {one.revision: one for one in before.revisions} if before is not None else {}
    parts = [one for one in (status.stable, status.canary) if one is not None]
    draft.update(
        scaling=ScalingStatus(
            follows=follows(draft.observation.resource.spec)[:1024],
            revisions=[_revision(draft, part, known.get(part.revision)) for part in parts],
        )
        if parts
        else None
    )


def follows(spec: Spec) -> str:
    """Return what replicas follow, defaults included, in plain English."""
    scaling = spec.scaling
    if scaling.fixed is not None:
        return f"nothing: scaling.replicas is {scaling.fixed}"
    bounds = f"{0 if scaling.sleeps else scaling.floor} to {scaling.ceiling} replicas"
    if scaling.keda is not None:
        return f"{bounds} by KEDA's triggers {', '.join(trigger.type for trigger in scaling.keda.triggers)}"
    words = " and ".join(_words(metric, spec.model.concurrency) for metric in spec.followed)
    default = "" if scaling.metrics else " (the default)"
    return "; ".join(filter(None, (f"{bounds} by {words}{default}", hint(spec))))


def hint(spec: Spec) -> str:
    """Return what to write where the default follows something that says little; empty where it does not."""
    if not spec.gpu_unseen:
        return ""
    return "it has a GPU, but its CPU is followed: write metrics: [{type: requestRate, target: ...}]"


def _words(metric: ScalingMetric, concurrency: int | None) -> str:
    match metric.type:
        case ScalingMetricType.CPU | ScalingMetricType.MEMORY:
            return f"{metric.type.value}, {metric.target} % of what a replica requests"
        case ScalingMetricType.LATENCY:
            return f"latency, {float(metric.quantile or '0.95'):.4g} of the answers within {metric.below}"
    unit = "requests at once" if metric.type is ScalingMetricType.CONCURRENCY else "requests/s"
    if metric.target is not None:
        return f"{metric.type.value}, {metric.target} {unit} a replica"
    if concurrency is not None:
        return f"{metric.type.value}, what keeps {concurrency} requests at once in a replica (spec.model.concurrency)"
    return f"{metric.type.value}, as many as a replica is seen to take"


def _revision(draft: Draft, part: RevisionStatus, before: RevisionScaling | None) -> RevisionScaling:
    now = times.text(draft.now)
    seen = draft.observation.measured.get(part.revision, Measured())
    writer, desired = _writer(draft, part), _desired(draft, part)
    reason, message = why(draft, part, desired, writer)
    same = before is not None and (before.writer, before.desired) == (writer.value, desired)
    if before is not None and before.reason == Why.NOT_MEASURED != reason:
        same = False  # now it is known why
    if before is not None and same:
        fresh = _older(before.seen_at, draft.now, _FIGURES)
        kept = before.model_copy(update={"ready": part.ready})
        if fresh and _figures(seen) != (before.load, before.capacity):
            load, capacity = _figures(seen)
            learned = seen.learned if _older(before.at, draft.now, _LEARNED) else before.learned
            kept = kept.model_copy(
                update={"load": load, "capacity": capacity, "unit": seen.unit, "seen_at": now, "learned": learned}
            )
        return kept
    load, capacity = _figures(seen)
    return RevisionScaling(
        revision=part.revision,
        writer=writer.value,
        desired=desired,
        ready=part.ready,
        load=load,
        capacity=capacity,
        unit=seen.unit,
        reason=reason,
        message=message[:1024],
        at=now,
        seen_at=now,
        learned=seen.learned[:8192],
    )


def _writer(draft: Draft, part: RevisionStatus) -> Writer:
    """Return who owns the replicas: what still stands of an earlier owner does until it is gone."""
    asked = draft.observation.resource.spec.writer
    return Writer.KEDA if capacity.still_keda(draft.revision(part.revision), asked) else asked


def _desired(draft: Draft, part: RevisionStatus) -> int:
    asked = [one.replicas for one in draft.actions if isinstance(one, Scale) and one.revision == part.revision]
    return asked[-1] if asked else part.replicas


def _figures(seen: Measured) -> tuple[float | None, float | None]:
    return _short(seen.load), _short(seen.capacity)


def _short(value: float | None) -> float | None:
    return round(value, _DIGITS) if value is not None else None


def _older(written: str, now: float, than: float) -> bool:
    return times.since(written, now) >= than
