"""The rollout, live: weights, requests, error rates, evidence, phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .load import Answer, by_model
from .watch import Sight

_EVERY = 0.5
_PLAIN_EVERY = 5.0
_SPAN = 5.0
"""Seconds that the figures of the live view look back."""

State = Callable[[], tuple[str, Sight, Sequence[Answer]]]
"""Gives the heading, the latest sight, and every answer so far."""


async def show(console: Console, state: State) -> None:
    """Show the rollout until cancelled: a live panel on a terminal, a line now and then elsewhere."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while True:
                live.update(panel(*state(), asyncio.get_running_loop().time()))
                await asyncio.sleep(_EVERY)
    last = ""
    spoke = 0.0
    while True:
        _, sight, answers = state()
        now = asyncio.get_running_loop().time()
        text = line(sight, recent(answers, now))
        if _head(sight) != last or now - spoke >= _PLAIN_EVERY:
            console.print(text, highlight=False, soft_wrap=True)
            last, spoke = _head(sight), now
        await asyncio.sleep(_EVERY)


def recent(answers: Sequence[Answer], now: float) -> list[Answer]:
    """Return the answers to requests of the last seconds."""
    found: list[Answer] = []
    # Answers arrive nearly in the order of their times; a little slack finds the stragglers.
    for answer in reversed(answers):
        if answer.at < now - 2 * _SPAN:
            break
        if answer.at >= now - _SPAN:
            found.append(answer)
    return found


def _head(sight: Sight) -> str:
    return f"{sight.phase} {sight.weights} {_verdict(sight)}"


def _verdict(sight: Sight) -> str:
    return str((sight.status.get("verdict") or {}).get("verdict", "")) if sight.status.get("rollout") else ""


def line(sight: Sight, answers: Sequence[Answer]) -> str:
    """Return the rollout as one line of text."""
    counts = by_model(answers)
    traffic = "  ".join(
        f"{model or 'no model'}: {count.requests / _SPAN:.0f}/s, {count.failed / count.requests:.1%} errors, "
        f"p95 {count.p95 * 1000:.0f} ms"
        for model, count in counts.items()
    )
    weights = "/".join(str(weight) for weight in sight.weights.values()) or "-"
    verdict = f"  [{_verdict(sight)}]" if _verdict(sight) else ""
    return f"    {sight.phase or '-':12} weights {weights:7}{verdict}  {traffic}"


def panel(heading: str, sight: Sight, answers: Sequence[Answer], now: float) -> Panel:
    """Return the rollout as a panel."""
    parts: list[Any] = [_revisions(sight), Text(), _traffic(recent(answers, now))]
    evidence = _evidence(sight)
    if evidence is not None:
        parts += [Text(), evidence]
    status, reason, message = sight.condition("Progressing")
    if status == "True":
        parts.append(Text(f"{reason}: {message}", style="dim"))
    return Panel(Group(*parts), title=heading, subtitle=sight.phase or None, border_style="cyan")


def _revisions(sight: Sight) -> Table:
    table = Table.grid(padding=(0, 2))
    for role in ("stable", "canary"):
        one = sight.status.get(role)
        if one is None:
            continue
        weight = sight.weights.get(one["revision"], 0)
        table.add_row(
            role,
            f"revision {one.get('number', 0)}",
            f"{one.get('ready', 0)}/{one.get('replicas', 0)} ready",
            ProgressBar(total=100, completed=weight, width=40),
            f"{weight} %",
        )
    return table


def _traffic(answers: Sequence[Answer]) -> Table:
    table = Table("model", "requests/s", "errors", "p50", "p95", box=None, padding=(0, 2))
    for model, count in by_model(answers).items():
        share = count.failed / count.requests
        table.add_row(
            model or "none",
            f"{count.requests / _SPAN:.0f}",
            Text(f"{share:.1%}", style="red" if share > 0 else "green"),
            f"{count.p50 * 1000:.0f} ms",
            f"{count.p95 * 1000:.0f} ms",
        )
    return table


def _evidence(sight: Sight) -> Table | None:
    verdict = sight.status.get("verdict")
    if not verdict or not sight.status.get("rollout"):
        return None
    table = Table("evidence", "regressed", "", "not worse", "", box=None, padding=(0, 2))
    for metric in verdict.get("metrics", ()):
        regressed, better = metric.get("regressed", 0.0), metric.get("notWorse", 0.0)
        table.add_row(
            metric["name"],
            ProgressBar(total=1.0, completed=max(0.0, min(1.0, regressed)), width=20, complete_style="red"),
            f"{max(0.0, regressed):.0%}",
            ProgressBar(total=1.0, completed=max(0.0, min(1.0, better)), width=20, complete_style="green"),
            f"{max(0.0, better):.0%}",
        )
    return table
