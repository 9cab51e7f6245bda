"""/livez, /readyz and /metrics."""

import aiohttp

from ekiben.api.status import MetricEvidence, RevisionStatus, RolloutStatus, Status, VerdictStatus
from ekiben.operator import health
from ekiben.operator.metrics import Metrics
from ekiben.operator.queue import Key, WorkQueue

A = Key("ns", "a")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


async def test_a_watch_that_went_silent_is_told():
    clock = Clock()
    state = health.Health(WorkQueue(), Metrics(), clock)
    state.watch_heard("/api/v1/pods")
    assert state.problems() == []
    clock.now += health.WATCH_SECONDS
    assert state.problems() == []
    clock.now += 3 * health.WATCH_SECONDS
    assert "the watch of /api/v1/pods has been silent for 1200 s" in state.problems()
    state.watch_heard("/api/v1/pods")
    assert state.problems() == []


async def test_a_stuck_queue_is_told(monkeypatch):
    queue = WorkQueue()
    state = health.Health(queue, Metrics())
    queue.add(A)
    monkeypatch.setattr(WorkQueue, "oldest", property(lambda _self: 400.0))
    assert "a resource has waited for a worker for 400 s" in state.problems()


async def test_the_server_answers():
    clock = Clock()
    state = health.Health(WorkQueue(), Metrics(), clock)
    runner, port = await health.serve(state, "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

            async def ask(path):
                async with session.get(path) as response:
                    return response.status, await response.text()

            assert await ask("/livez") == (200, "ok")
            assert await ask("/readyz") == (503, "starting")
            state.ready = True
            assert await ask("/readyz") == (200, "waiting for the lease")
            state.leading = True
            assert await ask("/readyz") == (200, "leading")
            code, text = await ask("/metrics")
            assert code == 200
            assert "ekiben_leader 1.0" in text
            state.watch_heard("/x")
            clock.now += 10_000
            code, text = await ask("/livez")
            assert code == 503
            assert "/x" in text
    finally:
        await runner.cleanup()


def test_series_of_a_resource_that_is_gone_are_gone():
    metrics = Metrics()
    revision = RevisionStatus(revision="abc", image="x", weight=20)
    rollout = RolloutStatus(revision="abc", state="Step", started_at="2026-01-01T00:00:00Z")
    verdict = VerdictStatus(metrics=[MetricEvidence(name="errors", regressed=0.5)])
    metrics.tell(A, Status(phase="Canary", canary=revision, rollout=rollout, verdict=verdict))
    text = metrics.exposition().decode()
    assert 'ekiben_canary_weight{name="a",namespace="ns"} 20.0' in text
    assert 'ekiben_evidence{metric="errors",name="a",namespace="ns",says="regressed"} 0.5' in text
    assert 'ekiben_rollouts{phase="Canary"} 1.0' in text
    metrics.tell(A, Status(phase="Stable"))
    assert "ekiben_evidence{" not in metrics.exposition().decode()
    metrics.forget(A)
    text = metrics.exposition().decode()
    assert 'name="a"' not in text
    assert 'ekiben_rollouts{phase="Stable"} 0.0' in text
