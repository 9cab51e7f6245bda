"""Where counters come from: one interface for pods, Prometheus and the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiohttp

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble

T = TypeVar("T")
Readings = Mapping[str, PodCounters | MetricsError]
"""Pod uid -> its counters, or why they are not known."""


@dataclass(frozen=True)
class ScrapeTarget:
    """A pod whose counters are to be read."""

    uid: str
    name: str
    namespace: str
    ip: str
    port: int
    """Port of the metrics."""
    revision: str
    runtime: Runtime = Runtime.BENTOML
    path: str = "/metrics"
    serving_port: int = 0
    """Port that requests come to; 0 where it is the metrics' own."""
    restarts: int = 0
    """How often the container that counts was restarted, as far as that is known."""


class Source(Protocol):
    """A way to read the counters of pods."""

    @property
    def interval(self) -> float:
        """Seconds between two counts of a pod, where these are not made when they are read; otherwise 0."""

    @property
    def drains(self) -> bool:
        """Whether a reading is the pod's own page: raw counters, and every request that it works on."""

    @property
    def pooled(self) -> bool:
        """Whether the counters of a revision are of all its pods together; they stand at one of them then."""

    async def read(self, targets: Sequence[ScrapeTarget], timeout: float) -> Readings:  # noqa: ASYNC109
        """Return what is known of each target, within the timeout (seconds). Raises nothing."""

    def histograms(self, runtime: Runtime) -> bool:
        """Whether the latency of a runtime's answers is known."""

    async def close(self) -> None:
        """Close the connections."""


async def each(
    targets: Sequence[ScrapeTarget],
    timeout: float,  # noqa: ASYNC109  (each pod has it to itself)
    read: Callable[[ScrapeTarget], Awaitable[PodCounters]],
) -> Readings:
    """Read all targets at the same time, each within the timeout (seconds); one that fails hurts nobody else."""

    async def one(target: ScrapeTarget) -> PodCounters | MetricsError:
        return await outcome(read(target), timeout, f"pod {target.name}", Trouble.UNREACHABLE, Trouble.TIMEOUT)

    outcomes = await asyncio.gather(*(one(target) for target in targets))
    return {target.uid: outcome for target, outcome in zip(targets, outcomes, strict=True)}


async def outcome(
    reading: Awaitable[T],
    timeout: float,  # noqa: ASYNC109
    whose: str,
    unreachable: Trouble = Trouble.SOURCE_DOWN,
    late: Trouble = Trouble.SOURCE_DOWN,
) -> T | MetricsError:
    """Return what a reading brings, or why it brings nothing."""
    try:
        async with asyncio.timeout(timeout):
            return await reading
    except MetricsError as error:
        return error
    except TimeoutError:
        return MetricsError(late, f"{whose} did not answer within {timeout:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return MetricsError(unreachable, f"{whose} cannot be reached: {error}")
    except ArithmeticError as error:
        return MetricsError(Trouble.MALFORMED, f"{whose} says what cannot be counted: {error}")
