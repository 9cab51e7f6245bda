"""Scale to zero: requests lead to the activators before the last pod goes, and back once one is ready.

Down: the activators know the model, the Service NAME and then the route lead to them, the gateway acknowledges, nothing
is asked of the pods for a while; only then 0 replicas. Up: a pod is ready, the route leads to the pods, the gateway
acknowledges, the activators hold nothing any more; only then they leave the Service NAME. Everything is read from what
is there, so that an operator that starts in the midst of it goes on.
"""

from __future__ import annotations

from dataclasses import replace

from ekiben.api.request import Verb
from ekiben.api.status import Status

from . import capacity, times, waiting
from .draft import Draft
from .observation import Observation
from .plan import (
    Action,
    EnsureActivation,
    EnsureAutoscaler,
    EnsureDisruptionBudget,
    LeaveActivation,
    Scale,
    SetWeights,
)

CONDITION = "Asleep"
_QUIET_SECONDS = 6.0
"""Gateways and nodes send nothing to the pods any more: what they were told has arrived."""
_AGAIN = 1.0
_NO_ACTIVATOR = (
    "spec.scaling.minReplicas is 0, and no activator is installed to hold requests: one replica stays; install it (the "
    "chart's activator.enabled), or write minReplicas: 1"
)
_Answer = tuple[bool | None, str, str]


def known(observation: Observation) -> Observation:
    """Return the observation with what is there put above what nobody has measured yet.

    An operator that has just started takes every model to be awake. One whose requests lead to the activators, and that
    has no pod, sleeps or wakes: it is neither woken nor taken for broken. Without activators nothing may sleep.
    """
    route, stable = observation.route, observation.resource.status.stable
    if observation.activator is None and observation.sleep == "asleep":
        there = observation.revisions.get(stable.revision) if stable is not None else None
        return replace(observation, sleep="awake" if there is not None and there.ready > 0 else "waking")
    if observation.sleep != "awake" or stable is None or route is None or not route.asleep:
        return observation
    revision = observation.revisions.get(stable.revision)
    if revision is None or revision.ready > 0:
        return observation
    wanted = revision.wanted > 0 or observation.activator is None or not observation.resource.spec.scaling.sleeps
    asked = observation.activator is not None and observation.activator.waiting
    running = observation.resource.status.rollout is not None
    return replace(observation, sleep="waking" if wanted or asked or running else "asleep")


def wake(draft: Draft) -> str:
    """Take the model to be asked for, as if a request had come; returns why nothing sleeps, empty where it did."""
    observation, stable, route = draft.observation, draft.status.stable, draft.observation.route
    if not observation.resource.spec.scaling.sleeps:
        return "spec.scaling.minReplicas is not 0: it never sleeps"
    if stable is None or draft.status.rollout is not None:
        return "while a revision is being rolled out nothing sleeps"
    if observation.sleep == "waking":
        return "it is waking already"
    if observation.sleep == "awake" or (_wanted(draft) > 0 and not (route is not None and route.asleep)):
        return "it is awake"
    ready = draft.ready(stable.revision) > 0
    draft.observation = replace(observation, sleep="awake" if ready else "waking")
    draft.look_in(_AGAIN)
    return ""


def woken_at(status: Status) -> float | None:
    """Return when somebody last woke the model by request, seconds since the epoch; None where nobody did."""
    done = [one for one in status.requests if one.verb == Verb.WAKE and one.outcome == "Done"]
    return max((times.moment(one.at) for one in done), default=None)


def write(draft: Draft) -> None:
    """Bring the activators into the path or out of it, and the pods of a model that sleeps to 0."""
    stable, activator = draft.status.stable, draft.observation.activator
    sleeps = draft.observation.resource.spec.scaling.sleeps
    if stable is None or (activator is None and not sleeps and not draft.observation.left):
        return
    held = _by_activator(draft)
    if (not sleeps or draft.observation.left) and not held and not _still_in_path(draft):
        draft.act(LeaveActivation())
        return
    draft.actions[:] = [replace(one, wake=held) if isinstance(one, SetWeights) else one for one in draft.actions]
    # What leads to the activators is there before the route does.
    if activator is not None:
        draft.actions.insert(0, EnsureActivation(stable.revision, held or _still_in_path(draft), held))
    woken = draft.observation.sleep == "waking" or (activator is not None and activator.gone)
    if draft.observation.frozen and woken and _wanted(draft) == 0:
        # A freeze keeps what callers have, and what they have is an answer.
        draft.act(Scale(stable.revision, draft.observation.resource.spec.scaling.floor))
    if may_go(draft):
        gone = [one for one in draft.actions if not _keeps(one, stable.revision)]
        draft.actions[:] = [*gone, *capacity.retire(draft.revision(stable.revision))]
    elif draft.observation.sleep != "awake" or held:
        draft.look_in(_AGAIN)


