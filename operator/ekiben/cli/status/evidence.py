"""The evidence as bars."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.api.status import MetricEvidence
from ekiben.cli import words
from ekiben.cli.bars import bar
from ekiben.cli.explain.figures import seconds
from ekiben.cli.fit import Fit
from ekiben.cli.seen import Seen

_WIDTH = 16
_ROOMY = 100


def table(seen: Seen) -> RenderableType | None:
    """Return one line a metric: counts of both revisions, and how far the evidence has come; None without any."""
    verdict = seen.status.verdict
    metrics = [one for one in verdict.metrics if one.canary_requests or one.stable_requests] if verdict else []
    if verdict is None or not metrics:
        return None
    return Fit(lambda width: _table(metrics, _WIDTH if width >= _ROOMY else _WIDTH // 2))


def _table(metrics: list[MetricEvidence], width: int) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for column in ("", "canary", "", "stable", "", "worse", "", "not worse", ""):
        shown.add_column(column, justify="left" if column in ("", "worse", "not worse") else "right", no_wrap=True)
    for one in metrics:
        shown.add_row(
            Text(_name(one), style="bold"),
            f"{one.canary_events:,}/{one.canary_requests:,}",
            Text(words.share(one.canary_events, one.canary_requests), style="dim"),
            f"{one.stable_events:,}/{one.stable_requests:,}",
            Text(words.share(one.stable_events, one.stable_requests), style="dim"),
            bar(one.regressed, width, "red"),
            _share(one.regressed, "red"),
            bar(one.not_worse, width, "green"),
            _share(one.not_worse, "green"),
        )
    return shown


def _name(one: MetricEvidence) -> str:
    return f"over {seconds(one.boundary)}" if one.boundary else one.name


def _share(value: float, colour: str) -> Text:
    return Text(words.evidence(value), style=f"bold {colour}" if value >= 1 else "default")
