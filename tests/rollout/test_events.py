"""Events tell what has changed, once: a look that finds nothing new tells nothing."""

import pytest
from tests.rollout.test_table import _CELLS, _POLICY, _STATES, _TURNS, _ask, state_of
from tests.rollout.world import World

_PROGRESS = ("state", "step", "step_since", "traffic_since", "approved", "reason", "waiting_since")


def _what(one: World) -> tuple[object, ...]:
    """Return what an Event may be about: who has what part, with which weight, what was decided or answered, a hold."""
    status, running = one.status, one.status.rollout
    parts = [(part.revision, part.weight) if part else None for part in (status.stable, status.canary, status.former)]
    progress = [getattr(running, name) for name in _PROGRESS] if running else None
    verdict = status.objectives.verdict if status.objectives else ""
    held = [one.reason for one in status.conditions if one.type == "Paused"]
    return (parts, progress, status.history, status.requests, status.rejected_revision, status.paused, verdict, held)


@pytest.mark.parametrize(("turn", "state"), [cell[:2] for cell in _CELLS])
def test_an_event_comes_with_a_transition_and_never_twice_for_it(turn: str, state: str) -> None:
    one = _STATES[state](**_POLICY.get(turn, {}))
    if turn in _TURNS:
        _TURNS[turn](one)
    else:
        _ask(one, turn, state)
    for _ in range(8):
        before, known = _what(one), len(one.events)
        one.reconcile()
        told = [(event.reason, event.message) for event in one.events[known:]]
        assert len(set(told)) == len(told)
        assert not told or _what(one) != before, told
        one.tick(0.5)


@pytest.mark.parametrize("state", list(_STATES))
def test_looks_at_the_same_moment_tell_nothing_more(state: str) -> None:
    one = _STATES[state]()
    for _ in range(5):
        one.reconcile()
    known = one.told()
    for _ in range(8):
        one.reconcile()
    assert one.told() == known, state_of(one)