def may_go(draft: Draft) -> bool:
    """Return whether the last pods of a model that sleeps may go."""
    activator, route = draft.observation.activator, draft.observation.route
    if not _falls_asleep(draft) or activator is None or route is None or not route.asleep:
        return False
    if _wanted(draft) == 0:
        return not activator.gone  # those that come and go wake nobody
    if not activator.able or activator.holding or not _led(draft):
        return False
    before = next((one for one in draft.observation.resource.status.conditions if one.type == CONDITION), None)
    if before is None or before.status != "Unknown":
        return False
    return times.since(before.last_transition_time, draft.now) >= _QUIET_SECONDS


def rests(draft: Draft) -> bool:
    """Return whether the model sleeps without pods, and its next request wakes it."""
    route, activator = draft.observation.route, draft.observation.activator
    held = activator is not None and not activator.gone and route is not None and route.asleep
    return _falls_asleep(draft) and _wanted(draft) == 0 and held


def condition(draft: Draft) -> _Answer:
    """Answer whether the model sleeps; Unknown from when requests lead to the activators until the pods are gone."""
    observation = draft.observation
    if not observation.resource.spec.scaling.sleeps:
        return False, "NeverSleeps", "spec.scaling.minReplicas is more than 0"
    if observation.activator is None:
        return (
            False,
            "NoActivator",
            _NO_ACTIVATOR,
        )
    if observation.activator.problem:
        return False, "ActivatorNotReady", observation.activator.problem
    if rests(draft):
        return True, "Asleep", "no replica runs; the next request wakes the model"
    if _falls_asleep(draft) and _led(draft):
        return None, "FallingAsleep", "requests lead to the activators; the last replicas go when nothing is left"
    if observation.activator.gone and observation.sleep != "awake":
        return False, "ActivatorNotReady", "no activator is ready to hold requests: a replica starts, and stays"
    if observation.sleep == "waking":
        return False, "Waking", f"the activators hold requests until a replica is ready{stuck(draft)}"
    if observation.sleep == "asleep" and not observation.activator.able:
        return False, "ActivatorNotReady", "nobody asks for the model, and no activator is ready to hold requests"
    return False, "Awake", ""


def stuck(draft: Draft) -> str:
    """Return what the pods of a model that wakes say about not being ready, to be put behind a sentence."""
    stable = draft.status.stable
    return waiting.why(draft.revision(stable.revision)) if draft.observation.sleep == "waking" and stable else ""


def _by_activator(draft: Draft) -> bool:
    """Whether the route should lead to the activators."""
    observation, stable, activator = draft.observation, draft.status.stable, draft.observation.activator
    now = observation.route is not None and observation.route.asleep
    if stable is None:
        return False
    if activator is not None and (_falls_asleep(draft) or observation.sleep == "waking"):
        # Where they already lead there they stay: without pods nothing else could hold the requests.
        return activator.able or now
    return now and draft.ready(stable.revision) == 0


def _falls_asleep(draft: Draft) -> bool:
    if draft.observation.sleep != "asleep" or draft.status.rollout is not None:
        return False
    return not draft.observation.frozen or _wanted(draft) == 0


def _wanted(draft: Draft) -> int:
    revision = draft.revision(draft.status.stable.revision if draft.status.stable else None)
    return revision.wanted if revision is not None else 0


def _led(draft: Draft) -> bool:
    """Whether requests lead to the activators by every way, and the gateway has said so."""
    activator, route = draft.observation.activator, draft.observation.route
    return activator is not None and activator.in_path and route is not None and route.asleep and route.acknowledged


def _still_in_path(draft: Draft) -> bool:
    """Whether the activators stay behind the Service NAME although the route should lead to the pods."""
    activator, route, stable = draft.observation.activator, draft.observation.route, draft.status.stable
    if activator is None and stable is not None:
        # Those that are gone are in the way of whom the Service NAME leads to them, whatever the gateway says.
        turned = _by_name(draft) or route is None or not route.asleep
        return draft.observation.left and not (turned and draft.ready(stable.revision) > 0)
    if activator is None or not (activator.in_path or activator.led) or stable is None:
        return False
    # Where callers come by the Service NAME alone, there is no other way that has to turn first.
    turned = _by_name(draft) or (route is not None and not route.asleep and route.acknowledged)
    return not turned or draft.ready(stable.revision) == 0 or activator.holding


def _by_name(draft: Draft) -> bool:
    """Whether callers come by the Service NAME alone."""
    return draft.by_replicas or draft.observation.resource.spec.traffic.http_route is not None


def _keeps(action: Action, revision: str) -> bool:
    return isinstance(action, Scale | EnsureAutoscaler | EnsureDisruptionBudget) and action.revision == revision
