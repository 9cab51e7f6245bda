"""What activators have counted: growth and nothing else, whoever of them comes, goes, restarts or returns."""

from hypothesis import given
from hypothesis import strategies as st
from tests.operator.test_activators import KEY, of, page

from ekiben.operator.activators.counted import Counted
from ekiben.operator.activators.seen import Seen
from ekiben.operator.queue import Key

FOLLOWED = {KEY: "u"}


def seen(ip, arrived, *, ready=True, misses=0, instance="a", uid="u"):
    models = {f"{KEY.namespace}.{KEY.name}": of(uid, arrived=arrived, forwarded=arrived)}
    return Seen(ip, ready, page(**models) | {"instance": instance}, misses)


def look(counted, *activators):
    counted.take(activators, FOLLOWED)
    return counted.of(KEY, "u")[0]


def test_an_activator_that_returns_brings_nothing_with_it():
    counted = Counted()
    steps = [
        (seen("a", 50_000), seen("b", 50)),
        (seen("a", 50_000, misses=1), seen("b", 51)),
        (seen("a", 50_000, misses=2, ready=False), seen("b", 52)),
        (seen("a", 50_000, misses=3, ready=False), seen("b", 53)),
        (seen("a", 50_001, ready=False), seen("b", 54)),
        (seen("a", 50_002), seen("b", 55)),
    ]
    assert [look(counted, *step) for step in steps] == [0, 1, 2, 3, 4, 6]


def test_one_that_could_not_be_read_for_a_moment_loses_nothing():
    counted = Counted()
    look(counted, seen("a", 5))
    look(counted, seen("a", 5, misses=1))
    assert look(counted, seen("a", 9)) == 4


def test_one_that_restarts_and_another_pod_of_its_address_begin_again():
    counted = Counted()
    look(counted, seen("a", 100))
    assert look(counted, seen("a", 3)) == 3
    assert look(counted, seen("a", 700, instance="other")) == 3
    assert look(counted, seen("a", 702, instance="other")) == 5


def test_another_model_of_the_name_and_one_that_is_not_followed_any_more_have_counts_of_their_own():
    counted = Counted()
    look(counted, seen("a", 1))
    assert look(counted, seen("a", 4)) == 3
    assert look(counted, seen("a", 9, uid="former")) == 3
    assert counted.of(KEY, "another") == counted.of(Key("shop", "other"), "u") == (0, 0)
    counted.take([seen("a", 9)], {})
    assert counted.of(KEY, "u") == (0, 0)


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=3, max_size=3), max_size=30))
def test_never_more_than_has_arrived_and_all_of_it_where_everybody_is_seen(steps):
    counted, counters, arrived, missed = Counted(), [1_000, 0, 7], 0, False
    look(counted, *(seen(str(ip), value) for ip, value in enumerate(counters)))
    before = 0
    for step in steps:
        counters = [value + more for value, (more, _) in zip(counters, step, strict=True)]
        arrived += sum(more for more, _ in step)
        missed |= not all(there for _, there in step)
        now = look(counted, *(seen(str(ip), counters[ip]) for ip, (_, there) in enumerate(step) if there))
        assert before <= now <= arrived
        before = now
    if not missed:
        assert before == arrived
