"""The picture of the bench: false rollbacks beside the time that a regression takes to be found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench.look import INK, LOOK

from .compare import JUDGES, ORACLE, OURS, Case, Slow, Times

_COLOURS = {"Argo": "#d98a00", "Flagger": "#b2182b", "Kayenta": "#2166ac", OURS: "#1b7837", ORACLE: "#888888"}

Compared = Sequence[tuple[Case | Slow, Times]]


def draw(file: Path, healthy: Compared, worse: Compared, hours: float) -> None:
    """Write the picture.

    Args:
        file: where to; its ending gives the format.
        healthy: what each judge did where the canary was no worse.
        worse: and where it was.
        hours: how long each stream is.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context(LOOK):
        rows = max(len(_names(healthy)), len(_names(worse)))
        figure, (left, right) = plt.subplots(1, 2, figsize=(14, 1.6 + 0.36 * rows), layout="constrained")
        _dots(left, healthy, lambda found: 100 * float(np.isfinite(found).mean()))
        left.set_xscale("symlog", linthresh=1, linscale=0.6)
        left.set_xlim(-0.05, 130)
        left.set_xticks([0, 1, 10, 100], ["0", "1 %", "10 %", "100 %"])
        left.axvline(1, color=INK, linewidth=0.8, linestyle=":", label="falseRollback")
        left.set_title("The canary is no worse: gone back from")
        _dots(right, worse, lambda found: min(float(np.median(found)), 3600 * hours))
        right.set_xscale("log")
        right.set_xlim(2, 5000)
        right.set_xticks(
            [3, 10, 30, 100, 300, 1000, 3600], ["3 s", "10 s", "30 s", "100 s", "5 min", "17 min", "never"]
        )
        right.minorticks_off()
        right.set_title("The canary is worse: median time to find it")
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=len(JUDGES) + 1, frameon=False
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
        plt.close(figure)


def _names(results: Compared) -> list[str]:
    return [
        case.latency.name if isinstance(case, Slow) else f"{case.family.name}, {100 * case.p0:g} %{_odds(case)}"
        for case, _ in results
    ]


def _odds(case: Case) -> str:
    return f", odds x {case.odds:g}" if case.odds > 1 else ""


def _dots(axis: Any, results: Compared, of: Any) -> None:
    names = _names(results)
    for index, judge in enumerate(name for name in (*_COLOURS,) if name in JUDGES):
        rows = [(row, of(times[judge])) for row, (_, times) in enumerate(results) if judge in times]
        offset = (index - 2) * 0.13
        axis.scatter(
            [value for _, value in rows],
            [row + offset for row, _ in rows],
            s=34 if judge == OURS else 22,
            color=_COLOURS[judge],
            label=judge,
            zorder=3 if judge == OURS else 2,
        )
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="y", color="#eeeeee")
    axis.set_axisbelow(True)
