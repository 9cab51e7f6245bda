"""The senses of a rollout, driven tick by tick with counters made up for the purpose."""

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.analysis import POOLED, Config
from ekiben.signals import comparison
from ekiben.signals.collector import Collector, tick_seconds
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.source import ScrapeTarget

BOUNDS = (0.01, 0.1, 1.0)
START = 1000.0
CANARY, STABLE, OLD = "canary", "stable", "old"


@dataclass
class World:
    """Pods whose counters a test moves."""

    pods: dict[str, PodCounters] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    timeouts: list[float] = field(default_factory=list)
    trouble: MetricsError = field(default_factory=lambda: MetricsError(Trouble.TIMEOUT, "pod did not answer"))

    def add(self, *names: str, history: int = 0) -> None:
        for name in names:
            self.pods[name] = PodCounters(history, 0, (0, history, 0, 0) if history else (), BOUNDS if history else ())

    def answer(self, name: str, fine: int = 0, errors: int = 0, slow: int = 0) -> None:
        pod = self.pods[name]
        old = pod.hist or (0, 0, 0, 0)
        self.pods[name] = replace(
            pod,
            requests=pod.requests + fine + errors + slow,
            errors=pod.errors + errors,
            hist=(old[0], old[1] + fine, old[2], old[3] + slow),
            bounds=BOUNDS,
        )

    def targets(self) -> list[ScrapeTarget]:
        return [ScrapeTarget(name, name, "ns", "10.0.0.1", 3000, name.split("-")[0]) for name in self.pods]

    interval = 0.0
    drains = True
    pooled = False
    latency = True
    late = 0.0
    reads = 0

    def histograms(self, runtime):
        return self.latency

    async def read(self, targets, timeout):  # noqa: ASYNC109
        self.timeouts.append(timeout)
        self.reads += 1
        at = START + self.reads - 1 - self.late if self.late else None
        read = {uid: replace(pod, at=at) for uid, pod in self.pods.items()}
        return {t.uid: self.trouble if t.uid in self.broken else read[t.uid] for t in targets}

    async def close(self) -> None:
        pass


@pytest.fixture
def world() -> World:
    made = World()
    made.add("stable-0", "stable-1", history=1000)
    made.add("canary-0", "canary-1")
    return made


def collector(world: World, **options) -> Collector:
    settings = {"config": Config(), "stable": STABLE, "canary": CANARY, "timeout": 60.0} | options
    return Collector(source=world, **settings)


@dataclass
class Drive:
    """A collector with its clock."""

    world: World
    collector: Collector
    now: float = START

    async def tick(self, times: int = 1, *, stable=None, canary=None) -> None:
        for _ in range(times):
            for name in ("stable-0", "stable-1"):
                self.world.answer(name, **({"fine": 45} if stable is None else stable))
            for name in ("canary-0", "canary-1"):
                self.world.answer(name, **({} if canary is None else canary))
            await self.collector.tick(self.world.targets(), self.now)
            self.now += 1

    def evidence(self):
        found = self.collector.evidence()
        assert found is not None
        return found


async def started(world: World, **options) -> Drive:
    drive = Drive(world, collector(world, **options))
    await drive.tick(3)
    drive.collector.weight_acknowledged(10, drive.now)
    return drive


async def test_failing_canary_is_convicted(world):
    drive = await started(world)
    assert drive.evidence().verdict == "Unknown"
    await drive.tick(12, canary={"fine": 3, "errors": 2})
    evidence = drive.evidence()
    assert evidence.verdict == "Regressed"
    assert evidence.usable
    assert "errors: " in evidence.message
    assert max(metric.regressed for metric in evidence.metrics) >= 1


async def test_slow_canary_is_convicted(world):
    drive = await started(world)
    await drive.tick(60, canary={"slow": 5})
    evidence = drive.evidence()
    assert evidence.verdict == "Regressed"
    assert evidence.metrics[1].name == "latency"
    assert evidence.metrics[1].boundary == 0.1


