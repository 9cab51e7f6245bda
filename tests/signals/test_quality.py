"""Bad evidence has a name, and what is said stays the same from look to look."""

import pytest

from ekiben.signals import quality
from ekiben.signals.arm import Arm
from ekiben.signals.counters import MetricsError, PodCounters, Trouble

TICK = 1.0


def arm(name="canary", *, pods=2, missed=0, troubles=(), last=None, waiting=None):
    return Arm(
        name, pods=pods, missed=missed, last_completion=last, waiting_since=waiting, troubles=tuple(troubles),
        counters={} if missed else {"a": PodCounters()},
    )  # fmt: skip


def traffic(share=0.1, alone=0):
    return quality.Traffic(share, 0.0, alone)


def reason(canary, stable, seen, now=100.0, tick=TICK):
    found = quality.problem(canary, stable, seen, tick, now)
    return found.reason if found else ""


DOWN = MetricsError(Trouble.SOURCE_DOWN, "Prometheus is away")
LOST = MetricsError(Trouble.NOT_ROUTED, "the proxies have no upstream")
LATE = MetricsError(Trouble.TIMEOUT, "pod a did not answer")


@pytest.mark.parametrize(
    ("canary", "stable", "expected"),
    [
        (arm(last=99), arm("stable", last=99), ""),
        (arm(missed=2, last=99), arm("stable", missed=2), ""),
        (arm(missed=3, troubles=[LATE]), arm("stable", last=99), "StaleMetrics"),
        (arm(last=99), arm("stable", missed=3, troubles=[LATE]), "StaleMetrics"),
        (arm(missed=3, troubles=[DOWN]), arm("stable", missed=3, troubles=[DOWN]), "SourceDown"),
        (arm(missed=3, troubles=[LATE]), arm("stable", missed=3, troubles=[LATE]), "SourceDown"),
        (arm(missed=3, pods=0), arm("stable", missed=3, troubles=[LATE]), "StaleMetrics"),
        (arm(missed=3, troubles=[LOST]), arm("stable", missed=3, troubles=[LOST]), "NotRouted"),
    ],
)
def test_who_cannot_be_read(canary, stable, expected):
    assert reason(canary, stable, traffic()) == expected


@pytest.mark.parametrize(
    ("last", "alone", "waiting", "tick", "expected"),
    [
        (69.0, 0, None, 1.0, "NoTraffic"),
        (71.0, 0, None, 1.0, ""),
        (None, 0, None, 1.0, "NoTraffic"),
        (69.0, 179, None, 1.0, "NoTraffic"),
        (69.0, 180, None, 1.0, "NotRouted"),
        (69.0, 180, 50.0, 1.0, ""),
        (-30.0, 0, None, 60.0, ""),
        (-90.0, 0, None, 60.0, ""),
    ],
)
def test_who_gets_no_requests(last, alone, waiting, tick, expected):
    assert reason(arm(last=last, waiting=waiting), arm("stable", last=99), traffic(alone=alone), tick=tick) == expected


@pytest.mark.parametrize(
    ("last", "waiting", "share", "expected"),
    [
        (69.0, None, 0.1, "NoTraffic"),
        (69.0, 50.0, 0.1, "NoTraffic"),
        (71.0, None, 0.1, ""),
        (None, None, 0.1, "NoTraffic"),
        (69.0, None, 1.0, ""),
    ],
)
def test_a_canary_that_answers_alone_is_compared_with_nothing(last, waiting, share, expected):
    stable = arm("stable", last=last, waiting=waiting)
    assert reason(arm(last=99), stable, traffic(share=share)) == expected


def test_where_neither_answers_it_is_said_of_the_canary():
    found = quality.problem(arm(last=60), arm("stable", last=60), traffic(), TICK, 100.0)
    assert found.message.startswith("revision canary should get")


def test_what_is_said_does_not_change_from_look_to_look():
    said = {
        quality.problem(arm(last=10), arm("stable", last=99), traffic(alone=alone), TICK, now).message
        for alone, now in ((200, 100.0), (220, 101.0), (2000, 160.0))
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.2, "about 1 s"), (40, "about 40 s"), (130, "about 2 min"), (9000, "about 2 h")],
)
def test_how_long_it_still_takes(seconds, words):
    assert quality.needs(seconds).startswith(words)
    assert bool(quality.needs(seconds)) == bool(words)
