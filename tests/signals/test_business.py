"""Business metrics: their counters by revision from Prometheus, their e-process beside that of the requests."""

from dataclasses import replace

import numpy as np
import pytest
from tests.signals.test_collector import Drive, World, collector

from ekiben.analysis import POOLED, Block, Config, Counts, State, initial, step
from ekiben.api.rollout import Direction, NamedMetric
from ekiben.signals.business import BusinessMetric, View, split, together
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.prometheus_api import Series
from ekiben.signals.queries import parse
from ekiben.signals.query_reader import QueryReader

NOW = 10_000.0
POD = {"name": "orders", "events": {"metric": "orders_total"}, "trials": {"metric": "visits_total"}}
REVISION = {**POD, "revisionBy": "revision", "events": {"metric": "orders_total", "labels": {"shop": 'a"b'}}}


class Api:
    """A Prometheus that answers what it is told."""

    def __init__(self):
        self.queries = []
        self.answers = {}
        self.down = False

    async def samples(self, query, at):
        self.queries.append(query)
        if self.down:
            raise MetricsError(Trouble.SOURCE_DOWN, "Prometheus is away")
        return self.answers.get("orders" if '"orders_total"' in query else "visits", [])


def series(name, values, **labels):
    return Series({"__name__": name, "job": "j", "instance": "i", **labels}, tuple(values))


def reader(api, query=None, interval=15.0):
    made = parse({"queries": [query or POD]})["orders"]
    return QueryReader(api, made, interval, clock=lambda: NOW)


PODS = {"canary": ["iris-c-1"], "stable": ["iris-s-1", "iris-s-2"]}


async def test_the_query_is_put_together_and_quoted():
    api = Api()
    await reader(api).read("shop", PODS)
    await reader(api, REVISION).read("shop", PODS)
    assert api.queries == [
        '{__name__="visits_total",pod=~"iris-c-1|iris-s-1|iris-s-2",namespace="shop"}[150000ms]',
        '{__name__="orders_total",pod=~"iris-c-1|iris-s-1|iris-s-2",namespace="shop"}[150000ms]',
        '{__name__="visits_total",revision=~"canary|stable",namespace="shop"}[150000ms]',
        '{__name__="orders_total",revision=~"canary|stable",namespace="shop",shop="a\\"b"}[150000ms]',
    ]


async def test_what_was_counted_since_the_first_look_is_known_by_revision():
    api, made = Api(), None
    made = reader(api)
    api.answers = {
        "visits": [
            series("visits_total", [(NOW - 30, 100), (NOW - 15, 110)], pod="iris-c-1"),
            series("visits_total", [(NOW - 30, 500), (NOW - 15, 3)], pod="iris-s-1"),
            series("visits_total", [(NOW - 30, 50), (NOW - 15, 60)], pod="iris-s-2"),
            series("visits_total", [(NOW - 30, 50), (NOW - 15, 60)], pod="iris-x-9"),
        ],
        # The first order of a pod is an order: its visits tell that there was none before.
        "orders": [series("orders_total", [(NOW - 15, 1)], pod="iris-c-1")],
    }
    got = await made.read("shop", PODS)
    assert got == {
        "canary": PodCounters(10, 1, at=NOW - 15),
        "stable": PodCounters(3 + 10, 0, at=NOW - 15),
    }
    assert await made.read("shop", PODS) == got


async def test_a_second_scraper_of_a_pod_doubles_nothing():
    api = Api()
    values = [(NOW - 30, 0), (NOW - 15, 10)]
    api.answers["visits"] = [
        series("visits_total", values, pod="iris-c-1", job="one"),
        series("visits_total", [(at + 1, value) for at, value in values], pod="iris-c-1", job="two"),
    ]
    assert (await reader(api).read("shop", PODS))["canary"].requests == 10


async def test_processes_that_tell_the_revision_themselves_are_added_up():
    api = Api()
    values = [(NOW - 30, 0), (NOW - 15, 10)]
    api.answers["visits"] = [
        series("visits_total", values, revision="canary", instance=one) for one in ("shop-1", "shop-2")
    ]
    assert (await reader(api, REVISION).read("shop", PODS))["canary"].requests == 20


async def test_samples_that_are_too_old_are_stale():
    api = Api()
    api.answers["visits"] = [series("visits_total", [(NOW - 140, 1), (NOW - 100, 2)], pod="iris-c-1")]
    with pytest.raises(MetricsError, match="older than 3 scrape intervals") as caught:
        await reader(api).read("shop", PODS)
    assert caught.value.trouble is Trouble.STALE


