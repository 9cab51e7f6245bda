"""What the demo shows and what it counts, from made-up sights and answers."""

import io

from rich.console import Console

from ekiben.cli.demo import summary, view
from ekiben.cli.demo.acts import ACTS, ended, outcome
from ekiben.cli.demo.load import Answer
from ekiben.cli.demo.watch import Sight


def _sight(at: float, *, weights: dict[str, int], generation: int = 2, **conditions: tuple[str, str]) -> Sight:
    told = [
        {"type": name, "status": status, "reason": reason, "message": "m", "observedGeneration": generation}
        for name, (status, reason) in conditions.items()
    ]
    running = not conditions
    status = {
        "phase": "Canary",
        "conditions": told,
        "stable": {"revision": "aaaa", "number": 1, "ready": 2, "replicas": 2},
        "canary": {"revision": "bbbb", "number": 2, "ready": 1, "replicas": 1} if running else None,
        "rollout": {"state": "Step"} if running else None,
        "verdict": {"verdict": "Unknown", "metrics": [{"name": "errors", "regressed": 0.4, "notWorse": 0.1}]},
    }
    return Sight(at, "Canary", weights, status, generation)


def test_an_act_ends_only_with_its_own_generation() -> None:
    over = _sight(1.0, weights={"aaaa": 100}, generation=2, Promoted=("True", "Serving"))
    assert ended(over, 2)
    assert not ended(over, 3), "what ended is the rollout before"
    assert not ended(_sight(1.0, weights={"aaaa": 90, "bbbb": 10}), 2)


def test_time_to_weight_zero_counts_from_the_first_bad_answer() -> None:
    act = ACTS[2]
    changes = [
        _sight(10.0, weights={"aaaa": 90, "bbbb": 10}),
        _sight(17.5, weights={"aaaa": 100, "bbbb": 0}),
    ]
    answers = [
        Answer(12.0, 0.1, 200, "v3"),
        Answer(13.0, 0.5, 500, "v3"),
        Answer(14.0, 0.1, 503, ""),
        Answer(14.5, 0.1, 500, "v3"),
    ]
    end = _sight(20.0, weights={"aaaa": 100}, RolledBack=("True", "ErrorRateRegressed"))
    found = outcome(act, 9.0, end, answers, changes)
    assert found.reached
    assert found.to_zero == 4.0
    assert found.counts is not None
    assert found.counts["v3"].failed == 2
    assert [answer.status for answer in summary.lost(answers)] == [503]
    assert not summary.succeeded([found] * 4, answers, 4), "a lost request is a failed demo"


def test_another_outcome_than_expected_is_told() -> None:
    end = _sight(20.0, weights={"bbbb": 100}, Promoted=("True", "Serving"))
    found = outcome(ACTS[3], 9.0, end, [], [])
    assert not found.reached
    assert found.reason == "Promoted: Serving"


def test_the_live_panel_shows_weights_traffic_and_evidence() -> None:
    console = Console(width=110, record=True, file=io.StringIO())
    answers = [Answer(99.0, 0.01, 200, "v1"), Answer(99.5, 0.02, 500, "v2")]
    console.print(view.panel("v2: a better model", _sight(1.0, weights={"aaaa": 90, "bbbb": 10}), answers, 100.0))
    shown = console.export_text()
    for part in ("v2: a better model", "90 %", "10 %", "100.0%", "errors", "40%", "revision 2", "1/1 ready"):
        assert part in shown, part