async def test_healthy_canary_passes(world):
    drive = await started(world)
    await drive.tick(200, canary={"fine": 5})
    evidence = drive.evidence()
    assert evidence.verdict == "NotWorse"
    assert evidence.problem == ""
    assert not evidence.hung


async def test_nothing_counts_before_there_is_weight(world):
    drive = Drive(world, collector(world))
    await drive.tick(5, canary={"errors": 5})
    evidence = drive.evidence()
    assert (evidence.verdict, evidence.usable, evidence.state, evidence.problem) == ("Unknown", False, "", "")


async def test_blocks_are_thrown_away_while_the_weight_settles(world):
    drive = Drive(world, collector(world))
    await drive.tick(3)
    drive.collector.weight_acknowledged(10, drive.now)
    await drive.tick(2, canary={"errors": 20})
    assert not drive.evidence().usable
    await drive.tick(10, canary={"fine": 5})
    assert drive.evidence().usable
    assert drive.evidence().metrics[0].canary_events == 0
    assert drive.evidence().canary_requests == 2 * 40 + 10 * 10


async def test_each_weight_change_settles_anew_and_keeps_the_evidence(world):
    drive = await started(world)
    await drive.tick(20, canary={"fine": 5})
    before = drive.evidence()
    drive.collector.weight_acknowledged(20, drive.now)
    assert not drive.evidence().usable
    await drive.tick(2, canary={"errors": 30})
    assert drive.evidence().metrics == before.metrics
    await drive.tick(20, canary={"fine": 10})
    assert drive.evidence().metrics[0].canary_requests > before.metrics[0].canary_requests
    assert drive.evidence().metrics[0].canary_events == 0


async def test_the_boundary_is_the_stables_before_the_canarys_first_request(world):
    drive = await started(world)
    await drive.tick(30, stable={"slow": 45}, canary={"fine": 5})
    assert drive.evidence().metrics[1].boundary == 0.1


async def test_a_restart_goes_on_and_counts_nothing_twice(world):
    drive = await started(world)
    await drive.tick(30, canary={"fine": 5})
    saved = drive.evidence()
    for name in ("canary-0", "canary-1"):
        world.answer(name, errors=100)
    again = Drive(world, collector(world, state=saved.state), drive.now + 30)
    again.collector.weight_acknowledged(10, again.now)
    assert again.collector.note == ""
    await again.tick()
    restored = again.evidence()
    assert restored.metrics == saved.metrics
    assert restored.canary_requests == saved.canary_requests
    await again.tick(10, canary={"fine": 5})
    assert again.evidence().metrics[0].canary_events == 0
    assert again.evidence().metrics[0].canary_requests > saved.metrics[0].canary_requests


@pytest.mark.parametrize(
    "state", ["{", "[]", '{"version":9}', '{"version":1,"canary":"other","requests":1,"analysis":"{}"}']
)
async def test_a_state_that_cannot_be_used_is_dropped_and_said(world, state):
    made = collector(world, state=state)
    assert made.note.startswith("the saved evidence is dropped")
    assert made.state() == ""


async def test_the_state_is_small(world):
    drive = await started(world)
    await drive.tick(100, canary={"fine": 4, "slow": 1})
    state = drive.evidence().state
    assert len(state) <= 8192
    assert json.loads(state)["canary"] == CANARY


@pytest.mark.parametrize(("stable", "problem"), [({}, "NoTraffic"), ({"fine": 45}, "NotRouted")])
async def test_a_canary_without_requests_is_a_problem_after_half_a_minute(world, stable, problem):
    drive = await started(world)
    await drive.tick(30, stable=stable)
    assert drive.evidence().problem == ""
    await drive.tick(2, stable=stable)
    evidence = drive.evidence()
    assert evidence.problem == problem
    assert "should get 10 % of the requests" in evidence.problem_message
    await drive.tick(1, canary={"fine": 1})
    assert drive.evidence().problem == ""


