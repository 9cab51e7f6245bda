"""What all pods of a revision carry together."""

from __future__ import annotations

from dataclasses import dataclass

from .sample import Sample

_MOST_TIMES = 4.0
"""What a few pods were seen to carry is at most so many times taken to be the load of all."""


@dataclass(frozen=True)
class Traffic:
    """Load of a revision over some seconds; what could not be read counts as nothing and is told in `missing`."""

    seconds: float
    arrived: float
    """Requests a second."""
    serving: float
    """Requests at once that pods work on."""
    waiting: float
    """Requests that wait for a pod, in its queue or in the activator."""
    missing: float
    """Pods that may carry load that nobody has seen."""
    unseen: float = 0.0
    """Requests a second that ready pods without a reading had, if they had what the others had on average."""

    @property
    def whole(self) -> float:
        """Requests a second, those besides that nobody has seen: what a rollout goes by, which must not meet too few
        pods. The scaler itself adds none for what may be nothing."""
        return self.arrived + self.unseen


def traffic_of(sample: Sample, limit: float | None, *, exact: bool = True) -> Traffic:
    """Return the sums of a sample.

    A pod whose counters could not be read is missing: one that is ready, and one that was and is not any more, because
    it may have collapsed under the load. One that has only begun to start carries nothing. What is missing is never a
    reason for more replicas, and always one against fewer. An activator that could not be read counts like a pod.

    Args:
        sample: one look.
        limit: requests that a pod works on at once; more than these wait. None where nobody knows.
        exact: the limit is known of each pod; where it was only learned, pods are taken together.
    """
    readings = [pod.reading for pod in sample.pods if pod.reading is not None]
    came = sum(reading.arrived for reading in readings)
    arrived = sample.arrived + max(0.0, came - sample.forwarded)
    unread = sum(pod.reading is None and (pod.ready or pod.started_in is not None) for pod in sample.pods)
    in_flight = [reading.in_flight for reading in readings]
    serving = together = sum(in_flight)
    if limit is not None:
        serving = sum(min(each, limit) for each in in_flight) if exact else min(together, limit * len(in_flight))
    return Traffic(
        seconds=sample.seconds,
        arrived=arrived,
        serving=serving,
        waiting=sample.waiting + together - serving,
        missing=float(unread + (not sample.known)),
        unseen=sample.arrived + max(0.0, came + _unseen(sample) - sample.forwarded) - arrived,
    )


def _unseen(sample: Sample) -> float:
    """Return the requests a second of ready pods without a reading, by those with one; 0 where there are none."""
    seen = [pod.reading.arrived for pod in sample.pods if pod.ready and pod.reading is not None]
    if not seen:
        return 0.0
    return min(sample.ready / len(seen), _MOST_TIMES) * sum(seen) - sum(seen)
