"""What is remembered of earlier revisions: the bounded history, and the Deployments that are kept."""

from hypothesis import given
from hypothesis import strategies as st
from tests.rollout.world import World, promoted, serving

from ekiben.api.rollout import Rollout
from ekiben.api.status import HistoryEntry
from ekiben.rollout.history import bounded

_V = "registry.test/iris:v"
_TIME = "2026-08-01T12:00:00.000Z"


def aborted(one: World, version: str) -> None:
    """Have a revision tried and rolled back by request."""
    one.apply(f"{_V}{version[1:]}")
    one.run(5)
    assert one.ask("abort", version)[0] == "Done"
    one.run(15)


def _entry(revision: str, outcome: str, other: str) -> HistoryEntry:
    return HistoryEntry(
        revision=revision,
        image="i",
        outcome=outcome,
        reason=outcome,
        message="",
        started_at=_TIME,
        ended_at=_TIME,
        back_to=other if outcome == "Undone" else None,
    )


_NAMES = st.sampled_from([f"v{number}" for number in range(12)])
_ENTRIES = st.lists(
    st.builds(_entry, _NAMES, st.sampled_from(["Promoted", "RolledBack", "Undone"]), _NAMES), max_size=60
)


@given(entries=_ENTRIES, gone=st.sets(_NAMES))
def test_the_history_is_bounded_in_order_and_keeps_what_has_served(entries: list[HistoryEntry], gone: set[str]) -> None:
    exist = {f"v{number}" for number in range(12)} - gone
    kept: list[HistoryEntry] = []
    for entry in entries:
        kept = bounded([*kept, entry], exist)
    assert len(kept) == min(20, len(entries))
    assert kept[-10:] == entries[-10:]
    rest = iter(entries)
    assert all(any(entry is other for other in rest) for entry in kept), "in order, each once"
    proven = {entry.revision for entry in entries if entry.outcome == "Promoted"} & exist
    if len(proven) <= 10:
        assert proven <= {entry.revision for entry in kept if entry.outcome == "Promoted"}
    gained = {entry.revision if entry.outcome == "Promoted" else entry.back_to for entry in entries} & exist
    if len(gained) <= 5:
        assert gained <= {entry.revision if entry.outcome == "Promoted" else entry.back_to for entry in kept}


def test_twenty_failures_in_a_row_leave_a_revision_to_go_back_to() -> None:
    one = serving(rollout={"bake": "0s"})
    promoted(one, "v2")
    for number in range(3, 25):
        aborted(one, f"v{number}")
    assert one.ask("undo", "v1")[0] == "Done"
    one.run(30)
    assert one.weights == {"v1": 100}


def test_failed_attempts_go_before_revisions_that_have_served() -> None:
    one = serving(rollout={"bake": "0s", "revisionHistoryLimit": 3})
    promoted(one, "v2")
    for number in range(3, 8):
        aborted(one, f"v{number}")
    assert sorted(one.deployed) == ["v1", "v2", "v6", "v7"]


def test_the_revision_that_undo_goes_to_outlives_the_limit() -> None:
    one = serving(rollout={"bake": "0s", "revisionHistoryLimit": 1})
    promoted(one, "v2")
    one.apply(f"{_V}3")
    one.run(5)
    made = one.deployed["v1"].created
    assert one.ask("undo", "v1")[0] == "Done"
    one.run(30)
    assert one.weights == {"v1": 100}
    assert one.deployed["v1"].created == made


def test_a_policy_that_is_gone_deletes_no_history() -> None:
    one = serving(rollout={"bake": "0s"})
    one.policy = Rollout.model_validate({**one.spec["rollout"], "revisionHistoryLimit": 50})
    for number in range(2, 14):
        promoted(one, f"v{number}")
    one.policy, one.policy_problem = None, "there is no RolloutPolicy careful in this namespace"
    one.run(5)
    assert len(one.deployed) == 13