async def test_a_few_requests_of_the_stable_alone_are_chance(world):
    drive = await started(world)
    for _ in range(10):
        await drive.tick(9, stable={})
        await drive.tick(1, stable={"fine": 1})
    assert drive.evidence().problem == "NoTraffic"


@pytest.mark.parametrize(("trouble", "words"), [(Trouble.TIMEOUT, "the way to them"), (Trouble.SOURCE_DOWN, "silent")])
async def test_when_neither_revision_can_be_read_the_source_is_at_fault(world, trouble, words):
    drive = await started(world)
    await drive.tick(10, canary={"fine": 5})
    world.trouble = MetricsError(trouble, "it is silent")
    world.broken = set(world.pods)
    await drive.tick(3, canary={"fine": 5})
    assert drive.evidence().problem == "SourceDown"
    assert words in drive.evidence().problem_message


@pytest.mark.parametrize("arm", [CANARY, STABLE])
async def test_an_arm_that_cannot_be_read_is_a_problem(world, arm):
    drive = await started(world)
    await drive.tick(10, canary={"fine": 5})
    counted = drive.evidence().metrics
    world.broken = {f"{arm}-0"}
    await drive.tick(5, canary={"fine": 5})
    assert drive.evidence().problem == ""
    world.broken = set()
    # What that pod counted meanwhile is left out: the others' of the time are in other blocks.
    await drive.tick(2, canary={"fine": 5})
    counted = drive.evidence().metrics
    world.broken = {f"{arm}-0", f"{arm}-1"}
    await drive.tick(2, canary={"fine": 5})
    assert drive.evidence().problem == ""
    await drive.tick(1, canary={"fine": 5})
    evidence = drive.evidence()
    assert evidence.problem == "StaleMetrics"
    assert arm in evidence.problem_message
    assert "pod did not answer" in evidence.problem_message
    world.broken = set()
    await drive.tick(1, canary={"fine": 5})
    assert drive.evidence().problem == ""
    total, before = drive.evidence().metrics[0], counted[0]
    # The whole revision was away for a span that the other's counts are of as well: nothing of it is lost.
    assert total.canary_requests - before.canary_requests == 4 * 2 * 5
    assert total.stable_requests - before.stable_requests == 4 * 2 * 45


@pytest.mark.parametrize("arm", [CANARY, STABLE])
@pytest.mark.parametrize(("interval", "usable"), [(0.0, True), (15.0, False)])
async def test_where_readings_are_minutes_apart_the_first_that_fails_opens_no_gate(world, arm, interval, usable):
    world.interval, world.drains = interval, interval == 0
    drive = await started(world)
    await drive.tick(10, canary={"fine": 5})
    assert drive.evidence().usable
    world.broken = {f"{arm}-0"}
    await drive.tick(1, canary={"fine": 5})
    assert drive.evidence().usable
    world.broken = {f"{arm}-0", f"{arm}-1"}
    await drive.tick(1, canary={"fine": 5})
    assert (drive.evidence().usable, drive.evidence().problem) == (usable, "")
    world.broken = set()
    await drive.tick(1, canary={"fine": 5})
    assert drive.evidence().usable


async def test_a_pod_that_is_never_read_beside_one_that_is_is_said(world):
    drive = await started(world)
    world.broken = {"canary-1"}
    await drive.tick(30, canary={"fine": 5})
    assert "PodsUnread" not in drive.evidence().note
    await drive.tick(2, canary={"fine": 5})
    told = drive.evidence()
    assert told.note.startswith(
        "PodsUnread: what 1 of the 2 pods of revision canary answer is not judged, because they cannot be read: pod did"
    )
    assert (told.note in told.message, told.problem) == (True, "")
    await drive.tick(5, canary={"fine": 5})
    assert drive.evidence().note == told.note
    world.broken = set()
    await drive.tick(1, canary={"fine": 5})
    assert "PodsUnread" not in drive.evidence().note


