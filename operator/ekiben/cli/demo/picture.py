"""A chart of the demo: who got the requests, what failed, how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .acts import Outcome
from .load import Answer

_COLOURS = {"v1": "#7a7a7a", "v2": "#1b7837", "v3": "#c51b1b", "v4": "#d98a00"}


def draw(file: Path, begun: Sequence[float], outcomes: Sequence[Outcome], answers: Sequence[Answer]) -> None:
    """Write the chart.

    Args:
        file: where to; its ending gives the format.
        begun: when each act began; seconds on the event loop's clock.
        outcomes: how the acts ended.
        answers: every answer of the load.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    origin = min((answer.at for answer in answers), default=begun[0] if begun else 0.0)
    figure, (share, errors, latency) = plt.subplots(3, 1, figsize=(11, 7), sharex=True, layout="constrained")
    models = sorted({answer.model for answer in answers if answer.model})
    end = max((answer.at for answer in answers), default=origin)
    edges = [float(second) for second in range(int(end - origin) + 2)]
    for model in models:
        mine = [answer for answer in answers if answer.model == model]
        rows = [_second(mine, answers, origin + edge) for edge in edges]
        colour = _COLOURS.get(model, "#2166ac")
        share.plot(edges, [row[0] for row in rows], color=colour, label=model, linewidth=1.6)
        errors.plot(edges, [row[1] for row in rows], color=colour, linewidth=1.2)
        latency.plot(edges, [row[2] for row in rows], color=colour, linewidth=1.2)
    share.set_ylabel("share of requests, %")
    errors.set_ylabel("answers that are errors, %")
    latency.set_ylabel("p95 latency, ms")
    latency.set_yscale("log")
    latency.set_xlabel("seconds since the load began")
    share.legend(loc="center right", title="revision")
    share.set_title("Four revisions under steady load: promoted or rolled back by evidence")
    for moment, one in zip(begun, outcomes, strict=False):
        at = moment - origin
        for axis in (share, errors, latency):
            axis.axvline(max(0.0, at), color="#999999", linestyle=":", linewidth=1)
        share.text(max(0.0, at) + 0.5, 103, f"{one.act.version}: {_word(one)}", fontsize=8, va="bottom")
    share.set_ylim(-3, 115)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    plt.close(figure)


def _word(one: Outcome) -> str:
    return "promoted" if one.act.condition == "Promoted" and one.reached else one.reason or "?"


def _second(mine: Sequence[Answer], everybody: Sequence[Answer], start: float) -> tuple[float, float, float]:
    """Return the share, error share (both per cent) and p95 latency (ms) of one second; NaN where there is none."""
    here = [answer for answer in mine if start <= answer.at < start + 1]
    total = sum(1 for answer in everybody if start <= answer.at < start + 1)
    if not total:
        return float("nan"), float("nan"), float("nan")
    if not here:
        return 0.0, float("nan"), float("nan")
    slowest = sorted(answer.seconds for answer in here)[int((len(here) - 1) * 0.95)]
    return 100 * len(here) / total, 100 * sum(one.failed for one in here) / len(here), 1000 * slowest
