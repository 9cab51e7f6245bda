"""What is run: loads, pods that start slowly or quickly, scalers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from ekiben.scaling import Config

from . import recorded
from .loads import HELD_OUT, TUNED
from .rivals import Ekiben, Hpa, Knative
from .service import Model, Outcome, Scaler, simulate

LEAST, MOST = 2, 60
STARTS = (2, 10, 30, 120)
MODELS: Mapping[str, Model] = {
    "4 at once": Model(),
    "1 at once": Model(slots=1, service=0.12, queue=32),
    "16 at once": Model(slots=16, service=2.0),
}
SCALERS: Mapping[str, Callable[[Model], Scaler]] = {
    "HPA": lambda _: Hpa(LEAST, MOST),
    "Knative": lambda _: Knative(LEAST, MOST),
    "ekiben": lambda model: Ekiben(Config(LEAST, MOST, limit=model.slots)),
    "ekiben, learning": lambda _: Ekiben(Config(LEAST, MOST)),
}


@dataclass(frozen=True)
class Case:
    """One run."""

    load: str
    start: float
    scaler: str
    model: str = "4 at once"
    seed: int = 1
    file: Path | None = None
    """Where the load is read from; None for those of loads.py."""


def cases(
    loads: Iterable[str], starts: Iterable[float], scalers: Iterable[str], model: str, file: Path | None = None
) -> list[Case]:
    """Return every combination, the scalers of one load next to each other."""
    return [Case(load, start, name, model, file=file) for load in loads for start in starts for name in scalers]


def rates_of(load: str) -> np.ndarray:
    """Return a load by its name."""
    return {**TUNED, **HELD_OUT}[load]()


def run(case: Case) -> tuple[Case, Outcome]:
    """Return what came of a case. It begins with as many pods as are 70 % busy."""
    model = MODELS[case.model]
    rates = rates_of(case.load) if case.file is None else recorded.rates(case.file)
    initial = max(LEAST, ceil(rates[0] * model.service / model.slots / 0.7))
    return case, simulate(rates, SCALERS[case.scaler](model), model, case.start, case.seed, initial)


def tenfold(scaler: str) -> tuple[int, int]:
    """Return the seconds from a tenfold step in load until more pods are asked for, and until enough are."""
    model, at = MODELS["4 at once"], 301
    rates = np.where(np.arange(420) < at, 12.0, 120.0)
    asked = simulate(rates, SCALERS[scaler](model), model, 30, 1, 3).replicas
    enough = ceil(120 * model.service / model.slots)
    first = next(n for n in range(at, len(asked)) if asked[n] > asked[at - 1]) - at
    last = next((n for n in range(at, len(asked)) if asked[n] >= enough), len(asked)) - at
    return first, last