async def test_two_processes_of_a_pod_count_each_for_itself():
    api, made = Api(), None
    made = reader(api)
    api.answers = {
        "visits": [
            series("visits_total", [(NOW - 40, 5000), (NOW - 25, 5010)], pod="iris-c-1", instance="10.0.0.1:8001"),
            series("visits_total", [(NOW - 30, 4000), (NOW - 15, 4020)], pod="iris-c-1", instance="10.0.0.1:8002"),
        ],
        "orders": [
            series("orders_total", [(NOW - 40, 70), (NOW - 25, 71)], pod="iris-c-1", instance="10.0.0.1:8001"),
            series("orders_total", [(NOW - 15, 2)], pod="iris-c-1", instance="10.0.0.1:8002"),
        ],
    }
    assert await made.read("shop", PODS) == {"canary": PodCounters(30, 3, at=NOW - 15)}


async def test_a_series_that_is_missing_in_a_scrape_says_nothing():
    api, made = Api(), None
    made = reader(api)
    old = [(NOW - 60, 2_000_000), (NOW - 45, 2_000_010)]
    rare = [(NOW - 60, 7000), (NOW - 45, 7001)]
    whole = {
        "a": series("visits_total", [*old, (NOW - 30, 2_000_020)], pod="iris-s-1", kind="a"),
        "b": series("visits_total", [*rare, (NOW - 30, 7002)], pod="iris-s-1", kind="b"),
    }
    # Of the newest scrape, one series is not there yet: neither a fall, nor a process that began again.
    for missing, cut in (("a", old), ("b", rare)):
        made = reader(api)
        half = whole | {missing: series("visits_total", cut, pod="iris-s-1", kind=missing)}
        api.answers = {"visits": [*half.values()]}
        counted = [(await made.read("shop", PODS))["stable"].requests]
        api.answers = {"visits": [*whole.values()]}
        counted.append((await made.read("shop", PODS))["stable"].requests)
        assert counted == [22 - (10 if missing == "a" else 1), 22]


class Reader:
    """Counters that a test moves."""

    interval = 1.0

    def __init__(self):
        self.counters = {"canary": PodCounters(), "stable": PodCounters()}
        self.trouble = None

    def add(self, revision, trials, events):
        old = self.counters[revision]
        self.counters[revision] = replace(old, requests=old.requests + trials, errors=old.errors + events)

    async def read(self, namespace, pods):
        if self.trouble:
            raise self.trouble
        return dict(self.counters)

    def sought(self, namespace):
        return f'visits_total{{namespace="{namespace}"}} with the name of a pod in the label pod'


def metric(direction=Direction.LOWER, delay=0.0, tolerance=1.15):
    source = Reader()
    wanted = NamedMetric(name="orders", direction=direction, tolerance=tolerance)
    config = split(Config(), [wanted])[1]["orders"]
    return BusinessMetric(wanted, config, source, delay, canary="canary", stable="stable"), source


async def run(drive, source, ticks, *, canary, stable):
    for _ in range(ticks):
        source.add("canary", *canary)
        source.add("stable", *stable)
        await drive.tick(1, canary={"fine": 5})


async def started(made, **options):
    world = World()
    world.add("stable-0", "stable-1", history=1000)
    world.add("canary-0", "canary-1")
    config, _ = split(Config(), [NamedMetric(name="orders")])
    drive = Drive(world, collector(world, config=config, metrics=[made], **options))
    await drive.tick(3)
    drive.collector.weight_acknowledged(10, drive.now)
    return drive


@pytest.mark.parametrize(
    ("direction", "canary", "verdict"),
    [
        (Direction.LOWER, (20, 8), "Regressed"),
        (Direction.LOWER, (20, 2), "NotWorse"),
        (Direction.HIGHER, (20, 8), "NotWorse"),
        (Direction.HIGHER, (20, 0), "Regressed"),
    ],
)
async def test_a_business_metric_convicts_alone_and_has_to_pass(direction, canary, verdict):
    made, source = metric(direction)
    drive = await started(made)
    await run(drive, source, 400, canary=canary, stable=(200, 20))
    evidence = drive.evidence()
    assert evidence.verdict == verdict
    shown = next(one for one in evidence.metrics if one.name == "orders")
    assert shown.canary_requests * 10 == shown.stable_requests
    assert shown.canary_events == shown.canary_requests * canary[1] // canary[0]
    assert f"orders: {shown.canary_events:,} of {shown.canary_requests:,} of the canary" in evidence.message


