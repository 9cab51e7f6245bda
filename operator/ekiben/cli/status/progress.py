"""Where a rollout stands on its way: the steps, and how much of the present one has passed."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from ekiben.api.base import seconds
from ekiben.api.rollout import BlueGreen, Rollout, Shadow, Strategy
from ekiben.api.status import RolloutStatus
from ekiben.cli import words
from ekiben.cli.bars import bar
from ekiben.cli.seen import Seen

_WIDTH = 32
_ARROW = " ━━ "
_STAGES = {
    Strategy.BLUE_GREEN: (("starting", ("Starting",)), ("preview", ("Preview",)), ("all requests", ("Promoting",))),
    Strategy.SHADOW: (("starting", ("Starting",)), ("shadow", ("Shadow",)), ("all requests", ("Promoting",))),
    Strategy.RECREATE: (("old pods go", ("Clearing",)), ("new pods start", ("Replacing",)), ("all requests", ())),
}
_BACK = ("RollingBack", "Restoring")


@dataclass(frozen=True)
class Clock:
    """The time of a step, preview or shadow."""

    passed: float
    lasts: float

    @property
    def share(self) -> float:
        """How much of it has passed, 0 to 1."""
        return min(1.0, self.passed / self.lasts) if self.lasts > 0 else 1.0


def track(seen: Seen) -> Text | None:
    """Return the way as one line: what is behind, where it is, what lies ahead; None without a rollout."""
    running, policy = seen.status.rollout, seen.policy
    if running is None or running.state == "First":
        return None
    if running.state in _BACK:
        return Text("✘ taken out: its weight goes to 0, then its pods go", style="red")
    if policy is None or (running.direct and running.state == "Promoting"):
        return Text("● all requests, without steps", style="bold cyan")
    stages, here = _stages(policy, running)
    return Text.assemble(*_joined([_stage(name, index, here) for index, name in enumerate(stages)]))


def clock(seen: Seen, now: float) -> Clock | None:
    """Return how much of the present step's time has passed; None where none runs."""
    running, policy = seen.status.rollout, seen.policy
    if running is None or policy is None or running.step_since is None:
        return None
    if running.state == "Step":
        lasts = policy.steps[min(running.step, len(policy.steps) - 1)].duration
    elif running.state == "Preview":
        lasts = (policy.blue_green or BlueGreen()).duration
    elif running.state == "Shadow":
        lasts = (policy.shadow or Shadow()).duration
    else:
        return None
    until = now if running.still_since is None else words.moment(running.still_since)
    return Clock(max(0.0, until - words.moment(running.step_since)), seconds(lasts))


def clock_bar(one: Clock) -> Text:
    """Return it as a bar with its figures."""
    passed = min(one.passed, one.lasts)
    text = bar(one.share, _WIDTH, "cyan")
    over = "  its time is over" if one.share >= 1 else f"  {words.span(passed)} of {words.span(one.lasts)}"
    return text.append(over, style="default")


def _stages(policy: Rollout, running: RolloutStatus) -> tuple[list[str], int]:
    """Return the names of the stages and the index of the present one."""
    if policy.strategy is Strategy.CANARY:
        names = [f"{step.weight} %" + (" with approval" if step.approval else "") for step in policy.steps] + ["100 %"]
        if running.state == "Promoting":
            return names, len(names) - 1
        return names, running.step if running.state == "Step" else -1
    stages = _STAGES[policy.strategy]
    here = next((index for index, (_, states) in enumerate(stages) if running.state in states), -1)
    return [name for name, _ in stages], here


def _joined(stages: list[Text]) -> list[Text]:
    arrow = Text(_ARROW, style="dim")
    return [part for stage in stages for part in (arrow, stage)][1:]


def _stage(name: str, index: int, here: int) -> Text:
    if index < here:
        return Text(f"✔ {name}", style="green")
    return Text(f"● {name}", style="bold cyan") if index == here else Text(f"○ {name}", style="dim")
