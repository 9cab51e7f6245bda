"""The looks of the last minutes: each second of the last one, and five seconds at a time before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt

from .traffic import Traffic
from .trend import Trend, fit
from .window import Window

FINE, COARSE = 60.0, 300.0
"""Seconds that are kept."""
_SPANS = (2.0, 4.0, 12.0, 24.0)
"""Seconds that a rise is looked for in, besides the panic window."""
_CHANCE = 3.0
"""Standard errors that a rise has to stand out by to be acted on at once."""


@dataclass(frozen=True)
class Seen:
    """Both windows; they hold the same looks."""

    fine: Window = field(default_factory=lambda: Window.over(FINE))
    coarse: Window = field(default_factory=lambda: Window.over(COARSE))

    def plus(self, traffic: Traffic, now: float) -> Seen:
        """Return the windows with one look more."""
        return Seen(self.fine.plus(traffic, now), self.coarse.plus(traffic, now))

    def mean(self, now: float, span: float) -> Traffic | None:
        """Return the average over the last `span` seconds; None without a look in them."""
        return (self.fine if span <= FINE else self.coarse).mean(now, span)

    def trend(self, now: float, span: float, *, whole: bool = False) -> Trend | None:
        """Return where the requests a second are going, by the last `span` seconds; None with too few looks."""
        window = self.fine if span < FINE / 4 else self.coarse
        points = window.points(now, span, whole=whole)
        if not points:
            return None
        return fit(points, noise=sum(arrived for _, arrived in points) / len(points) / window.width)

    def proven(self, now: float, panic_window: float, *, whole: bool = False) -> float:
        """Return the requests a second that the last seconds prove: the highest of several lower bounds.

        Each is the arrivals of some seconds less three standard errors of a Poisson count. With `whole` pods that
        nobody has seen are taken to have had what the others had.
        """
        return max(self._bounds(now, panic_window, whole=whole), default=0.0)

    def _bounds(self, now: float, panic_window: float, *, whole: bool) -> Iterator[float]:
        for span in (*_SPANS, panic_window):
            traffic = self.mean(now, span)
            if traffic is not None:
                came = traffic.arrived * traffic.seconds
                times = traffic.whole / traffic.arrived if whole and came > 0 else 1.0
                yield times * max(0.0, came - _CHANCE * sqrt(came)) / traffic.seconds
