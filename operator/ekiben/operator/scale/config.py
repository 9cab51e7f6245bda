"""spec.scaling -> what the scaler is asked to do, and the same in words."""

from __future__ import annotations

from ekiben.api.base import seconds
from ekiben.api.modeldeployment import Spec
from ekiben.api.scaling import Behavior, ScalingMetric, ScalingMetricType
from ekiben.scaling import Config, Kind, Metric

_QUANTILE = "0.95"
_IDLE = "5m"


def config_of(spec: Spec, concurrency: int | None) -> Config:
    """Return the scaler's configuration.

    Args:
        spec: what the user wrote.
        concurrency: requests that a replica of the revision answers at once; None where it does not say.
    """
    behavior = spec.scaling.behavior or Behavior()
    return Config(
        min_replicas=0 if spec.scaling.sleeps else spec.scaling.floor,
        max_replicas=spec.scaling.ceiling,
        metrics=tuple(_metric(metric) for metric in spec.followed),
        limit=float(concurrency) if concurrency is not None else None,
        stable_window=seconds(behavior.window),
        panic_window_percent=behavior.panic_window_percent,
        panic_threshold_percent=behavior.panic_threshold_percent,
        max_scale_up_rate=behavior.max_scale_up_rate,
        max_scale_down_rate=behavior.max_scale_down_rate,
        scale_down_delay=seconds(behavior.scale_down_delay),
        idle_window=seconds(spec.scaling.idle_window or _IDLE),
    )


def slow_above(spec: Spec) -> float | None:
    """Return the seconds above which an answer is slow; None without metric latency."""
    below = next((metric.below for metric in spec.followed if metric.below is not None), None)
    return seconds(below) if below is not None else None


def _metric(metric: ScalingMetric) -> Metric:
    if metric.type is ScalingMetricType.LATENCY and metric.below is not None:
        return Metric(Kind.LATENCY, seconds(metric.below), float(metric.quantile or _QUANTILE))
    return Metric(Kind(metric.type.value), float(metric.target) if metric.target is not None else None)
