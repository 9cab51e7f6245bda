"""Evidence over time: a chart for the terminal, and one as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from ekiben.cli import words
from ekiben.signals.replay import Look

_LEVELS = " ▁▂▃▄▅▆▇█"
_LABEL = 22
_VALUE = 7
_NARROWEST = 10
_COLOURS = {"errors": "#c51b1b", "latency": "#d98a00", "rejected": "#7b3294"}
_OTHERS = ("#2166ac", "#1b7837", "#7a7a7a", "#b35806")


def terminal(found: Sequence[Look], width: int) -> RenderableType:
    """Return one line for the weight and two for each metric, as wide as the terminal."""
    columns = max(_NARROWEST, width - _LABEL - _VALUE)
    rows = [_row("canary's share", [one.weight / 100 for one in found], columns, "cyan", f"{_peak(found):.3g} %")]
    for name in metric_names(found):
        worse, fine = _series(found, name)
        rows.append(_row(f"{name}: regressed", worse, columns, "red", words.evidence(worse[-1])))
        rows.append(_row(f"{name}: not worse", fine, columns, "green", words.evidence(fine[-1])))
    begin, end = (words.clock(words.written(one.at), found[-1].at) for one in (found[0], found[-1]))
    scale = Text(f"{'':{_LABEL}}{begin}{end:>{max(0, columns - len(begin))}}", style="bright_black")
    return Group(*rows, scale)


def picture(found: Sequence[Look], title: str, file: Path) -> None:
    """Write a picture: the canary's share above, below the evidence of each metric against what decides."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import dates
    from matplotlib import pyplot as plt

    times = [datetime.fromtimestamp(one.at, UTC) for one in found]
    figure, (share, evidence) = plt.subplots(
        2, 1, figsize=(11, 6), sharex=True, layout="constrained", height_ratios=(1, 3)
    )
    share.step(times, [one.weight for one in found], where="post", color="#2166ac")
    share.set_ylabel("canary's share, %")
    share.set_ylim(bottom=0)
    share.set_title(title)
    for rank, name in enumerate(metric_names(found)):
        colour = _COLOURS.get(name, _OTHERS[rank % len(_OTHERS)])
        worse, fine = _series(found, name)
        evidence.plot(times, worse, color=colour, label=f"{name}: regressed", linewidth=1.6)
        evidence.plot(times, fine, color=colour, label=f"{name}: not worse", linewidth=1.2, linestyle="--")
    evidence.axhline(1, color="#444444", linestyle=":", linewidth=1)
    for begin, end in _troubled(found):
        evidence.axvspan(times[begin], times[end], color="#eeeeee")
    evidence.set_ylabel("evidence; 1 decides")
    evidence.set_xlabel("time, UTC")
    evidence.set_ylim(bottom=0)
    evidence.legend(loc="upper left")
    evidence.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))  # type: ignore[no-untyped-call]
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def metric_names(found: Sequence[Look]) -> list[str]:
    """Return the names of all metrics, in the order in which they were met."""
    return list(dict.fromkeys(metric.name for one in found for metric in one.evidence.metrics))


def _series(found: Sequence[Look], name: str) -> tuple[list[float], list[float]]:
    """Return the evidence for "regressed" and for "not worse" at each look; 0 before there was any."""
    metrics = [next((metric for metric in one.evidence.metrics if metric.name == name), None) for one in found]
    return [one.regressed if one else 0.0 for one in metrics], [one.not_worse if one else 0.0 for one in metrics]


def _row(label: str, values: Sequence[float], columns: int, colour: str, shown: str) -> Text:
    count = len(values)
    bins = ((count * n // columns, max(count * (n + 1) // columns, count * n // columns + 1)) for n in range(columns))
    marks = "".join(_LEVELS[_level(max(values[first:last]))] for first, last in bins)
    return Text.assemble(f"{label:<{_LABEL}.{_LABEL - 1}}", (f"{marks:<{columns}}", colour), f"{shown:>{_VALUE}}")


def _level(value: float) -> int:
    # The full block is for what decides, and anything above nothing shows.
    if value >= 1:
        return len(_LEVELS) - 1
    return min(len(_LEVELS) - 2, 1 + int(value * (len(_LEVELS) - 2))) if value > 0 else 0


def _peak(found: Sequence[Look]) -> float:
    return max(one.weight for one in found)


def _troubled(found: Sequence[Look]) -> list[tuple[int, int]]:
    """Return (first, last) of the looks in a row at which the evidence could not be used."""
    spans = []
    for bad, group in groupby(range(len(found)), key=lambda n: bool(found[n].evidence.problem)):
        members = list(group)
        if bad:
            spans.append((members[0], members[-1]))
    return spans
