"""When to look again at what no watch tells of."""

import math
from types import SimpleNamespace

import pytest

from ekiben.api.status import RolloutStatus, Status
from ekiben.operator.patience import Patience
from ekiben.operator.queue import Key

KEY = Key("shop", "iris")
RUNNING = Status(rollout=RolloutStatus(revision="bcdfghjk", state="Step", started_at="2026-11-21T12:00:00Z"))


def world(problem="", users=None, left=None):
    return SimpleNamespace(gateway_problem=problem, users_route=users, left_route=left)


def test_with_a_gateway_the_watches_tell_of_everything():
    assert Patience().wait(KEY, world(), Status(), 0.0) == math.inf


def test_a_missing_gateway_is_looked_for_ever_more_seldom():
    patience, now, waits = Patience(), 1000.0, []
    for _ in range(7):
        waits.append(patience.wait(KEY, world("no Gateway"), Status(), now))
        now += waits[-1]
    assert waits == [5, 5, 10, 20, 40, 60, 60]


def test_looks_for_other_reasons_do_not_count():
    patience = Patience()
    assert {patience.wait(KEY, world("no Gateway"), Status(), now / 10) for now in range(50)} == {5}


def test_a_gateway_that_came_and_went_is_looked_for_soon_again():
    patience = Patience()
    patience.wait(KEY, world("no Gateway"), Status(), 0.0)
    assert patience.wait(KEY, world("no Gateway"), Status(), 1000.0) == 60
    patience.wait(KEY, world(), Status(), 1001.0)
    assert patience.wait(KEY, world("no Gateway"), Status(), 1002.0) == 5


def test_a_resource_that_is_gone_is_forgotten():
    patience = Patience()
    patience.wait(KEY, world("no Gateway"), Status(), 0.0)
    patience.forget(KEY)
    assert patience.wait(KEY, world("no Gateway"), Status(), 1000.0) == 5


@pytest.mark.parametrize(
    ("seen", "status", "wait"),
    [
        (world(users={}), RUNNING, 5),
        (world(users={}), Status(), 60),
        (world(left={}), Status(), 5),
        (world("no Gateway", users={}), Status(), 5),
    ],
)
def test_a_users_route_is_read_again_by_the_clock(seen, status, wait):
    assert Patience().wait(KEY, seen, status, 0.0) == wait
