"""Histories that nobody wrote down: hypothesis edits, breaks and heals a world, and every pass keeps the invariants."""

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.rollout.world import world

_VERSIONS = st.sampled_from([f"registry.test/iris:v{number}" for number in range(1, 6)])


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = world()

    @rule(image=_VERSIONS)
    def apply(self, image: str) -> None:
        self.world.apply(image)
        self.world.reconcile()

    @rule(seconds=st.sampled_from([1, 3, 15, 70]))
    def time_passes(self, seconds: int) -> None:
        for _ in range(seconds):
            self.world.tick()
            self.world.reconcile()

    @rule(seconds=st.sampled_from([1, 30]))
    def the_operator_is_down(self, seconds: int) -> None:
        self.world.tick(seconds)

    @rule(verdict=st.sampled_from(["Unknown", "Regressed", "NotWorse"]))
    def the_evidence_says(self, verdict: str) -> None:
        before = (self.world.weights or {}).copy()
        self.world.verdict = verdict
        self.world.reconcile()
        running = self.world.status.rollout
        # A canary that has had no request yet has no evidence, whatever this world is set to say.
        if verdict == "Regressed" and running is not None and before.get(running.revision):
            weight = (self.world.weights or {}).get(running.revision, 0)
            stable = self.world.deployed.get(self.world.status.stable.revision if self.world.status.stable else "")
            alone = stable is None or stable.ready == 0
            assert weight <= before[running.revision] or alone, "raised against the evidence"

    @rule(problem=st.sampled_from(["", "NoTraffic", "StaleMetrics"]))
    def the_source(self, problem: str) -> None:
        self.world.problem = problem
        self.world.reconcile()

    @rule(answers=st.booleans())
    def the_gateway(self, answers: bool) -> None:
        self.world.gateway_answers = answers
        self.world.reconcile()

    @precondition(lambda self: self.world.deployed)
    @rule(data=st.data(), reason=st.sampled_from(["CrashLoopBackOff", "ImagePullBackOff", ""]))
    def pods_break(self, data: st.DataObject, reason: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.world.deployed)))
        self.world.trouble(name, waiting_reason=reason, restarts=3 if reason else 0)
        self.world.reconcile()

    @rule()
    def pods_heal(self) -> None:
        self._heal()
        self.world.reconcile()

    @precondition(lambda self: self.world.deployed)
    @rule(data=st.data())
    def a_deployment_is_deleted(self, data: st.DataObject) -> None:
        self.world.deployed.pop(data.draw(st.sampled_from(sorted(self.world.deployed))))
        self.world.reconcile()

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.world.apply(rollout={**self.world.spec["rollout"], "paused": paused})
        self.world.reconcile()

    @rule(replicas=st.integers(1, 6))
    def the_autoscaler_moves(self, replicas: int) -> None:
        for one in self.world.deployed.values():
            if one.autoscaler and one.wanted:
                one.wanted = max(one.autoscaler.min_replicas, min(one.autoscaler.max_replicas, replicas))
        self.world.reconcile()

    def _heal(self) -> None:
        for one in self.world.deployed.values():
            one.trouble, one.startable = None, True

    def teardown(self) -> None:
        """Once everything is well, the wanted revision serves or was rejected, and nothing is written any more."""
        one = self.world
        self._heal()
        one.gateway_answers, one.problem, one.verdict, one.traffic = True, "", "NotWorse", True
        one.apply(rollout={**one.spec["rollout"], "paused": False})
        one.run(200)
        status = one.status
        assert status.rollout is None, status.rollout
        assert status.stable is not None
        assert one.target.revision in (status.stable.revision, status.rejected_revision)
        assert one.weights == {status.stable.revision: 100}
        assert one.stable_service == status.stable.revision
        before = one.writes
        one.run(60)
        assert one.writes == before, "a settled resource is still written"


Histories.TestCase.settings = settings(
    max_examples=int(os.environ.get("HISTORIES", "60")),
    # The same histories for every change; `make sim-more` looks for new ones.
    derandomize="HISTORIES" not in os.environ,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking such a history takes minutes; the history as found is short enough to read.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestHistories = Histories.TestCase
