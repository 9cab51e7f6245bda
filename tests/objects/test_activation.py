"""The table that the operator writes for the activators."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.objects.activation import FIRST_PORT, LAST_PORT, Entry, EntryError, entries, entry_from

IRIS = Entry(namespace="shop", name="iris", uid="u", port=FIRST_PORT, pod_port=3000, pods=("10.0.0.1", "fd00::1"))


@given(
    st.integers(FIRST_PORT, LAST_PORT),
    st.lists(st.ip_addresses(network="10.0.0.0/8").map(str), max_size=50),
    st.floats(0.1, 3600),
    st.integers(1, 100_000),
)
def test_an_entry_comes_back_as_it_was(port, pods, seconds, queue):
    made = replace(IRIS, port=port, pods=tuple(pods), cold_start=seconds, queue=queue)
    assert entry_from(made.to_json()) == made
    assert entries({"data": {made.key: made.to_json()}}) == {made.key: made}


def test_what_a_later_version_adds_is_left_out():
    assert entry_from(json.dumps({**json.loads(IRIS.to_json()), "colour": "red"})) == IRIS


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 22},
        {"port": LAST_PORT + 1},
        {"pod_port": 0},
        {"pods": ["169.254.169.254"]},
        {"pods": ["metadata.internal"]},
        {"pods": ["224.0.0.1"]},
        {"queue": 0},
        {"timeout": -1},
        {"pods": 5},
    ],
)
def test_an_entry_that_no_pod_can_have_is_refused(wrong):
    with pytest.raises(EntryError):
        entry_from(json.dumps({**json.loads(IRIS.to_json()), **wrong}))


def test_one_entry_that_cannot_be_read_takes_none_of_the_others_along():
    table = {"data": {IRIS.key: IRIS.to_json(), "shop.b": "{", "shop.c": IRIS.to_json(), "shop.d": "[1]"}}
    assert entries(table) == {IRIS.key: IRIS}
    assert entries({}) == {}


@given(
    st.lists(st.integers(FIRST_PORT, FIRST_PORT + 5), max_size=12),
    st.dictionaries(st.integers(0, 9), st.integers(0, 12)),
)
def test_no_port_is_two_models(ports, holding):
    made = {one.key: one for number, port in enumerate(ports) for one in [replace(IRIS, name=f"m{number}", port=port)]}
    table = {"data": {key: one.to_json() for key, one in made.items()}}
    holders = {FIRST_PORT + port: f"shop.m{number}" for port, number in holding.items()}
    found = entries(table, holders)
    assert sorted(one.port for one in found.values()) == sorted(set(ports))
    for port, key in holders.items():
        if key in made and made[key].port == port:
            assert key in found, "who has a port keeps it"
    assert set(entries(table)) == {min(k for k, one in made.items() if one.port == port) for port in ports}