async def test_without_its_metric_nothing_is_promoted():
    made, source = metric()
    drive = await started(made)
    await run(drive, source, 400, canary=(0, 0), stable=(0, 0))
    assert drive.evidence().verdict == "Unknown"
    assert "orders: nothing of both revisions" in drive.evidence().message


async def test_a_source_that_is_away_holds():
    made, source = metric()
    drive = await started(made)
    await run(drive, source, 40, canary=(20, 2), stable=(200, 20))
    before = drive.evidence().metrics[-1]
    source.trouble = MetricsError(Trouble.SOURCE_DOWN, "Prometheus is away")
    await run(drive, source, 13, canary=(20, 20), stable=(200, 20))
    evidence = drive.evidence()
    assert (evidence.problem, evidence.problem_message) == ("SourceDown", "orders: Prometheus is away")
    assert evidence.metrics[-1] == before
    source.trouble = None
    await run(drive, source, 4, canary=(20, 2), stable=(200, 20))
    assert drive.evidence().problem == ""


async def test_one_reading_that_fails_opens_no_gate():
    made, source = metric()
    drive = await started(made)
    await run(drive, source, 40, canary=(20, 2), stable=(200, 20))
    assert drive.evidence().usable
    source.trouble = MetricsError(Trouble.SOURCE_DOWN, "Prometheus is away")
    await run(drive, source, 4, canary=(20, 2), stable=(200, 20))
    assert (drive.evidence().usable, drive.evidence().problem) == (False, "")
    source.trouble = None
    await run(drive, source, 4, canary=(20, 2), stable=(200, 20))
    assert drive.evidence().usable


async def test_a_metric_without_any_series_is_told():
    made, source = metric()
    source.counters = {}
    drive = await started(made)
    await drive.tick(25, canary={"fine": 5}, stable={"fine": 45})
    assert drive.evidence().problem == ""
    await drive.tick(15, canary={"fine": 5}, stable={"fine": 45})
    evidence = drive.evidence()
    assert evidence.problem == "NoSeries"
    assert 'orders: Prometheus has no series visits_total{namespace="' in evidence.problem_message
    assert "of either revision: have the platform team" in evidence.problem_message
    source.counters = {"canary": PodCounters(5), "stable": PodCounters(50)}
    await drive.tick(5, canary={"fine": 5}, stable={"fine": 45})
    assert drive.evidence().problem == ""


@pytest.mark.parametrize(("missing", "trials"), [("canary", 9), ("stable", 1)])
async def test_a_revision_alone_without_series_is_told_when_that_is_no_chance(missing, trials):
    made, source = metric()
    other = "stable" if missing == "canary" else "canary"
    source.counters = {other: PodCounters()}
    drive = await started(made)
    for _ in range(14):
        source.add(other, trials, 0)
        await drive.tick(4, canary={"fine": 5}, stable={"fine": 45})
    # By its share of 10 % the canary should have had 13 trials, or the stable 126.
    assert drive.evidence().problem == ("" if missing == "canary" else "NoSeries")
    for _ in range(14):
        source.add(other, trials, 0)
        await drive.tick(4, canary={"fine": 5}, stable={"fine": 45})
    assert drive.evidence().problem == "NoSeries"
    assert f"of revision {missing}: have" in drive.evidence().problem_message


def test_what_is_sought_is_said_with_metric_labels_and_namespace():
    asked = {**POD, "trials": {"metric": "visits_total", "labels": {"shop": 'a"b'}}}
    assert reader(Api(), asked).sought("shop") == (
        'visits_total{namespace="shop",shop="a\\"b"} with the name of a pod in the label pod'
    )
    long = {**asked, "trials": {"metric": "visits_total", "labels": {"shop": "x" * 1000}}}
    assert len(reader(Api(), long).sought("shop")) < 300


async def test_events_that_come_late_belong_to_the_weights_before():
    made, source = metric(delay=60.0)
    drive = await started(made)
    await run(drive, source, 58, canary=(20, 20), stable=(200, 0))
    assert drive.evidence().metrics[-1].name == "orders"
    assert drive.evidence().metrics[-1].canary_requests == 0
    await run(drive, source, 60, canary=(20, 0), stable=(200, 20))
    assert drive.evidence().metrics[-1].canary_events == 0
    assert drive.evidence().metrics[-1].canary_requests > 0


