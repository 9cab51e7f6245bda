"""ModelDeployments in every state, as the API server would give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ekiben.api.status import Status
from ekiben.cli.explain.options import Commands
from ekiben.cli.seen import Seen, seen

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
COMMANDS = Commands("ekiben", "iris", "shop", " -n shop")
NAMES = {1: "bbbbbbbb", 2: "cccccccc", 3: "dddddddd", 4: "ffffffff"}
DIGEST = "sha256:" + "ab" * 32
Json = dict[str, Any]


def at(seconds: float) -> str:
    """Return a time so many seconds after (or before) now."""
    return (NOW + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def image(number: int) -> str:
    return f"registry.example.com/team/iris@{DIGEST[:-1]}{number}"


def revision(
    number: int, weight: int = 0, *, ready: int = 2, replicas: int = 2, acknowledged: int | None = None
) -> Json:
    return {
        "revision": NAMES[number],
        "number": number,
        "image": image(number),
        "replicas": replicas,
        "ready": ready,
        "weight": weight,
        "acknowledgedWeight": weight if acknowledged is None else acknowledged,
    }


def entry(number: int, outcome: str, reason: str, message: str = "", begin: float = -600, end: float = -60) -> Json:
    return {
        "revision": NAMES[number],
        "number": number,
        "image": image(number),
        "outcome": outcome,
        "reason": reason,
        "message": message,
        "startedAt": at(begin),
        "endedAt": at(end),
    }


def decision(
    seconds: float, number: int, what: str, message: str, *, reason: str = "", weight: int = 0, metrics: Any = ()
) -> Json:
    return {
        "at": at(seconds),
        "revision": NAMES[number],
        "number": number,
        "decision": what,
        "reason": reason,
        "message": message,
        "weight": weight,
        "verdict": "Unknown" if metrics else "",
        "metrics": list(metrics),
    }


def errors(canary: int, of: int, stable: int, among: int, worse: float = 0.0, fine: float = 0.0) -> Json:
    return {
        "name": "errors",
        "canaryEvents": canary,
        "canaryRequests": of,
        "stableEvents": stable,
        "stableRequests": among,
        "oddsRatio": 1.0,
        "regressed": worse,
        "notWorse": fine,
    }


def latency(canary: int, of: int, stable: int, among: int, worse: float = 0.0, fine: float = 0.0) -> Json:
    return errors(canary, of, stable, among, worse, fine) | {"name": "latency", "boundary": 0.25}


def condition(kind: str, status: bool | None, reason: str = "", message: str = "") -> Json:
    return {
        "type": kind,
        "status": "Unknown" if status is None else str(status),
        "reason": reason or kind,
        "message": message,
        "lastTransitionTime": at(-30),
        "observedGeneration": 2,
    }


def conditions(*changed: Json, serves: bool = True) -> list[Json]:
    """Return the conditions of a resource that serves, with these instead."""
    usual = [
        condition("Available", serves, "Serving", "revision 2 serves with 2 ready replicas"),
        condition("Progressing", False, "Settled", "nothing to do"),
        condition("Healthy", True if serves else None, "Healthy", "the stable revision serves"),
        condition("Promoted", False, "NotServing", "spec.model is not (yet) what gets all requests"),
        condition("RolledBack", False, "NotRolledBack"),
        condition("Paused", False, "NotPaused"),
        condition("EvidenceUsable", None, "NoRollout", "no canary is being judged"),
        condition("RouteAccepted", True, "Accepted"),
        condition("ImagePinned", True, "Digest"),
        condition("Frozen", False, "NotFrozen"),
    ]
    names = {one["type"] for one in changed}
    return [one for one in usual if one["type"] not in names] + list(changed)


POLICY: Json = {
    "strategy": "canary",
    "steps": [{"weight": 5, "duration": "60s"}, {"weight": 20, "duration": "60s"}, {"weight": 50, "duration": "60s"}],
}


def rollout(number: int = 3, state: str = "Step", step: int = 1, **more: Any) -> Json:
    return {
        "revision": NAMES[number],
        "state": state,
        "step": step,
        "policy": POLICY,
        "startedAt": at(-150),
        "trafficSince": at(-120),
        "stepSince": at(-20),
        "stableFloor": 2,
        **more,
    }


def resource(status: Json, spec: Json | None = None, **metadata: Any) -> Json:
    return {
        "apiVersion": "ekiben.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": "iris",
            "namespace": "shop",
            "uid": "11111111-1111-1111-1111-111111111111",
            "generation": 2,
            "resourceVersion": "7",
            **metadata,
        },
        "spec": {"model": {"image": image(3)}, **(spec or {})},
        "status": {"observedGeneration": 2, "conditions": conditions(), **status} if status else {},
    }


SERVED = [
    entry(1, "Promoted", "FirstRevision", begin=-7200, end=-7100),
    entry(2, "Promoted", "NotWorse", begin=-3600, end=-3000),
]
BEGUN = [
    decision(-150, 3, "RolloutStarted", "starting revision 3 (dddddddd) of the image, strategy canary"),
    decision(-120, 3, "WeightRaised", "step 1 of 3: revision 3 (dddddddd) gets 5 %", weight=5),
    decision(
        -25,
        3,
        "WeightRaised",
        "step 2 of 3: revision 3 (dddddddd) gets 20 %",
        weight=20,
        metrics=[errors(0, 320, 2, 6080, 0.03, 0.31)],
    ),
]
VERDICT = {
    "verdict": "Unknown",
    "message": "errors: so and so",
    "metrics": [errors(3, 1204, 12, 4816, 0.12, 0.64), latency(118, 1201, 470, 4804, 0.0, 0.41)],
}


def canary(state: str = "Step", step: int = 1, weight: int = 20, phase: str = "Canary", **more: Any) -> Json:
    """Return a status with a rollout of revision 3 against revision 2."""
    held = more.pop("conditions", None)
    running = more.pop("rollout", {})
    progressing = condition("Progressing", True, state, f"revision 3: {weight} % of the requests")
    return {
        "phase": phase,
        "conditions": conditions(*(held or [progressing])),
        "stable": revision(2, 100 - weight),
        "canary": revision(3, weight, replicas=1, ready=1),
        "rollout": rollout(state=state, step=step, **running),
        "history": SERVED,
        "decisions": BEGUN,
        "verdict": VERDICT,
        "url": "http://iris.shop.example.com/",
        **more,
    }


def ended(outcome: str, reason: str, message: str = "", *, weight: int = 20, metrics: Any = (), **more: Any) -> Json:
    """Return a status after a rollout of revision 3 against revision 2."""
    promoted = outcome == "Promoted"
    last = "Promoted" if promoted else "RollingBack"
    told = [
        decision(-70, 3, last, message or reason, reason=reason, weight=100 if promoted else weight, metrics=metrics)
    ]
    serving = 3 if promoted else 2
    rejected = {"rejectedRevision": NAMES[3]} if outcome == "RolledBack" else {}
    return {
        "phase": "Stable",
        "conditions": conditions(
            condition("Promoted", promoted, "Serving" if promoted else "NotServing"),
            condition("RolledBack", outcome == "RolledBack", reason, message),
            condition(
                "Progressing",
                False,
                "RolledBack" if rejected else "Settled",
                "dddddddd was rolled back" if rejected else "nothing to do",
            ),
        ),
        "stable": revision(serving, 100),
        "history": [*SERVED, entry(3, outcome, reason, message, begin=-150, end=-60)],
        "decisions": [*BEGUN, *told],
        "url": "http://iris.shop.example.com/",
        **rejected,
        **more,
    }


def first(phase: str = "Pending", reason: str = "", message: str = "") -> Json:
    """Return a status while the first revision starts."""
    return {
        "phase": phase,
        "conditions": conditions(
            condition("Progressing", phase == "Pending", reason or "First", message),
            condition("Healthy", False if reason else None, reason or "Starting", message),
            serves=False,
        ),
        "canary": revision(1, ready=0),
        "rollout": rollout(
            1, "First", 0, reason=reason, message=message, trafficSince=None, stepSince=None, deadline=at(400)
        ),
        "decisions": [decision(-150, 1, "RevisionCreated", "starting the first revision, bbbbbbbb, of the image")],
    }


def held(reason: str, message: str, kind: str = "Paused", **more: Any) -> Json:
    """Return a status in which the rollout holds."""
    progressing = condition("Progressing", True, reason, message)
    return canary(
        phase="Paused" if kind == "Paused" else "Canary",
        conditions=[progressing, condition(kind, kind == "Paused", reason, message)],
        **more,
    )


APPROVAL = POLICY | {"steps": [*POLICY["steps"][:1], POLICY["steps"][1] | {"approval": True}, *POLICY["steps"][2:]]}
WORSE = [errors(61, 1204, 12, 4816, 1.04, 0.0), latency(118, 1201, 470, 4804, 0.0, 0.41)]
FINE = [errors(3, 4204, 12, 4816, 0.0, 1.2), latency(418, 4201, 470, 4804, 0.0, 1.01)]

STATES: dict[str, Json] = {
    "nothing": resource({}),
    "first-pending": resource(first()),
    "first-failed": resource(
        first("Failed", "Crashed", "pod iris-bbbbbbbb-x stopped with exit code 1 and was restarted 3 times")
    ),
    "first-serves": resource(
        {
            "phase": "Stable",
            "conditions": conditions(condition("Promoted", True, "Serving")),
            "stable": revision(1, 100),
            "history": SERVED[:1],
            "decisions": [decision(-7200, 1, "RevisionCreated", "starting the first revision, bbbbbbbb, of the image")],
        }
    ),
    "starting": resource(
        canary(
            "Starting",
            0,
            0,
            "Starting",
            canary=revision(3, 0, replicas=1, ready=0),
            rollout={"trafficSince": None, "stepSince": None, "waitingSince": at(-150), "deadline": at(450)},
            decisions=BEGUN[:1],
            verdict=None,
        )
    ),
    "step": resource(canary(rollout={"nextLook": at(40), "deadline": at(3480)})),
    "awaiting-verdict": resource(
        held(
            "AwaitingVerdict",
            "the canary gets 50 %: there is not enough evidence yet to say that it is not worse",
            "EvidenceUsable",
            step=2,
            weight=50,
            rollout={"deadline": at(3480)},
        )
        | {"phase": "Canary"}
    ),
    "no-traffic": resource(
        held(
            "NoTraffic",
            "no request reached the canary in the last 60 s",
            "EvidenceUsable",
            rollout={"deadline": at(3480)},
        )
    ),
    "paused-by-request": resource(
        held("Paused", "somebody asked for a pause: `ekiben resume` ends it", paused=True), {"rollout": {}}
    ),
    "paused-by-spec": resource(held("Paused", "spec.rollout.paused is true"), {"rollout": {"paused": True}}),
    "awaiting-approval": resource(
        held(
            "AwaitingApproval", "waits for approval: `ekiben approve iris` lets it go on", rollout={"policy": APPROVAL}
        )
    ),
    "late": resource(
        held(
            "ProgressDeadlineExceeded",
            "not ready after 10m: pod iris-v2-a finds no node (0/3 nodes are available: insufficient memory); it goes "
            "on once its pods are ready, and `ekiben abort iris` rolls it back",
        )
    ),
    "inconclusive": resource(
        held("Inconclusive", "no verdict within 1h: the canary gets 20 %: there is not enough evidence yet")
    ),
    "stable-unavailable": resource(
        held(
            "StableUnavailable",
            "the stable revision has no ready replica: the rollout holds until it has one",
            "EvidenceUsable",
        )
        | {"stable": revision(2, 80, ready=0)}
    ),
    "frozen": resource(
        canary(
            conditions=[
                condition("Progressing", True, "Frozen", "the namespace's annotation ekiben.dev/freeze says: sale"),
                condition(
                    "Frozen", True, "Frozen", "nothing moves: the namespace's annotation ekiben.dev/freeze says: sale"
                ),
            ]
        )
    ),
    "by-replicas": resource(
        canary(canary=revision(3, 20, ready=1, replicas=1, acknowledged=33)), {"traffic": {"provider": "replicaRatio"}}
    ),
    "preview": resource(
        canary(
            "Preview",
            0,
            0,
            "Preview",
            rollout={"policy": {"strategy": "blueGreen", "blueGreen": {"duration": "60s"}}, "nextLook": at(20)},
        )
    ),
    "shadow": resource(
        canary("Shadow", 0, 0, "Shadow", rollout={"policy": {"strategy": "shadow"}, "deadline": at(3000)})
    ),
    "replacing": resource(
        canary(
            "Replacing",
            0,
            0,
            "Replacing",
            canary=revision(3, 0, ready=0),
            rollout={"policy": {"strategy": "recreate"}, "deadline": at(300)},
        )
    ),
    "promoting": resource(
        canary("Promoting", 2, 50, "Promoting", rollout={"reason": "NotWorse", "message": "errors: fine"})
    ),
    "promoting-by-hand": resource(
        canary(
            "Promoting",
            1,
            20,
            "Promoting",
            rollout={"reason": "Requested", "message": "asked for by request abc", "direct": True},
        )
    ),
    "rolling-back": resource(
        canary(
            "RollingBack",
            1,
            0,
            "RollingBack",
            rollout={"reason": "ErrorRateRegressed", "message": "errors: 61 of 1,204"},
            rejectedRevision=NAMES[3],
            verdict={"verdict": "Regressed", "message": "errors", "metrics": WORSE},
        )
    ),
    "promoted": resource(
        ended("Promoted", "NotWorse", "errors: fine", metrics=FINE, former=revision(2), formerUntil=at(400))
    ),
    "rolled-back-errors": resource(ended("RolledBack", "ErrorRateRegressed", "errors: 61 of 1,204", metrics=WORSE)),
    "rolled-back-latency": resource(ended("RolledBack", "LatencyRegressed", "latency: slower", metrics=WORSE)),
    "rolled-back-objective": resource(
        ended("RolledBack", "ObjectiveMissed", "errors: 2 % of the requests fail, the objective is 1 %")
    ),
    "rolled-back-crash": resource(
        ended(
            "RolledBack", "Crashed", "pod iris-dddddddd-x stopped with exit code 1 and was restarted 2 times", weight=0
        )
        | {"decisions": [BEGUN[0], decision(-70, 3, "RollingBack", "it crashed")]}
    ),
    "rolled-back-pull": resource(
        ended("RolledBack", "ImagePullFailed", "pod iris-dddddddd-x cannot pull its image: not found", weight=0)
    ),
    "rolled-back-memory": resource(ended("RolledBack", "OutOfMemory", "pod iris-dddddddd-x was killed")),
    "rolled-back-late": resource(ended("RolledBack", "ProgressDeadlineExceeded", "not ready after 10m", weight=0)),
    "rolled-back-inconclusive": resource(ended("RolledBack", "Inconclusive", "no verdict within 1h")),
    "aborted": resource(ended("RolledBack", "Aborted", "asked for by request abc")),
    "superseded": resource(ended("Superseded", "Superseded", "another revision is asked for")),
    "cancelled": resource(ended("Cancelled", "Cancelled", "the stable revision is asked for again")),
    "bake-failed": resource(
        ended("RolledBack", "BakeFailed", "Crashed: pod iris-dddddddd-x stopped with exit code 1")
        | {"pinned": {"revision": NAMES[2], "number": 2, "image": image(2), "insteadOf": NAMES[3]}}
    ),
    "undone": resource(
        ended("Undone", "Undo", "asked for by request abc")
        | {
            "pinned": {"revision": NAMES[2], "number": 2, "image": image(2), "insteadOf": NAMES[3]},
            "conditions": conditions(
                condition("Promoted", False, "Pinned", "revision 2 (cccccccc) serves instead, until spec.model changes")
            ),
            "history": [
                *SERVED,
                entry(3, "Promoted", "NotWorse", begin=-1200, end=-900),
                entry(3, "Undone", "Undo", "asked for by request abc", begin=-150, end=-60),
            ],
            "decisions": [
                decision(
                    -150, 2, "GoingBack", "back to revision 2 (cccccccc) without steps: as was asked for", weight=0
                )
            ],
        }
    ),
    "degraded": resource(
        ended("Promoted", "NotWorse")
        | {
            "phase": "Degraded",
            "conditions": [
                *conditions(condition("Promoted", True)),
                condition("Degraded", True, "Forbidden", "exceeded quota"),
            ],
        }
    ),
    "stable-down": resource(
        ended("Promoted", "NotWorse")
        | {
            "stable": revision(3, 100, ready=0),
            "conditions": conditions(
                condition("Promoted", True),
                condition("Available", False, "NoReplicaReady", "revision 3 has no ready replica"),
                condition("Healthy", False, "StableUnavailable", "the stable revision has no ready replica"),
            ),
        }
    ),
    "waiting-paused": resource(
        ended("Promoted", "NotWorse")
        | {
            "phase": "Paused",
            "paused": True,
            "conditions": conditions(
                condition(
                    "Paused",
                    True,
                    "Paused",
                    "somebody asked for a pause: `ekiben resume` ends it: the new revision waits",
                ),
                condition("Progressing", False, "Paused", "the new revision waits"),
            ),
        }
    ),
    "spec-changed": resource(ended("Promoted", "NotWorse"), generation=3),
}


def one(name: str) -> Seen:
    """Return a state as the command line reads it."""
    return seen(STATES[name])


def status(name: str) -> Status:
    return one(name).status
