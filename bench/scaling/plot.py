"""The picture of the bench: two loads as they went, and what all of the held-out ones came to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bench.look import LOOK

from .cases import MODELS, STARTS, Case, rates_of
from .service import Outcome

_COLOURS = {"HPA": "#d98a00", "Knative": "#2166ac", "ekiben": "#1b7837"}
_SHOWN = (("crowd that stays", 30, (420, 900)), ("steep ramps", 120, (150, 1750)))
_FAINT = "#d9d9d9"


def draw(file: Path, results: Sequence[tuple[Case, Outcome]]) -> None:
    """Write the picture.

    Args:
        file: where to; its ending gives the format.
        results: all runs of the held-out loads.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    with plt.rc_context(LOOK):
        figure = plt.figure(figsize=(12, 9), layout="constrained")
        parts = figure.subplot_mosaic(
            [["a", "b"], ["c", "d"], ["e", "f"]], height_ratios=[3, 1.1, 2.4], gridspec_kw={"hspace": 0.06}
        )
        for (load, start, span), top, below in zip(_SHOWN, "ab", "cd", strict=True):
            found = {case.scaler: out for case, out in results if (case.load, case.start) == (load, start)}
            _pods(parts[top], load, start, span, found)
            _bad(parts[below], span, found)
        _bars(parts["e"], results, "Lost or slow requests, % (held-out loads)", _share)
        _bars(parts["f"], results, "Cost, thousands of replica-seconds", _cost)
        parts["a"].legend(loc="upper right", frameon=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=110)
        plt.close(figure)


def _pods(axis: Any, load: str, start: float, span: tuple[int, int], found: dict[str, Outcome]) -> None:
    model, rates = MODELS["4 at once"], rates_of(load)
    seconds = np.arange(len(rates))
    needed = rates * model.service / model.slots
    axis.fill_between(seconds, needed, color=_FAINT, linewidth=0, label="what the load needs, to the last slot")
    for name, colour in _COLOURS.items():
        axis.plot(seconds, found[name].ready, color=colour, linewidth=2 if name == "ekiben" else 1.4, label=name)
    axis.set_xlim(*span)
    axis.set_ylim(0, 66)
    axis.set_ylabel("ready pods")
    axis.set_title(f"“{load.capitalize()}”, pods that start in about {start:.0f} s")
    axis.tick_params(labelbottom=False)


def _bad(axis: Any, span: tuple[int, int], found: dict[str, Outcome]) -> None:
    for name, colour in _COLOURS.items():
        axis.plot(np.cumsum(found[name].bad) / 1000, color=colour, linewidth=2 if name == "ekiben" else 1.4)
    axis.set_xlim(*span)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("lost or slow\nso far, thousands")
    axis.set_xlabel("seconds")


def _bars(axis: Any, results: Sequence[tuple[Case, Outcome]], title: str, of: Any) -> None:
    width = 0.26
    for index, (name, colour) in enumerate(_COLOURS.items()):
        values = [of([out for case, out in results if (case.scaler, case.start) == (name, start)]) for start in STARTS]
        at = np.arange(len(STARTS)) + (index - 1) * width
        bars = axis.bar(at, values, width * 0.92, color=colour)
        axis.bar_label(
            bars, labels=[f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in values], fontsize=8.5
        )
    axis.set_xticks(range(len(STARTS)), [f"{start} s" for start in STARTS])
    axis.set_xlabel("pods start in about")
    axis.set_title(title)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)


def _share(outcomes: Sequence[Outcome]) -> float:
    return 100 * sum(each.lost + each.slow for each in outcomes) / sum(each.requests for each in outcomes)


def _cost(outcomes: Sequence[Outcome]) -> float:
    return sum(each.replica_seconds for each in outcomes) / 1000
