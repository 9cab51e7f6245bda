"""One line a resource."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.api.status import RevisionStatus
from ekiben.cli import asleep, words
from ekiben.cli.episodes import chosen
from ekiben.cli.seen import Seen

COLOURS = {
    "Stable": "green",
    "Failed": "red",
    "Degraded": "red",
    "RollingBack": "red",
    "Paused": "yellow",
    "Replacing": "yellow",
}
_COLUMNS = ("NAMESPACE", "NAME", "PHASE", "STABLE", "READY", "CANARY", "WEIGHT", "VERDICT", "URL")
_WIDE = ("STEP", "LAST ROLLOUT", "ENDED", "IMAGE")


def overview(items: list[Seen], now: float, *, wide: bool = False) -> RenderableType:
    """Return one line a resource; `wide` adds the step, the last rollout and the image."""
    if not items:
        return Text("No ModelDeployment here.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (*_COLUMNS, *(_WIDE if wide else ())):
        table.add_column(column, no_wrap=True)
    for one in items:
        state = one.status
        cells: list[RenderableType] = [
            one.namespace,
            one.name,
            phase(state.phase.value),
            _name(state.stable),
            _ready(state.stable, asleep.state(one)),
            _name(state.canary),
            f"{state.canary.weight} %" if state.canary else "-",
            state.verdict.verdict if state.verdict and state.rollout else "-",
            state.url or "-",
        ]
        table.add_row(*cells, *(_more(one, now) if wide else ()))
    return table


def phase(name: str) -> Text:
    """Return a phase in its colour."""
    return Text(name, style=COLOURS.get(name, "cyan"))


def _more(one: Seen, now: float) -> list[str]:
    running, policy = one.status.rollout, one.policy
    steps = f"{running.step + 1} of {len(policy.steps)}" if running and policy and running.state == "Step" else "-"
    last = chosen(one.status)
    ended = words.until(last.ended_at, now) if last and last.ended_at else "-"
    taking_part = one.status.canary or one.status.stable
    image = words.short_image(taking_part.image) if taking_part else "-"
    return [steps, f"{last.outcome} {last.reason}".strip() if last else "-", ended, image]


def _name(one: RevisionStatus | None) -> str:
    return f"{one.number} {one.revision}" if one else "-"


def _ready(one: RevisionStatus | None, sleeps: asleep.State) -> str:
    if one is None:
        return "-"
    return f"{one.ready}/{one.replicas}" + (f" {sleeps}" if sleeps and one.ready == 0 else "")
