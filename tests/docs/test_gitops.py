"""docs/gitops.md: the health checks and the paths in it are run, against every state that there is."""

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.lua51 import LuaRuntime
from tests.cli.drive import V, raw
from tests.cli.statuses import STATES, condition, conditions, ended, resource
from tests.rollout.world import World, serving

from ekiben.api.request import Verb
from ekiben.objects import users_route

_PAGE = (Path(__file__).resolve().parents[2] / "docs/gitops.md").read_text()
_BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)]
_ARGO, _APPLICATION, _FLUX, _FLUX_ROUTE = _BLOCKS
_KEY = "resource.customizations.health.ekiben.dev_ModelDeployment"
# What Argo CD does not give to a script unless it is told to.
_CLOSED = "string = nil; io = nil; os = nil; math = nil; package = nil; require = nil; debug = nil; coroutine = nil"


def _lua() -> Any:
    runtime = LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    runtime.execute(f"getmetatable('').__index = nil; {_CLOSED}; python = nil")
    return runtime, runtime.execute(f"return function(obj) {_ARGO['data'][_KEY]} end")


_RUNTIME, _HEALTH = _lua()


def argo(body: dict[str, Any]) -> tuple[str, str]:
    found = _HEALTH(_table(body))
    return str(found["status"]), str(found["message"])


def _table(value: Any) -> Any:
    if isinstance(value, dict):
        return _RUNTIME.table_from({key: _table(inner) for key, inner in value.items()})
    return _RUNTIME.table_from([_table(inner) for inner in value]) if isinstance(value, list) else value


def flux(body: dict[str, Any]) -> str:
    """Return what Flux makes of a resource: the first expression that is true decides, an error means waiting."""
    expressions = _FLUX["spec"]["healthCheckExprs"][0]
    for answer in ("inProgress", "failed", "current"):
        try:
            if cel.evaluate(expressions[answer], body):
                return answer
        except KeyError:
            assert not body["status"], "only what nobody has looked at yet may lack a field"
            return "inProgress"
    return "inProgress"


_EXPECTED = {
    "nothing": ("Progressing", "inProgress"),
    "first-pending": ("Progressing", "inProgress"),
    "first-failed": ("Degraded", "failed"),
    "first-serves": ("Healthy", "current"),
    "starting": ("Progressing", "inProgress"),
    "step": ("Progressing", "inProgress"),
    "awaiting-verdict": ("Progressing", "inProgress"),
    "no-traffic": ("Progressing", "inProgress"),
    "paused-by-request": ("Suspended", "inProgress"),
    "paused-by-spec": ("Suspended", "inProgress"),
    "awaiting-approval": ("Suspended", "inProgress"),
    "inconclusive": ("Suspended", "inProgress"),
    "late": ("Suspended", "inProgress"),
    "stable-unavailable": ("Progressing", "inProgress"),
    "frozen": ("Suspended", "inProgress"),
    "by-replicas": ("Progressing", "inProgress"),
    "preview": ("Progressing", "inProgress"),
    "shadow": ("Progressing", "inProgress"),
    "replacing": ("Progressing", "inProgress"),
    "promoting": ("Progressing", "inProgress"),
    "promoting-by-hand": ("Progressing", "inProgress"),
    "rolling-back": ("Progressing", "inProgress"),
    "promoted": ("Healthy", "current"),
    "rolled-back-errors": ("Degraded", "failed"),
    "rolled-back-latency": ("Degraded", "failed"),
    "rolled-back-objective": ("Degraded", "failed"),
    "rolled-back-crash": ("Degraded", "failed"),
    "rolled-back-pull": ("Degraded", "failed"),
    "rolled-back-memory": ("Degraded", "failed"),
    "rolled-back-late": ("Degraded", "failed"),
    "rolled-back-inconclusive": ("Degraded", "failed"),
    "aborted": ("Degraded", "failed"),
    "superseded": ("Progressing", "inProgress"),
    "cancelled": ("Progressing", "inProgress"),
    "bake-failed": ("Degraded", "failed"),
    "undone": ("Suspended", "failed"),
    "degraded": ("Degraded", "failed"),
    "stable-down": ("Degraded", "inProgress"),
    "waiting-paused": ("Suspended", "inProgress"),
    "spec-changed": ("Progressing", "inProgress"),
}


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_its_health(state: str) -> None:
    assert (argo(STATES[state])[0], flux(STATES[state])) == _EXPECTED[state]


def test_the_message_says_why() -> None:
    assert argo(STATES["rolled-back-errors"]) == ("Degraded", "rolled back (ErrorRateRegressed): errors: 61 of 1,204")
    assert argo(STATES["step"]) == ("Progressing", "revision 3: 20 % of the requests")
    assert argo(STATES["degraded"]) == ("Degraded", "exceeded quota")
    assert "operator" in argo(STATES["nothing"])[1]


