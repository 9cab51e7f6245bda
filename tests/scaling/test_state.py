"""What is kept, and what of it survives."""

import pytest

from ekiben.scaling import Learned, State, StateError, initial, learned_from_json, learned_to_json

from .fleet import BY_LIMIT, run, settled, steady


def test_what_was_learned_survives_a_restart():
    state, _ = settled(BY_LIMIT, 50)
    text = learned_to_json(state.learned)
    assert len(text) <= 4096
    assert learned_from_json(text) == state.learned
    assert initial(learned_from_json(text)).learned == state.learned


def test_a_state_goes_through_text_unchanged():
    state, replicas = settled(BY_LIMIT, 50)
    state, _ = run(BY_LIMIT, range(600, 605), steady(500, ready=replicas), state, replicas)
    assert state.panic is not None
    assert State.from_json(state.to_json()) == state
    assert State.from_json(initial().to_json()) == initial()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version":2}', '{"version":1}', '{"version":1,"seen":7}'])
@pytest.mark.parametrize("read", [State.from_json, learned_from_json])
def test_a_state_that_cannot_be_read_is_a_clear_error(text, read):
    with pytest.raises(StateError):
        read(text)


def test_nothing_learned_is_nothing_known():
    assert Learned().service is None
    assert initial().learned.knee is None
