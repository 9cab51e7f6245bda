"""A model that sleeps or wakes, as `ekiben status` and `ekiben explain` tell it."""

from typing import Any

import pytest
from tests.cli.statuses import COMMANDS, NOW, STATES, Json, condition, conditions, resource, revision
from tests.cli.test_status import text

from ekiben.cli import asleep
from ekiben.cli.explain.tell import tell
from ekiben.cli.seen import Seen, seen
from ekiben.cli.status import detail, overview

T = NOW.timestamp()
_HELD = "the activators hold requests until a replica is ready"


def _model(status: bool | None, reason: str, *others: Json, ready: int = 0, replicas: int = 0) -> Seen:
    told = conditions(condition("Asleep", status, reason), *others)
    stable = revision(1, 100, ready=ready, replicas=replicas)
    return seen(resource(STATES["first-serves"]["status"] | {"conditions": told, "stable": stable}))


_ASLEEP = _model(True, "Asleep")
_FALLING = _model(None, "FallingAsleep", ready=1, replicas=1)
_WAKING = _model(False, "Waking", replicas=1)
_NO_IMAGE = condition("Healthy", False, "CannotWake", "the model wakes, and no replica becomes ready: pod iris-x waits")
_STUCK = _model(False, "Waking", _NO_IMAGE, replicas=1)


@pytest.mark.parametrize(
    ("one", "headline", "ready"),
    [
        (
            _ASLEEP,
            "Revision 1 has been asleep for 30 s: no replica runs, and the next request wakes it.",
            "asleep, 0/0",
        ),
        (_FALLING, "Revision 1 is falling asleep: nobody asks for it", "1/1 ready"),
        (_WAKING, f"Revision 1 has been waking for 30 s: {_HELD} (0 of 1).", "waking, 0/1 ready"),
        (
            _STUCK,
            "Revision 1 has been waking for 30 s, and cannot: the model wakes, and no replica",
            "waking, 0/1 ready",
        ),
    ],
)
def test_the_headline_says_so_and_all_weight_stays_the_revisions(one: Seen, headline: str, ready: str) -> None:
    shown = text(detail(one, T), 160)
    assert headline in shown
    assert ready in shown
    assert "100 %" in shown
    assert "acknowledged" not in shown


@pytest.mark.parametrize("reason", ["Awake", "NeverSleeps", "NoActivator", "ActivatorNotReady"])
def test_of_a_model_that_is_awake_it_says_what_it_always_does(reason: str) -> None:
    one = _model(False, reason, ready=2, replicas=2)
    assert asleep.headline(one, T) == ""
    assert "Revision 1 was the first one" in text(detail(one, T))
    assert "2/2 ready" in text(detail(one, T))


def test_a_rollout_is_what_there_is_to_say_first() -> None:
    told = conditions(condition("Asleep", False, "Waking"))
    one = seen(resource(STATES["starting"]["status"] | {"conditions": told}))
    assert asleep.headline(one, T) == ""


@pytest.mark.parametrize(("one", "cell"), [(_ASLEEP, "0/0 asleep"), (_WAKING, "0/1 waking"), (_FALLING, "1/1 ")])
def test_in_the_list_it_stands_beside_the_replicas(one: Seen, cell: str) -> None:
    assert cell in text(overview([one], T), 160)


@pytest.mark.parametrize(("one", "wakes"), [(_ASLEEP, True), (_FALLING, True), (_WAKING, False)])
def test_the_story_ends_with_it_and_offers_to_wake_it(one: Seen, wakes: Any) -> None:
    story = tell(one, T, COMMANDS)
    assert story.headline.startswith("Revision 1 was the first one")
    assert story.notes[0].startswith("Revision 1 ")
    assert any("wake iris" in option.command for option in story.options) == wakes