def test_a_refusal_of_the_present_spec_is_told_although_the_operator_could_not_look_further() -> None:
    refused = condition("Degraded", True, "Invalid", "the policy does not fit") | {"observedGeneration": 3}
    body = resource(ended("Promoted", "NotWorse") | {"conditions": [*conditions(), refused]}, generation=3)
    assert (argo(body)[0], flux(body)) == ("Degraded", "failed")
    refused["observedGeneration"] = 2
    assert argo(resource(ended("Promoted", "NotWorse") | {"conditions": [*conditions(), refused]}, generation=3))[
        0
    ] == ("Progressing"), "that was about the spec before"


def test_a_freeze_does_not_make_what_is_settled_unhealthy() -> None:
    frozen = [condition("Promoted", True, "Serving"), condition("Frozen", True, "Frozen", "nothing moves: sale")]
    body = resource(ended("Promoted", "NotWorse") | {"conditions": conditions(*frozen)})
    assert (argo(body)[0], flux(body)) == ("Healthy", "current")


_TURNS = ["new", "back", "not-worse", "regressed", "crash", "freeze", "wait", *(verb.value for verb in Verb)]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(_TURNS), min_size=2, max_size=10))
def test_whatever_happens_the_checks_tell_the_truth(turns: list[str]) -> None:
    """Of what the state machine really writes: healthy only while the wanted revision has all requests, and so on."""
    world = serving()
    for turn in turns:
        _take(world, turn)
        for _ in range(4):
            world.run(2)
            _check(world)


def _check(world: World) -> None:
    body = raw(world)
    health, message = argo(body)
    said = flux(body)
    stable, running, target = world.status.stable, world.status.rollout, world.target.revision
    assert health in ("Healthy", "Progressing", "Degraded", "Suspended")
    assert message or health == "Healthy"
    wanted = stable is not None and stable.revision == target and running is None
    assert (health == "Healthy") <= wanted
    assert (said == "current") == (health == "Healthy")
    if world.status.rejected_revision == target and running is None:
        assert (health, said) == ("Degraded", "failed")
    if said == "failed":
        assert health in ("Degraded", "Suspended")


def _take(world: World, turn: str) -> None:
    taking_part = world.status.canary or world.status.stable
    if turn == "new":
        world.apply(f"{V}{world.generation + 1}")
    elif turn == "back":
        world.apply(f"{V}1")
    elif turn in ("not-worse", "regressed"):
        world.verdict = {"not-worse": "NotWorse", "regressed": "Regressed"}[turn]
    elif turn == "crash" and world.status.canary is not None:
        world.trouble(world.status.canary.revision, waiting_reason="CrashLoopBackOff", restarts=3)
    elif turn == "freeze":
        world.frozen = "" if world.frozen else "sale"
    elif turn in set(Verb) and taking_part is not None:
        world.ask(turn, taking_part.revision if turn != "undo" else "v1")


_ROUTE: dict[str, Any] = {
    "metadata": {"name": "shop", "namespace": "shop", "resourceVersion": "1"},
    "spec": {
        "rules": [
            {"backendRefs": [{"name": "cart", "port": 80}]},
            {"backendRefs": [{"name": "iris", "port": 3000, "weight": 1}]},
        ]
    },
}


def test_what_is_to_be_ignored_is_all_that_ekiben_changes_in_a_route() -> None:
    view = users_route.read(_ROUTE, "iris", "shop")
    changes = users_route.patch(_ROUTE, view, "iris", [("bbbbbbbb", 80), ("cccccccc", 20)], ("cccccccc", 50))
    touched = {change["path"] for change in changes if change["op"] != "test"}
    assert touched == {"/spec/rules/1/backendRefs", "/spec/rules/1/filters"}
    ignored = {path.replace(".", "/") for path in _paths(_APPLICATION)}
    assert {re.sub(r"/\d+", "[]", path) for path in touched} == ignored
    assert {re.sub(r"\d+", "0", path) for path in touched} == set(_FLUX_ROUTE["spec"]["ignore"][0]["paths"])


def _paths(application: dict[str, Any]) -> list[str]:
    (rule,) = application["spec"]["ignoreDifferences"]
    assert (rule["group"], rule["kind"]) == ("gateway.networking.k8s.io", "HTTPRoute")
    return list(rule["jqPathExpressions"])


def test_every_condition_that_the_page_waits_for_is_one_that_the_operator_writes() -> None:
    written = {one.type for one in _settled().status.conditions} | {"Degraded"}
    waited = set(re.findall(r"--for=condition=(\w+)", _PAGE)) | {"Promoted", "RolledBack", "Paused"}
    assert waited <= written


def _settled() -> World:
    return deepcopy(serving())
