"""What the analysis is asked to guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ekiben.api.rollout import Analysis


@dataclass(frozen=True)
class Config:
    """The numbers of spec.rollout.analysis that the statistics need."""

    alpha: float = 0.01
    """Largest probability of ever rolling back a canary that is no worse."""
    beta: float = 0.05
    """Largest probability of calling a canary "not worse" that is worse by more than the margin."""
    error_tolerance: float = 1.15
    """Odds ratio of errors that is still no regression; at least 1."""
    latency_tolerance: float = 1.10
    """How many times slower is still no regression; at least 1."""
    delta: float = 0.01
    """Absolute margin of "not worse", a difference of rates."""
    rho: float = 1.5
    """Relative margin of "not worse", a ratio of rates; above 1."""
    odds_margin: float | None = None
    """The margin as an odds ratio, at least 1; where it is given, delta and rho are not used."""

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} lies between 0 and 1, not {getattr(self, name)}")
        for name in ("error_tolerance", "latency_tolerance"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        if self.odds_margin is not None and not self.odds_margin >= 1:
            raise ValueError(f"odds_margin is at least 1, not {self.odds_margin}")
        if not self.rho > 1:
            raise ValueError(f"rho is above 1, not {self.rho}")

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """Return the numbers of a resource."""
        return cls(
            alpha=analysis.false_rollback,
            beta=analysis.false_promote,
            error_tolerance=analysis.error_tolerance,
            latency_tolerance=analysis.latency_tolerance,
            delta=analysis.non_inferiority.delta,
            rho=analysis.non_inferiority.rho,
        )