async def test_traffic_without_measure_is_judged_all_the_same(world):
    drive = await started(world)
    await drive.tick(20, stable={"fine": 2_700_000}, canary={"fine": 300_000})
    assert drive.evidence().verdict == "NotWorse"
    assert drive.evidence().metrics[0].canary_requests > 10 * 600_000


@pytest.mark.parametrize("fine", [5, 1])
@pytest.mark.parametrize("missing", ["canary-1", "stable-1"])
async def test_a_burst_of_both_convicts_nobody_while_one_pod_is_not_read(world, missing, fine):
    drive = await started(world)
    await drive.tick(20, canary={"fine": fine}, stable={"fine": 9 * fine})
    world.broken = {missing}
    await drive.tick(20, canary={"fine": fine, "errors": 3 * fine}, stable={"fine": 9 * fine, "errors": 27 * fine})
    await drive.tick(5, canary={"fine": fine}, stable={"fine": 9 * fine})
    world.broken = set()
    await drive.tick(10, canary={"fine": fine}, stable={"fine": 9 * fine})
    assert drive.evidence().verdict != "Regressed"
    assert drive.evidence().metrics[0].regressed < 0.1


async def test_a_pod_that_is_read_from_the_middle_of_a_block_on_is_left_out_of_it(world, monkeypatch):
    blocks = []
    true = comparison.step
    monkeypatch.setattr(comparison, "step", lambda state, block: blocks.append(block) or true(state, block))
    drive = await started(world)
    for n in range(40):
        world.broken = {"canary-1"} if n % 20 == 11 else {"stable-1"} if n % 20 == 1 else set()
        await drive.tick(1, stable={"fine": 2}, canary={"fine": 1 if n % 2 else 0})
    for block in blocks:
        ratios = {c.n * len(block.baseline) / sum(s.n for s in block.baseline.values()) for c in block.canary.values()}
        assert all(0.15 <= ratio <= 0.4 for ratio in ratios), block
    assert any(len(block.canary) == 1 for block in blocks)


async def test_without_an_outage_both_arms_cover_the_same_span(world):
    drive = await started(world)
    await drive.tick(47, canary={"fine": 5})
    total = drive.evidence().metrics[0]
    assert total.canary_requests * 9 == total.stable_requests


async def test_a_canary_that_completes_nothing_is_hung(world):
    drive = await started(world, timeout=20.0)
    await drive.tick(10, canary={"fine": 5})
    for name in ("canary-0", "canary-1"):
        world.pods[name] = replace(world.pods[name], in_flight=4)
    await drive.tick(20)
    assert not drive.evidence().hung
    await drive.tick(2)
    assert drive.evidence().hung
    assert drive.evidence().problem == ""
    await drive.tick(1, canary={"fine": 1})
    assert not drive.evidence().hung


async def test_a_canary_is_not_hung_when_the_stable_is_too(world):
    drive = await started(world, timeout=20.0)
    for name in list(world.pods):
        world.pods[name] = replace(world.pods[name], in_flight=4)
    await drive.tick(40, stable={})
    assert not drive.evidence().hung


async def test_a_revision_is_quiet_when_nothing_comes_and_nothing_is_on_its_way(world):
    world.add("old-0", "old-1", history=50)
    drive = await started(world)
    assert not drive.collector.drain("never seen").known
    world.pods["old-0"] = replace(world.pods["old-0"], in_flight=1)
    await drive.tick(2)
    assert drive.collector.drain(OLD) == replace(drive.collector.drain(OLD), known=True, quiet_since=None)
    world.pods["old-0"] = replace(world.pods["old-0"], in_flight=0)
    await drive.tick(1)
    quiet = drive.collector.drain(OLD).quiet_since
    assert quiet == drive.now - 1
    await drive.tick(3)
    assert drive.collector.drain(OLD).quiet_since == quiet
    world.answer("old-1", fine=1)
    await drive.tick(1)
    assert drive.collector.drain(OLD).quiet_since is None
    world.broken = {"old-1"}
    await drive.tick(1)
    assert not drive.collector.drain(OLD).known


