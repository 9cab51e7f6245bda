"""Which steps are left only with somebody's approval."""

from __future__ import annotations

from ekiben.api.rollout import BlueGreen, Rollout, Shadow, Step, Strategy
from ekiben.api.status import RolloutStatus, Status

NOT_WORSE_ABOVE = 50
"""Above this share, in per cent, the canary carries the service, so that "nothing regressed" is not enough."""
AWAITED = "AwaitingApproval"
"""The reason of the condition Paused while nothing but the approval is missing."""


def present(policy: Rollout, running: RolloutStatus) -> Step:
    """Return the step that a canary is at."""
    return policy.steps[min(running.step, len(policy.steps) - 1)]


def following(policy: Rollout, running: RolloutStatus) -> int:
    """Return the weight that comes after the present step; after the last one it is 100."""
    return 100 if running.step + 1 >= len(policy.steps) else policy.steps[running.step + 1].weight


def needed(policy: Rollout, running: RolloutStatus) -> bool:
    """Return whether the present step, preview or shadow is left only with approval.

    So is a step of weight 0 before more than half of the requests, whatever the policy says: it yields no evidence, and
    somebody has to answer for what it would have said.
    """
    if policy.strategy is Strategy.BLUE_GREEN:
        return (policy.blue_green or BlueGreen()).approval
    if policy.strategy is Strategy.SHADOW:
        return (policy.shadow or Shadow()).approval
    return _asked(policy, running.step)


def awaited(status: Status) -> bool:
    """Return whether the last look found that nothing but the approval was missing."""
    paused = next((one for one in status.conditions if one.type == "Paused"), None)
    return paused is not None and (paused.status, paused.reason) == ("True", AWAITED)


def repeatable(policy: Rollout, running: RolloutStatus) -> bool:
    """Return whether an approval that names no step may be meant for one before the present step, as a repeated one is.

    So it is wherever an earlier step asked for approval, and somebody gave it or skipped it.
    """
    return policy.strategy is Strategy.CANARY and any(_asked(policy, index) for index in range(running.step))


def _asked(policy: Rollout, index: int) -> bool:
    step, after = policy.steps[min(index, len(policy.steps) - 1)], index + 1
    following = policy.steps[after].weight if after < len(policy.steps) else 100
    return step.approval or (step.weight == 0 and following > NOT_WORSE_ABOVE)
