"""What a pod works on at once is shared among the activators: never more than that, whoever they are."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.objects.test_activation import IRIS

NAMES = ("a", "b", "c", "d", "e")


def shares(concurrency, number, pods):
    known = replace(
        IRIS, concurrency=concurrency, activators=NAMES[:number], pods=tuple(f"10.0.0.{n + 1}" for n in pods)
    )
    return known, [known.places(name) for name in known.activators]


@given(st.integers(0, 100), st.integers(1, 5), st.integers(1, 50))
def test_together_they_have_exactly_what_a_pod_works_on(concurrency, number, pods):
    known, given_out = shares(concurrency, number, range(pods))
    for pod in known.pods:
        each = [places[pod] for places in given_out]
        assert sum(each) == concurrency
        assert max(each) - min(each) <= 1
    in_all = [sum(places.values()) for places in given_out]
    assert max(in_all) - min(in_all) <= number, "what is left goes round"
    if concurrency * pods >= number:
        assert min(in_all) > 0, "nobody is without a place that could have one"


def test_with_fewer_places_than_activators_it_goes_by_turns():
    assert shares(1, 2, [0])[1] == [{"10.0.0.1": 1}, {"10.0.0.1": 0}]
    assert shares(1, 2, [0, 1])[1] == [{"10.0.0.1": 1, "10.0.0.2": 0}, {"10.0.0.1": 0, "10.0.0.2": 1}]


def test_where_places_are_shared_evenly_nobody_is_named():
    known = replace(IRIS, at_once=16)
    assert known.places("any") == {"10.0.0.1": 16, "fd00::1": 16}
    assert known.places("") == known.places("any")