async def test_without_a_canary_there_are_only_drains(world):
    drive = Drive(world, collector(world, canary=None))
    await drive.tick(2, stable={})
    assert drive.collector.evidence() is None
    assert drive.collector.drain(STABLE).known


async def test_a_stable_that_never_answered_leaves_latency_undecided_first():
    world = World()
    world.add("stable-0", "stable-1", "canary-0", "canary-1")
    drive = Drive(world, collector(world))
    await drive.tick(2, stable={})
    drive.collector.weight_acknowledged(10, drive.now)
    assert "latency: undecided" in drive.evidence().message
    await drive.tick(30, canary={"fine": 5})
    assert drive.evidence().metrics[1].boundary == 0.1


async def test_a_runtime_without_histogram_leaves_latency_out(world):
    world.latency = False
    drive = await started(world)
    await drive.tick(100, canary={"fine": 5})
    assert [metric.name for metric in drive.evidence().metrics] == ["errors", "rejected"]
    assert "latency: left out" in drive.evidence().message


async def test_pods_without_a_histogram_leave_latency_out_whatever_their_runtime_may_export(world):
    world.pods = {name: PodCounters() for name in world.pods}
    drive = Drive(world, collector(world))

    async def tick(times: int, canary: int) -> None:
        for _ in range(times):
            for name, pod in world.pods.items():
                more = canary if name.startswith(CANARY) else 45
                world.pods[name] = replace(pod, requests=pod.requests + more)
            await drive.collector.tick(world.targets(), drive.now)
            drive.now += 1

    await tick(3, 0)
    drive.collector.weight_acknowledged(10, drive.now)
    await tick(150, 5)
    assert "latency: left out" in drive.evidence().message
    assert drive.evidence().verdict == "NotWorse"


async def test_little_traffic_makes_longer_blocks(world):
    drive = await started(world)
    for _ in range(30):
        await drive.tick(1, stable={"fine": 1}, canary={"fine": 1})
        await drive.tick(9, stable={"fine": 1})
    metric = drive.evidence().metrics[0]
    # Tick by tick only one in ten would have had requests of both.
    assert metric.stable_requests > 6 * metric.canary_requests
    assert metric.canary_requests >= 40


async def test_a_scrape_takes_less_than_a_tick(world):
    await started(world)
    assert max(world.timeouts) < 1


POD = st.one_of(
    st.none(),
    st.builds(
        lambda requests, errors, hist, flight: PodCounters(
            requests + errors, errors, hist, BOUNDS[: len(hist) - 1], flight
        ),
        st.integers(0, 200),
        st.integers(0, 50),
        st.sampled_from([(), (5, 9), (40, 2, 1), (1, 2, 3, 4), (100, 90, 80, 70)]),
        st.integers(0, 3),
    ),
)


@given(st.lists(st.lists(POD, min_size=4, max_size=4), min_size=8, max_size=25))
@settings(deadline=None, max_examples=50)
def test_whatever_pods_say_no_tick_fails(ticks):
    world = World()
    world.add("stable-0", "stable-1", "canary-0", "canary-1")
    made = collector(world, timeout=5.0)
    for now, answers in enumerate(ticks):
        made.weight_acknowledged(min(10 * now, 50), now)
        down = MetricsError(Trouble.MALFORMED, "nonsense")
        made.observe(world.targets(), {u: a or down for u, a in zip(world.pods, answers, strict=True)}, now)
        evidence = made.evidence()
        assert evidence is not None
        assert len(evidence.state) <= 8192


def test_many_pods_are_asked_less_often():
    assert tick_seconds(20) == 1
    assert tick_seconds(200) == 5


