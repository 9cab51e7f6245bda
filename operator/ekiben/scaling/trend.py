"""Where the load is going: a straight line through the last minutes, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

_FEWEST = 4


@dataclass(frozen=True)
class Trend:
    """A line through the load."""

    level: float
    """The load at the last point, on the line."""
    slope: float
    """Its change a second."""
    level_error: float = 0.0
    """Standard error of the level."""
    slope_error: float = 0.0
    """Standard error of the slope."""
    slope_chance: float = 0.0
    """What that error would be if the load were steady and only requests came by chance."""

    def __add__(self, other: Trend) -> Trend:
        """Return the line through the sum of two loads; their errors are taken to be independent."""
        return Trend(
            self.level + other.level,
            self.slope + other.slope,
            sqrt(self.level_error**2 + other.level_error**2),
            sqrt(self.slope_error**2 + other.slope_error**2),
            sqrt(self.slope_chance**2 + other.slope_chance**2),
        )

    def surely(self, seconds: float, sigmas: float) -> float:
        """Return the growth until then that is more than chance, at least 0.

        It goes by the chance of arrivals alone: with the error as the points show it, a load that leaps would look less
        sure to grow the higher it leaps.
        """
        return max(0.0, self.slope - sigmas * self.slope_chance) * seconds

    def upper(self, seconds: float, sigmas: float) -> float:
        """Return an upper bound of the load until then: the line, so many standard errors, and no fall counted on."""
        error = sqrt(self.level_error**2 + (self.slope_error * seconds) ** 2)
        return max(0.0, self.level + max(0.0, self.slope) * seconds + sigmas * error)


def fit(points: Sequence[tuple[float, float]], noise: float = 0.0) -> Trend | None:
    """Return the least-squares line through (seconds, load), seconds rising; None with fewer than four points.

    The standard errors are those of simple linear regression with the residuals' variance on n - 2 degrees of freedom.

    Args:
        points: the load.
        noise: variance that a point has by chance at least; a few points may lie on a line by luck.
    """
    n = len(points)
    if n < _FEWEST:
        return None
    last = points[-1][0]
    mean_x = sum(x - last for x, _ in points) / n
    mean_y = sum(y for _, y in points) / n
    spread = sum((x - last - mean_x) ** 2 for x, _ in points)
    if spread <= 0:
        return None
    slope = sum((x - last - mean_x) * (y - mean_y) for x, y in points) / spread
    level = mean_y - slope * mean_x
    variance = max(noise, sum((y - level - slope * (x - last)) ** 2 for x, y in points) / (n - 2))
    return Trend(
        level=max(0.0, level),
        slope=slope,
        level_error=sqrt(variance * (1 / n + mean_x**2 / spread)),
        slope_error=sqrt(variance / spread),
        slope_chance=sqrt(noise / spread),
    )
