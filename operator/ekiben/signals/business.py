"""A business metric on trial: its own e-process, beside the one of the requests.

With them 30 % of falseRollback is theirs, in equal shares: the sum stays the bound. "Not worse" needs every metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ekiben.analysis import Config, Kind, State, Verdict, verdict
from ekiben.api.rollout import Direction, NamedMetric
from ekiben.api.status import MetricEvidence

from .absence import Absence
from .comparison import Comparison
from .counters import MetricsError, PodCounters
from .query_reader import QueryReader
from .source import ScrapeTarget, outcome

ALPHA_SHARE = 0.3
_INTERVALS = 4
_STALE_READINGS = 3
_PATIENCE_SECONDS = 30.0


def split(config: Config, metrics: Sequence[NamedMetric]) -> tuple[Config, dict[str, Config]]:
    """Return what is left for the requests, and metric -> what it gets."""
    if not metrics:
        return config, {}
    share = ALPHA_SHARE / len(metrics)
    own = {
        one.name: replace(
            config,
            alpha=config.alpha * share,
            error_tolerance=one.tolerance,
            # The margin of requests would hide any change of what is rare: one percentage point may be all there is.
            odds_margin=one.tolerance,
        )
        for one in metrics
    }
    return replace(config, alpha=config.alpha * (1 - ALPHA_SHARE)), own


@dataclass(frozen=True)
class View:
    """What one business metric says."""

    kind: Kind
    message: str
    metric: MetricEvidence | None
    problem: str = ""
    problem_message: str = ""


def together(requests: State | None, metrics: Sequence[View]) -> Verdict:
    """Return what the requests and the business metrics say together; every one has to pass for "not worse"."""
    own = verdict(requests) if requests is not None else None
    kinds = {own.kind if own is not None else "Unknown", *(one.kind for one in metrics)}
    kind: Kind = "Regressed" if "Regressed" in kinds else "Unknown" if "Unknown" in kinds else "NotWorse"
    told = [own.because if own is not None else "the canary has had no share of the traffic yet"]
    told += [one.message for one in metrics]
    troubled = next((one for one in metrics if one.problem), None)
    return Verdict(
        kind,
        "; ".join(told),
        (*(own.metrics if own is not None else ()), *(one.metric for one in metrics if one.metric is not None)),
        (own.problem if own is not None else "") or (troubled.problem if troubled else ""),
        (own.problem_message if own is not None else "") or (troubled.problem_message if troubled else ""),
        own.note if own is not None else "",
        # What the requests still need is not when the verdict comes, where a business metric is awaited as well.
        own.needs if own is not None and all(one.kind != "Unknown" for one in metrics) else None,
    )


class BusinessMetric:
    """One metric of a rollout."""

    def __init__(
        self,
        wanted: NamedMetric,
        config: Config,
        reader: QueryReader,
        delay: float,
        *,
        canary: str,
        stable: str,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            wanted: what the resource says of it.
            config: its share of the guarantee.
            reader: reads its counters.
            delay: seconds after its trial that an event may come.
            canary: the revision on trial.
            stable: the one that it is compared with.
        """
        self.name = wanted.name
        self.tick_length = _INTERVALS * reader.interval
        self._higher = wanted.direction is Direction.HIGHER
        self._margin = wanted.tolerance
        self._reader = reader
        self._delay = delay
        self._canary, self._stable = canary, stable
        # Trials are not requests: how many there are in each arm says nothing about the route.
        self._comparison = Comparison(config, self.tick_length, randomised=False, rejected=False)
        self._absence = Absence(canary, stable, max(_STALE_READINGS * self.tick_length, _PATIENCE_SECONDS))
        self._namespace = ""
        self._read_at = 0.0
        self._due = 0.0
        self._share = 0.0
        self._failures: list[str] = []

    @property
    def state(self) -> State | None:
        """What is to be kept; None before the canary had any share."""
        return self._comparison.state

    @property
    def usable(self) -> bool:
        """Whether the last reading succeeded: between two of them an outage is not seen otherwise."""
        return self._share == 0 or not self._failures

    def restore(self, state: State) -> None:
        """Go on with what `state` was before."""
        if state.config.odds_margin is None:
            # Saved by a program with another margin: what that gathered for "not worse" says nothing about this one.
            config = replace(state.config, odds_margin=self._margin)
            state = replace(state, config=config, errors=replace(state.errors, log_not_worse=0.0))
        self._comparison.state = state

    def change(self, share: float, now: float) -> None:
        """Begin anew at another share of the requests (0 to 1); what came before may still bring events."""
        self._share = share
        self._absence.change(share)
        self._comparison.change(share, now, max(2 * self.tick_length, self._delay), None)

    async def tick(self, targets: Sequence[ScrapeTarget], now: float, timeout: float) -> None:  # noqa: ASYNC109
        """Read and judge, if it is time to."""
        if now < self._due or not targets:
            return
        self._due = now + self.tick_length
        self._namespace = targets[0].namespace
        pods: dict[str, list[str]] = {self._canary: [], self._stable: []}
        for target in targets:
            pods.setdefault(target.revision, []).append(target.name)
        answer = await outcome(self._reader.read(self._namespace, pods), timeout, "Prometheus")
        self.observe(answer, now)

    def observe(self, answer: Mapping[str, PodCounters] | MetricsError, now: float) -> None:
        """Take in a reading that began at `now`."""
        if isinstance(answer, MetricsError):
            self._failures.append(str(answer))
            return
        self._failures.clear()
        arms = [ScrapeTarget(revision, revision, "", "", 0, revision) for revision in answer]
        reading = self._comparison.read(arms, answer, now)
        self._read_at = now
        self._absence.observe({revision: reading.counted.requests({revision}) for revision in answer}, now)
        # Of what is better the more there is, the stable one having more is what convicts: the arms change places.
        first, second = (self._stable, self._canary) if self._higher else (self._canary, self._stable)
        self._comparison.count(reading, {first} & set(answer), {second} & set(answer), pooled=True)

    def view(self) -> View:
        """Return what it says now."""
        problem = ("", "")
        if self._share > 0 and len(self._failures) >= _STALE_READINGS:
            problem = "SourceDown", f"{self.name}: {self._failures[-1]}"
        elif absent := self._absence.of(self._read_at):
            problem = "NoSeries", self._without_series(absent)
        if self.state is None:
            return View("Unknown", f"{self.name}: the canary has had no share of the traffic yet", None, *problem)
        found = verdict(self.state)
        metric = self._metric(found)
        return View(found.kind, _sentence(metric), metric, *problem)

    def _without_series(self, revisions: Sequence[str]) -> str:
        whose = "either revision" if len(revisions) > 1 else f"revision {revisions[0]}"
        return (
            f"{self.name}: Prometheus has no series {self._reader.sought(self._namespace)} of {whose}: have the "
            "platform team compare the metric and the labels of the query's definition with what the pods export, or "
            "begin anew without this metric; where no trial has come yet, the first one ends this"
        )

    def _metric(self, found: Verdict) -> MetricEvidence:
        one = found.metrics[0].model_copy(update={"name": self.name})
        if not self._higher:
            return one
        ratio = None if one.odds_ratio is None else round(1 / max(one.odds_ratio, 0.001), 3)
        return one.model_copy(
            update={
                "canary_events": one.stable_events,
                "canary_requests": one.stable_requests,
                "stable_events": one.canary_events,
                "stable_requests": one.canary_requests,
                "odds_ratio": ratio,
            }
        )


def _sentence(one: MetricEvidence) -> str:
    if not one.canary_requests or not one.stable_requests:
        return f"{one.name}: nothing of both revisions at the same time yet"
    estimate = f" (odds ratio about {one.odds_ratio:.2g})" if one.odds_ratio is not None else ""
    return (
        f"{one.name}: {one.canary_events:,} of {one.canary_requests:,} of the canary against {one.stable_events:,} of "
        f"{one.stable_requests:,} of the stable{estimate}; of the evidence that decides, {one.regressed:.0%} for a "
        f"regression, {one.not_worse:.0%} for none"
    )
