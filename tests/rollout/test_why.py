"""status.scaling says why replicas last changed, also where somebody else than the scaler set them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.rollout.test_load import Loaded, loaded
from tests.rollout.world import STEPS, World, serving

from ekiben.api.status import RevisionScaling
from ekiben.rollout.decide import decide
from ekiben.rollout.observation import Measured, Observation


@dataclass
class Telling(Loaded):
    """A scaler that says something of itself."""

    def observe(self) -> Observation:
        seen = super().observe()
        said = {
            name: replace(one, reason="LoadFell", message=f"down to {one.wanted}")
            for name, one in seen.measured.items()
        }
        return replace(seen, measured=said)


def telling(load: float, **spec: Any) -> Telling:
    """Return a world in which v1 serves that load, and the scaler tells of it."""
    one = loaded(load, **spec)
    return Telling(**vars(one))


def said(one: World, revision: str) -> RevisionScaling:
    """Return what is said of a revision."""
    assert one.status.scaling is not None
    return next(found for found in one.status.scaling.revisions if found.revision == revision)


def test_what_the_scaler_chose_is_told_in_its_own_words() -> None:
    one = telling(40)
    one.load = 80
    one.run(5)
    found = said(one, "v1")
    assert (found.desired, found.reason, found.message) == (20, "LoadFell", "down to 20")


def test_what_a_rollout_keeps_for_the_way_back_is_not_told_as_the_scaler_s_choice() -> None:
    one = telling(40, rollout={"steps": [{"weight": 50, "duration": "600s"}]})
    one.apply("registry.test/iris:v2")
    one.run(40)
    assert one.weights == {"v1": 50, "v2": 50}
    one.load = 80
    one.run(10)
    stable, canary = said(one, "v1"), said(one, "v2")
    assert (stable.desired, stable.reason) == (20, "Rollout")
    assert stable.message == "the load asks for 10; 20 are kept for the way back"
    assert canary.reason in ("Rollout", "LoadFell")
    assert (canary.reason == "LoadFell") == (canary.message == f"down to {canary.desired}")


def test_after_a_promotion_what_all_requests_need_is_told_as_such() -> None:
    one = telling(40, rollout={"steps": STEPS, "bake": "600s"})
    one.part = 80
    one.apply("registry.test/iris:v2")
    one.verdict = "NotWorse"
    one.run(60)
    assert one.weights == {"v2": 100}
    found = said(one, "v2")
    assert found.desired >= 10
    assert found.reason in ("Rollout", "Bake")
    one.load = 60
    one.run(3)
    found = said(one, "v2")
    assert (found.desired, found.reason) == (15, "Bake")
    assert found.message == "the load asks for 12; 15 are what all requests need, kept since the promotion"


def test_what_the_limit_on_both_together_takes_is_told_with_the_limit() -> None:
    one = telling(40, most=12, rollout={"steps": [{"weight": 50, "duration": "600s"}]})
    one.apply("registry.test/iris:v2")
    one.run(60)
    one.load = 100
    one.run(20)
    found = [said(one, name) for name in ("v1", "v2")]
    assert sum(each.desired for each in found) <= 12
    limited = [each for each in found if each.reason == "Limit"]
    assert limited
    assert "are what 12 for both revisions together leave for this one" in limited[0].message


@pytest.mark.parametrize("rolls_back", [False, True])
def test_a_revision_that_is_taken_out_says_so(rolls_back: bool) -> None:
    one = telling(40, rollout={"steps": [{"weight": 50, "duration": "600s"}]})
    one.apply("registry.test/iris:v2")
    one.run(40)
    if rolls_back:
        one.ask("abort", "v2")
    seen: set[tuple[int, str]] = set()
    for _ in range(30):
        one.reconcile()
        one.tick()
        found = next((each for each in one.status.scaling.revisions if each.revision == "v2"), None)  # type: ignore[union-attr]
        if found is not None:
            seen.add((found.desired, found.reason))
    assert (0, "LoadFell") not in seen
    assert not rolls_back or all(reason == "Rollout" for desired, reason in seen if desired == 0)


def test_an_autoscaler_s_words_are_not_told_of_what_a_rollout_sets() -> None:
    class Autoscaled(World):
        def observe(self) -> Observation:
            seen = super().observe()
            told = Measured(reason="Autoscaled", message="cpu 60 % of what is requested, the target is 80 %")
            return replace(seen, measured=dict.fromkeys(self.deployed, told))

    one = Autoscaled(**vars(serving()))
    one.run(5)
    one.deployed["v1"].wanted = 6
    one.run(3)
    assert said(one, "v1").reason == "Autoscaled"
    one.apply("registry.test/iris:v2")
    one.run(20)
    assert said(one, "v2").reason == "Rollout"
    assert said(one, "v1").reason == "Autoscaled", "nobody has changed it"


def test_a_minimum_that_is_raised_is_the_reason() -> None:
    one = telling(8)
    one.apply(scaling={**one.spec["scaling"], "minReplicas": 5})
    one.run(3)
    found = said(one, "v1")
    assert (found.desired, found.reason) == (5, "Limit")
    assert found.message == "the load asks for 2; scaling allows 5 to 40"


def test_a_fixed_count_is_the_reason_except_of_a_canary_that_needs_fewer() -> None:
    one = serving(scaling={"replicas": 10})
    one.apply("registry.test/iris:v2")
    one.run(6)
    assert said(one, "v1").reason == "Fixed"
    canary = said(one, "v2")
    assert canary.desired < 10
    assert canary.reason == "Rollout"
    assert canary.message.startswith("scaling.replicas asks for 10; ")


def test_what_falls_asleep_or_wakes_is_no_choice_of_the_load() -> None:
    one = telling(40)
    one.apply(scaling={**one.spec["scaling"], "minReplicas": 0})
    one.run(3)
    one.measures, one.sleep = False, "waking"
    one.deployed["v1"].wanted = 0
    one.run(2)
    assert said(one, "v1").reason == "Sleep"


@pytest.mark.parametrize(
    ("runtime", "scaling", "hinted"),
    [
        ("triton", {}, True),
        ("torchserve", {"minReplicas": 1}, True),
        ("triton", {"metrics": [{"type": "requestRate", "target": 20}]}, False),
        ("triton", {"metrics": [{"type": "cpu", "target": 50}]}, False),
        ("triton", {"replicas": 2}, False),
        ("bentoml", {}, False),
    ],
)
def test_where_a_gpu_is_not_what_is_followed_it_is_told_what_to_write(
    runtime: str, scaling: dict[str, Any], hinted: bool
) -> None:
    said = "it has a GPU, but its CPU is followed: write metrics: [{type: requestRate, target: ...}]"
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    one = serving(model={"image": "registry.test/iris:v1", "runtime": runtime, "resources": limits}, scaling=scaling)
    assert one.status.scaling is not None
    assert (said in one.status.scaling.follows) is hinted
    seen = replace(one.observe(), measured={"v1": Measured(reason="Autoscaled", message="cpu 5 %")})
    [active] = [each for each in decide(seen, one.now).status.conditions if each.type == "ScalingActive"]
    assert (said in active.message) is hinted