@pytest.mark.parametrize(("randomised", "weight", "note"), [(True, 0.1, ""), (False, None, "approximate")])
async def test_a_block_carries_the_weight_where_chance_splits_requests(world, monkeypatch, randomised, weight, note):
    blocks = []
    true = comparison.step
    monkeypatch.setattr(comparison, "step", lambda state, block: blocks.append(block) or true(state, block))
    drive = await started(world, randomised=randomised)
    await drive.tick(20, canary={"fine": 5})
    assert {block.weight for block in blocks} == {weight}
    assert drive.evidence().note.startswith(note)


async def test_what_was_counted_since_a_sample_before_the_weight_does_not_count(world):
    """A server's samples are older than the moment at which it is asked."""
    drive = await started(world)
    world.late = 2.0
    await drive.tick(3)
    # The settle time is over, but the sample before was from within it.
    world.late = 0.0
    await drive.tick(1, canary={"errors": 20})
    await drive.tick(10, canary={"fine": 5})
    assert drive.evidence().usable
    assert drive.evidence().metrics[0].canary_events == 0


async def test_where_revisions_are_counted_as_a_whole_blocks_have_no_pods(world, monkeypatch):
    blocks = []
    true = comparison.step
    monkeypatch.setattr(comparison, "step", lambda state, block: blocks.append(block) or true(state, block))
    world.pooled = True
    drive = await started(world)
    await drive.tick(20, canary={"fine": 5})
    assert {tuple(block.canary) for block in blocks} == {tuple(block.baseline) for block in blocks} == {(POOLED,)}
    assert blocks[-1].canary[POOLED].n == 10


async def test_requests_that_are_not_split_as_the_weight_says_hold_until_they_are(world):
    drive = await started(world)
    await drive.tick(30, stable={"fine": 100}, canary={"fine": 40})
    seen = drive.evidence()
    assert (seen.problem, seen.verdict) == ("NotRandomised", "Unknown")
    assert "many more requests than the 10 %" in seen.problem_message
    await drive.tick(60, stable={"fine": 90}, canary={"fine": 10})
    assert drive.evidence().problem == ""


async def test_what_is_on_its_way_has_arrived(world):
    drive = await started(world)
    for _ in range(25):
        world.pods["canary-0"] = replace(world.pods["canary-0"], in_flight=world.pods["canary-0"].in_flight + 10)
        await drive.tick(1, stable={"fine": 90})
    assert drive.evidence().problem == ""


async def test_the_split_is_not_judged_while_a_pod_cannot_be_read(world):
    drive = await started(world)
    world.broken.add("stable-1")
    # What the other pod counts is half of the stable's requests.
    await drive.tick(40, stable={"fine": 20}, canary={"fine": 10})
    assert drive.evidence().problem == ""


async def test_counters_that_begin_again_convict_nobody(world):
    drive = await started(world)
    for n in range(12):
        await drive.tick(10, stable={"fine": 18}, canary={"fine": 2})
        for name in ("canary-0", "stable-1")[n % 2 :]:
            world.pods[name] = PodCounters()
    assert drive.evidence().verdict != "Regressed"
    assert drive.evidence().problem == ""


async def test_a_sick_pod_among_sick_pods_holds(world):
    world.add("stable-2", "stable-3", history=1000)
    drive = await started(world, randomised=False)
    problems = set()
    for _ in range(60):
        for name, bad in (("stable-2", 12), ("stable-3", 1), ("canary-0", 9), ("canary-1", 1)):
            world.answer(name, fine=20 - bad, errors=bad)
        await drive.tick(1, stable={"fine": 20}, canary={})
        problems.add(drive.evidence().problem)
    assert "PodNoise" in problems
    assert drive.evidence().verdict == "Unknown"


async def test_with_two_stable_pods_it_is_said_that_noise_is_not_known(world):
    drive = await started(world)
    await drive.tick(10, canary={"fine": 5})
    assert drive.evidence().note.startswith("PodNoiseUnknown")
    assert "PodNoiseUnknown" in drive.evidence().message
