"""What the requests convict a canary of."""

import pytest

from ekiben.api.status import MetricEvidence
from ekiben.rollout.conviction import by_traffic
from ekiben.rollout.observation import Evidence


@pytest.mark.parametrize(
    ("worst", "reason"),
    [
        ("errors", "ErrorRateRegressed"),
        ("latency", "LatencyRegressed"),
        ("rejected", "RejectedRegressed"),
        ("corrections", "Regressed"),
    ],
)
def test_the_metric_with_most_evidence_gives_the_reason(worst, reason):
    names = ("errors", "latency", "rejected", "corrections")
    metrics = tuple(MetricEvidence(name=name, regressed=1.0 if name == worst else 0.2) for name in names)
    found = by_traffic(Evidence("v2", verdict="Regressed", message="…", metrics=metrics))
    assert found is not None
    assert found.reason == reason


@pytest.mark.parametrize("problem", ["NotRandomised", "PodNoise", "NoTraffic"])
def test_bad_evidence_convicts_nobody_but_what_hangs(problem):
    assert by_traffic(Evidence("v2", problem=problem)) is None
    hung = by_traffic(Evidence("v2", problem=problem, hung=True))
    assert hung is not None
    assert hung.reason == "Hung"
