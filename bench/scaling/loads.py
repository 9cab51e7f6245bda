"""The loads: requests a second, second by second. Seeds are fixed; each name always means the same load.

The defaults of ekiben.scaling were chosen on TUNED alone. HELD_OUT was written down before, and was run with the
finished defaults.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Load = Callable[[], np.ndarray]


def _seconds(length: int) -> np.ndarray:
    return np.arange(length, dtype=float)


def _walk(length: int, seed: int, share: float, memory: float) -> np.ndarray:
    """Return a factor around 1 that wanders: log of an Ornstein-Uhlenbeck process."""
    rng = np.random.default_rng(seed)
    value, values, keep = 0.0, np.empty(length), float(np.exp(-1 / memory))
    noise = rng.normal(0, share * np.sqrt(1 - keep**2), length)
    for index in range(length):
        value = keep * value + noise[index]
        values[index] = value
    return np.exp(values - share**2 / 2)


def steady() -> np.ndarray:
    """Return a load that does not change."""
    return np.full(1200, 60.0)


def step_up() -> np.ndarray:
    """Return a step to three times the load, and back."""
    t = _seconds(1500)
    return np.where((t >= 300) & (t < 900), 90.0, 30.0)


def ramp() -> np.ndarray:
    """Return a load that grows sixfold in eight minutes and falls as slowly."""
    return np.interp(_seconds(1800), [0, 240, 720, 1080, 1560, 1800], [20, 20, 120, 120, 20, 20])


def diurnal() -> np.ndarray:
    """Return a day in forty minutes, with what wanders about it."""
    t = _seconds(2400)
    return (60 - 45 * np.cos(2 * np.pi * t / 2400)) * _walk(2400, 11, 0.12, 60)


def bursts() -> np.ndarray:
    """Return bursts of 20 to 60 s over a low load."""
    rng, rates = np.random.default_rng(12), np.full(1800, 25.0)
    at = 200.0
    while at < 1650:
        length = int(rng.integers(20, 60))
        rates[int(at) : int(at) + length] += rng.uniform(25, 80)
        at += length + rng.uniform(60, 200)
    return rates


def flash_crowd() -> np.ndarray:
    """Return ten times the load within ten seconds, dying away over minutes."""
    t = _seconds(1500)
    return 15 + 135 * np.clip((t - 300) / 10, 0, 1) * np.exp(-np.clip(t - 330, 0, None) / 180)


def double_step() -> np.ndarray:
    """Return two steps up and one down."""
    t = _seconds(1800)
    return np.select([t < 300, t < 700, t < 1300], [40.0, 75.0, 130.0], 50.0)


def steep_ramp() -> np.ndarray:
    """Return fivefold growth in three minutes, twice."""
    return np.interp(_seconds(1800), [0, 240, 420, 700, 820, 1000, 1180, 1500, 1560, 1800],
                     [25, 25, 125, 125, 30, 30, 150, 150, 30, 30])  # fmt: skip


def two_days() -> np.ndarray:
    """Return two days of unlike shape in fifty minutes: a slow morning, a peak, an evening peak."""
    points = [0, 300, 600, 780, 1000, 1200, 1500, 1800, 2050, 2300, 2500, 2700, 3000]
    load = [20, 22, 60, 95, 80, 110, 40, 20, 55, 85, 75, 120, 30]
    return np.interp(_seconds(3000), points, load) * _walk(3000, 21, 0.15, 45)


def wandering() -> np.ndarray:
    """Return heavy swings on two scales and rare spikes. Synthetic: no recording is behind it."""
    rng = np.random.default_rng(22)
    rates = 45 * _walk(2400, 23, 0.35, 300) * _walk(2400, 24, 0.2, 15)
    for at in rng.integers(150, 2300, 5):
        rates[at : at + 25] *= rng.uniform(1.5, 2.5)
    return np.minimum(rates, 180)


def sawtooth() -> np.ndarray:
    """Return batch jobs on the hour: up at once, down over minutes, four times."""
    t = _seconds(2400) % 600
    return 20 + 80 * np.exp(-t / 150) * (t > 20)


def late_crowd() -> np.ndarray:
    """Return a quiet service that is found by eight times as many people, who stay."""
    t = _seconds(1500)
    return 18 + 126 / (1 + np.exp(-(t - 500) / 12))


TUNED: dict[str, Load] = {
    "steady": steady,
    "step": step_up,
    "ramp": ramp,
    "diurnal": diurnal,
    "bursts": bursts,
    "flash crowd": flash_crowd,
}
HELD_OUT: dict[str, Load] = {
    "two steps": double_step,
    "steep ramps": steep_ramp,
    "two days": two_days,
    "wandering": wandering,
    "sawtooth": sawtooth,
    "crowd that stays": late_crowd,
}
