"""What an arm makes of the requests that its pods work on."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ekiben.api.model import Runtime
from ekiben.signals import quality
from ekiben.signals.arm import Arm
from ekiben.signals.counters import PodCounters
from ekiben.signals.increments import increment
from ekiben.signals.page import parse
from ekiben.signals.source import ScrapeTarget

TIMEOUT = 60.0


class Pair:
    """A canary and a stable revision of one pod each, whose gauges count the reading too."""

    def __init__(self, itself=True):
        self.itself = itself
        self.arms = {name: Arm(name) for name in ("canary", "stable")}
        self.pods = {name: PodCounters() for name in self.arms}
        self.traffic = quality.Traffic(0.05, 0.0)
        self.now = 0.0
        self.tick()

    def tick(self, times=1, *, canary=0, stable=1, working=0, restarted=False):
        """Let pods answer so many each second, with so many at work on the canary."""
        for _ in range(times):
            self.now += 1
            before = dict(self.pods)
            for name, answered in (("canary", canary), ("stable", stable)):
                at_work = (working if name == "canary" else 0) + int(self.itself)
                requests = before[name].requests + answered
                self.pods[name] = PodCounters(requests, in_flight=at_work, in_flight_itself=self.itself)
            if restarted:
                self.arms = {name: Arm(name) for name in self.arms}
            targets = [ScrapeTarget(name, name, "ns", "10.0.0.1", 80, name) for name in self.pods]
            counted = {name: increment(before[name], self.pods[name]) for name in self.pods}
            for arm in self.arms.values():
                arm.observe(targets, self.pods, counted, self.now)
            self.traffic.observe(canary, stable)

    @property
    def hung(self):
        return quality.hung(self.arms["canary"], self.arms["stable"], TIMEOUT, self.now)

    @property
    def problem(self):
        found = quality.problem(self.arms["canary"], self.arms["stable"], self.traffic, 1.0, self.now)
        return found.reason if found else ""


def test_a_pod_that_works_on_nothing_but_the_reading_is_not_hung():
    pair = Pair()
    for pause in (20, 400, 3600):
        pair.tick(pause)
        assert not pair.hung
        pair.tick(canary=1, working=1)
    assert not pair.hung


def test_nothing_but_readings_is_no_traffic():
    pair = Pair()
    pair.tick(100, stable=0)
    assert pair.problem == "NoTraffic"


def test_requests_that_nobody_answers_are_seen_behind_the_reading():
    for itself in (True, False):
        pair = Pair(itself)
        pair.tick(20, canary=1, working=2)
        pair.tick(60, working=1)
        assert not pair.hung
        pair.tick(1, working=1)
        assert pair.hung
        assert pair.problem == ""


def test_after_a_restart_of_the_operator_more_requests_have_to_wait():
    pair = Pair()
    pair.tick(10, working=3)
    pair.tick(1, working=3, restarted=True)
    pair.tick(100, working=3)
    assert not pair.hung
    pair.tick(62, working=4)
    assert pair.hung


def test_a_page_without_the_gauge_says_nothing_of_the_rest():
    target = ScrapeTarget("canary", "canary", "ns", "10.0.0.1", 80, "canary", Runtime.HTTP)
    pages = {
        0: PodCounters(),
        1: parse(b"# TYPE http_requests_in_progress gauge\nhttp_requests_in_progress 1.0\n", Runtime.HTTP),
    }
    arm = Arm("canary")
    for moment, page in pages.items():
        arm.observe([target], {"canary": page}, {"canary": increment(page, page)}, float(moment))
    assert arm.waiting_since is None
    arm.observe([target], {"canary": replace(pages[1], in_flight=2)}, {}, 2.0)
    assert arm.waiting_since == 2.0
    arm.observe([], {}, {}, 3.0)
    assert arm.at_rest == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60), st.integers(0, 3))
def test_what_the_reading_adds_changes_nothing_once_a_pod_was_at_rest(ticks, offset):
    """A gauge that counts so many too many tells the same as one that counts right."""
    arms = Arm("canary"), Arm("canary")
    target = ScrapeTarget("canary", "canary", "ns", "10.0.0.1", 80, "canary")
    for now, (answered, working) in enumerate([(0, 0), *ticks]):
        for arm, extra in zip(arms, (0, offset), strict=True):
            pod = PodCounters(0, in_flight=working + extra, in_flight_itself=bool(extra))
            counted = increment(PodCounters(), PodCounters(answered))
            arm.observe([target], {"canary": pod}, {"canary": counted}, float(now))
        assert arms[0].waiting_since == arms[1].waiting_since
