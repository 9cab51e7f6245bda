"""Who answers for a pod: a process that goes on, one that began anew, or several that count each for itself."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.analysis import Config
from ekiben.api.model import Runtime
from ekiben.signals.collector import Collector
from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.restarts import Counting, Countings, started
from ekiben.signals.source import ScrapeTarget

NEVER_RESTARTED = ScrapeTarget("pod", "iris-1", "shop", "10.0.0.1", 3000, "r1")


class Pod:
    """A pod that is read once a second."""

    def __init__(self) -> None:
        self.countings = Countings()
        self.now = 0.0
        self.restarts = 0

    def read(self, counters: PodCounters) -> PodCounters | MetricsError:
        self.now += 1
        target = replace(NEVER_RESTARTED, restarts=self.restarts)
        return self.countings.take([target], {"pod": counters}, self.now)["pod"]


@pytest.fixture
def pod() -> Pod:
    return Pod()


def requests(answer: PodCounters | MetricsError) -> int:
    assert isinstance(answer, PodCounters), answer
    return answer.requests


def test_a_container_that_was_restarted_counts_from_zero(pod):
    assert requests(pod.read(PodCounters(100, 5, in_flight=3))) == 100
    pod.restarts = 1
    assert pod.read(PodCounters(8, 1, in_flight=2)) == PodCounters(108, 6, in_flight=2)
    assert pod.read(PodCounters(9, 1)) == PodCounters(109, 6)


def test_a_restart_that_is_known_a_moment_later_loses_nothing(pod):
    pod.read(PodCounters(100, 5))
    assert isinstance(pod.read(PodCounters(2, 1)), MetricsError)
    pod.restarts = 1
    assert pod.read(PodCounters(8, 1)) == PodCounters(108, 6)
    assert pod.read(PodCounters(10, 1)) == PodCounters(110, 6)


def test_a_process_that_says_when_it_started_counts_from_zero_though_nothing_fell(pod):
    pod.read(PodCounters(10, started=-50.0))
    assert pod.read(PodCounters(12, 6, started=1.5)) == PodCounters(22, 6)
    assert pod.read(PodCounters(13, 6, started=1.5)) == PodCounters(23, 6)


def test_a_process_that_started_in_the_second_of_the_last_reading_began_anew(pod):
    pod.read(PodCounters(10, started=-50.0))
    # Its start is told to the second, rounded down.
    assert pod.read(PodCounters(2, started=0.2)) == PodCounters(12)


def test_one_that_gets_beyond_what_another_had_counted_is_no_second_sign(pod):
    pod.read(PodCounters(1000))
    unread = [isinstance(pod.read(PodCounters(50 * count)), MetricsError) for count in range(1, 60)]
    assert sum(unread) == 10


def test_falls_that_come_rarely_do_not_make_a_pod_unreadable_for_longer_each_time(pod):
    pod.read(PodCounters(10_000))
    for _ in range(6):
        unread = [isinstance(pod.read(PodCounters(count)), MetricsError) for count in range(1, 600)]
        assert sum(unread) <= 21


def test_a_restart_that_nothing_tells_of_waits_and_loses_one_reading(pod):
    pod.read(PodCounters(1000, 5))
    for count in range(3, 13):
        answer = pod.read(PodCounters(count))
        assert isinstance(answer, MetricsError)
        assert answer.trouble is Trouble.SEVERAL
        assert "its container was not restarted" in str(answer)
    assert requests(pod.read(PodCounters(13))) == 1010
    assert requests(pod.read(PodCounters(14))) == 1011


def test_a_fall_and_a_rise_back_are_several_processes(pod):
    pod.read(PodCounters(50_000, 500))
    pod.read(PodCounters(30_000, 400))
    answer = pod.read(PodCounters(50_010, 500))
    assert isinstance(answer, MetricsError)
    assert "several processes of pod iris-1 answer with counters of their own" in str(answer)


def test_another_process_that_answers_counts_nothing(pod):
    pod.read(PodCounters(30_000, 10, started=-60.0))
    assert pod.read(PodCounters(50_000, 500, started=-61.0)) == PodCounters(30_000, 10)
    assert pod.read(PodCounters(50_004, 501, started=-61.0)) == PodCounters(30_004, 11)


def test_one_registry_that_changing_workers_show_goes_on(pod):
    read = [pod.read(PodCounters(100 + n, started=-60.0 - n // 3 % 2)) for n in range(60)]
    assert all(isinstance(answer, PodCounters) for answer in read)
    assert 120 < requests(read[-1]) <= 159


@settings(deadline=None)
@given(
    st.lists(st.integers(50, 5000), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=80),
)
def test_processes_that_take_turns_at_a_pod_with_start_times_are_never_counted_beyond_what_there_was(lives, turns):
    pod, counts = Pod(), list(lives)
    first = requests(pod.read(PodCounters(counts[0], started=-100.0)))
    total, there_was = first, 0
    for turn, more in turns:
        index = turn % len(counts)
        counts[index] += more
        there_was += more
        answer = pod.read(PodCounters(counts[index], started=-100.0 - index))
        if isinstance(answer, PodCounters):
            assert answer.requests >= total
            total = answer.requests
    assert total - first <= there_was


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_restarts_never_make_more_than_there_was(ticks):
    pod, count, there_was, total = Pod(), 0, 0, 0
    pod.read(PodCounters())
    for more, restarted, told in ticks:
        count = more if restarted else count + more
        pod.restarts += restarted and told
        there_was += more
        answer = pod.read(PodCounters(count))
        if isinstance(answer, PodCounters):
            assert answer.requests >= total
            total = answer.requests
    assert total <= there_was
    if not any(restarted and not told for _, restarted, told in ticks):
        hidden = any(restarted for _, restarted, _ in ticks)
        assert total == there_was or hidden


def test_a_pod_that_is_gone_is_forgotten(pod):
    pod.read(PodCounters(100))
    pod.countings.take([], {}, 2.0)
    assert requests(pod.read(PodCounters(5))) == 5


def test_what_counts_from_now_on_is_a_reference():
    counting = Counting()
    counting.take(PodCounters(5), 1.0, restarted=False)
    counting.refer(PodCounters(900), 2.0)
    counting.take(PodCounters(903), 3.0, restarted=False)
    assert counting.total.requests == 8


@pytest.mark.parametrize(
    ("page", "when"),
    [
        (b"# TYPE x gauge\nprocess_start_time_seconds 1.7e+09\nx 1\n", 1.7e9),
        (b"my_process_start_time_seconds 5\n", None),
        (b"process_start_time_seconds much\n", None),
        (b"process_start_time_seconds NaN\n", None),
        (b"", None),
    ],
)
def test_when_a_process_started_is_on_its_page(page, when):
    assert started(page) == when


class Workers:
    """Pods of several workers with registries of their own: each reading meets one of them by chance."""

    interval = 0.0
    drains = True
    pooled = False

    def __init__(self, rng: Random, workers: int) -> None:
        self.rng = rng
        self.pods = {uid: [[0, 0] for _ in range(workers)] for uid in ("s1", "s2", "c1")}
        for uid in ("s1", "s2"):
            self.pods[uid] = [[50_000 * (n + 1), 500] for n in range(workers)]

    def serve(self, requests: int, share: float) -> None:
        for _ in range(requests):
            uid = "c1" if self.rng.random() < share else self.rng.choice(("s1", "s2"))
            worker = self.rng.choice(self.pods[uid])
            worker[0] += 1
            worker[1] += self.rng.random() < 0.01

    async def read(self, targets, timeout):  # noqa: ASYNC109
        answers = {target.uid: self.rng.choice(self.pods[target.uid]) for target in targets}
        return {uid: PodCounters(*counted, in_flight_known=False) for uid, counted in answers.items()}

    def histograms(self, runtime):
        return False

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("seed", range(4))
async def test_several_workers_convict_nobody_and_are_told(workers, seed):
    source = Workers(Random(seed), workers)
    made = Collector(Config(), stable="s", canary="c", source=source, timeout=60.0)
    targets = [ScrapeTarget(uid, uid, "d", "10.0.0.1", 80, uid[0], Runtime.HTTP) for uid in source.pods]
    for now in range(1000, 1300):
        source.serve(20, 0.1 if now > 1005 else 0)
        await made.tick(targets, float(now))
        if now == 1005:
            made.weight_acknowledged(10, float(now))
        evidence = made.evidence()
        assert evidence is not None
        assert evidence.verdict != "Regressed"
    assert evidence.problem == "StaleMetrics"
    assert "counters of their own" in evidence.problem_message
