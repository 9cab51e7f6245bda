"""What the requests say, in sentences that need no statistics: pure."""

from __future__ import annotations

from collections.abc import Iterable

from ekiben.api.rollout import Analysis
from ekiben.api.status import MetricEvidence
from ekiben.cli import words

from .story import Figure


def figures(metrics: Iterable[MetricEvidence], new: str, old: str) -> tuple[Figure, ...]:
    """Return the measures; `new` and `old` are what the two revisions are called. One without requests is left out."""
    return tuple(_figure(one, new, old) for one in metrics if one.canary_requests or one.stable_requests)


def brief(metrics: Iterable[MetricEvidence], old: str) -> str:
    """Return the counts in one line, "failed 3 of 1,204 (revision 2: 12 of 4,816); over 250 ms …"; empty without."""
    parts = []
    for one in metrics:
        if one.canary_requests or one.stable_requests:
            name = {"errors": "failed", "latency": f"over {seconds(one.boundary or 0.0)}"}.get(one.name, one.name)
            beside = f" ({old}: {one.stable_events:,} of {one.stable_requests:,})" if one.stable_requests else ""
            parts.append(f"{name} {one.canary_events:,} of {one.canary_requests:,}{beside}")
    return "; ".join(parts)


def _figure(one: MetricEvidence, new: str, old: str) -> Figure:
    return Figure(
        one.name,
        _sentence(one, new, old),
        one.regressed,
        one.not_worse,
        one.canary_events,
        one.canary_requests,
        one.stable_events,
        one.stable_requests,
    )


def _sentence(one: MetricEvidence, new: str, old: str) -> str:
    canary = _counted(one.canary_events, one.canary_requests)
    stable = _counted(one.stable_events, one.stable_requests)
    if one.name == "errors":
        what = f"requests to {new} failed"
    elif one.name == "latency":
        what = f"answers of {new} took longer than {seconds(one.boundary or 0.0)}"
    else:
        text = f"{one.name}: {canary[0]} for {new} {canary[1]}"
        return f"{text}; for {old}, {stable[0]} {stable[1]}." if one.stable_requests else f"{text}."
    text = f"{canary[0]} {what} {canary[1]}"
    return f"{text}; of {old}'s, {stable[0]} {stable[1]}." if one.stable_requests else f"{text}."


def _counted(events: int, whole: int) -> tuple[str, str]:
    """Return "3 of 1,204" and "(0.2 %)"."""
    return f"{events:,} of {whole:,}", f"({words.share(events, whole)})"


def seconds(value: float) -> str:
    """Return a latency: "250 ms", "1.5 s"."""
    return f"{value * 1000:g} ms" if value < 1 else f"{value:g} s"


def convicted(analysis: Analysis | None) -> str:
    """Say how sure a rollback by evidence is."""
    bound = f"at most {_per_cent(analysis.false_rollback)}" if analysis else "only a small part"
    return (
        f"A revision that is no worse gets this far in {bound} of all rollouts "
        "(spec.rollout.analysis.falseRollback), so chance is a poor explanation."
    )


def passed(analysis: Analysis | None) -> str:
    """Say how sure a promotion by evidence is."""
    bound = f"at most {_per_cent(analysis.false_promote)}" if analysis else "only a small part"
    return (
        "A revision that is worse by more than the margin (spec.rollout.analysis.nonInferiority) passes in "
        f"{bound} of all rollouts (falsePromote)."
    )


def _per_cent(value: float) -> str:
    return f"{100 * value:g} %"