async def test_a_name_that_nobody_defined_is_said_and_holds():
    made, _ = metric()
    drive = await started(made, unknown=["revenue"])
    await drive.tick(20, canary={"fine": 5})
    evidence = drive.evidence()
    assert evidence.problem == "UnknownQuery"
    assert "names revenue, which the operator's configuration does not define" in evidence.problem_message


async def test_a_restart_goes_on_with_each_metric():
    made, source = metric()
    drive = await started(made)
    await run(drive, source, 60, canary=(20, 2), stable=(200, 20))
    saved = drive.evidence()
    again, other = metric()
    world = drive.world
    config, _ = split(Config(), [NamedMetric(name="orders")])
    later = Drive(world, collector(world, config=config, metrics=[again], state=saved.state), drive.now + 30)
    other.counters = dict(source.counters)
    assert later.evidence().metrics == saved.metrics
    assert later.collector.note == ""


def test_the_shares_add_up():
    names = [NamedMetric(name=name) for name in ("a", "b", "c")]
    rest, own = split(Config(alpha=0.01), names)
    assert rest.alpha + sum(one.alpha for one in own.values()) == pytest.approx(0.01, abs=1e-15)
    assert split(Config(), []) == (Config(), {})


def rare(direction, canary, *, tolerance=1.15, rate=0.003, blocks=40, seed=0):
    """Judge a metric of so many events in both arms, 1000 trials of the canary a block and 9000 of the stable."""
    wanted = NamedMetric(name="orders", direction=direction, tolerance=tolerance)
    state = initial(split(Config(), [wanted])[1]["orders"], None, rejected=False)
    rng = np.random.default_rng(seed)
    for number in range(blocks):
        arms = [Counts(n, int(rng.binomial(n, p))) for n, p in ((1000, canary), (9000, rate))]
        first, second = arms if direction is Direction.LOWER else reversed(arms)
        state, said = step(state, Block(str(number), 60.0 * number, {POOLED: first}, {POOLED: second}))
        if said.kind != "Unknown":
            return said.kind
    return "Unknown"


@pytest.mark.parametrize(
    ("direction", "canary"),
    [(Direction.HIGHER, 0.0), (Direction.HIGHER, 0.0015), (Direction.LOWER, 0.006), (Direction.LOWER, 0.009)],
)
def test_what_is_rare_and_worse_is_never_called_not_worse(direction, canary):
    # All of it is far below one percentage point.
    found = [rare(direction, canary, seed=seed) for seed in range(10)]
    assert found.count("NotWorse") == 0
    assert found.count("Regressed") >= 8


@pytest.mark.parametrize("direction", [Direction.LOWER, Direction.HIGHER])
def test_what_is_rare_and_alike_passes_within_a_tolerance_that_its_events_allow(direction):
    assert [rare(direction, 0.003, tolerance=2.0, seed=seed) for seed in range(10)].count("NotWorse") >= 9


@pytest.mark.parametrize(("direction", "canary"), [(Direction.LOWER, 0.02 * 1.5), (Direction.HIGHER, 0.02 / 1.5)])
def test_what_is_worse_by_the_margin_is_seldom_called_not_worse(direction, canary):
    found = [rare(direction, canary, rate=0.02, tolerance=1.5, seed=seed) for seed in range(40)]
    # 5 % is the bound: seven of 40 come up once in 500 times at the bound itself.
    assert found.count("NotWorse") < 7


def test_what_is_awaited_of_a_metric_is_not_promised_by_the_requests():
    requests = initial(Config(), None, rejected=False)
    for number in range(20):
        block = Block(str(number), float(number), {POOLED: Counts(100, 1)}, {POOLED: Counts(900, 9)})
        requests, said = step(requests, block)
        if said.needs:
            break
    assert said.needs
    assert together(requests, []).needs == said.needs
    assert together(requests, [View("Unknown", "orders: nothing yet", None)]).needs is None


def test_what_was_gathered_for_another_margin_is_not_used():
    made, _ = metric(tolerance=1.3)
    old = initial(Config(alpha=0.003, error_tolerance=1.3), None, rejected=False)
    for number in range(10):
        block = Block(str(number), float(number), {POOLED: Counts(100, 1)}, {POOLED: Counts(900, 9)})
        old, _ = step(old, block)
    assert old.errors.log_not_worse > 1
    made.restore(State.from_json(old.to_json()))
    assert made.state.errors.log_not_worse == 0
    assert made.state.errors.totals == old.errors.totals
    assert made.state.config == replace(old.config, odds_margin=1.3)
    kept = made.state
    made.restore(State.from_json(kept.to_json()))
    assert made.state == kept
