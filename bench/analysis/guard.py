"""Whether false rollbacks stay within alpha, as far as so many streams can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from .compare import OURS, Case, Slow, Times
from .goals import ALPHA

_DOUBT = 0.001
"""How often a procedure with exactly alpha would be called broken, over all families together."""
_ALL = "all families together"


def broken(results: Sequence[tuple[Case | Slow, Times]]) -> list[str]:
    """Return what says that alpha is exceeded, in plain English; nothing when it holds.

    Each family alone, and all together, may have as many false rollbacks as chance gives a procedure with alpha.
    """
    each = _claimed(results)
    found = []
    for name, gone in each.items():
        allowed = _allowed(len(gone), len(each))
        if gone.sum() > allowed:
            found.append(f"{name}: {gone.sum()} of {len(gone)} gone back from; chance allows {allowed}")
    return found


def sees(results: Sequence[tuple[Case | Slow, Times]]) -> str:
    """Return what so many streams can tell and what they cannot, in plain English."""
    each = _claimed(results)
    one, all_ = (found(len(gone) for gone in each.values()) for found in (min, max))
    return (
        f"  Fails when more than {_allowed(one, len(each))} of a family's {one} streams are gone back from, or more "
        f"than {_allowed(all_, len(each))} of all {all_}.\n"
        f"  Nine times in ten that shows a true rate of {_shown(one, len(each)):.0%} in one family, and of "
        f"{_shown(all_, len(each)):.1%} in all of them alike.\n"
        f"  Rates between alpha ({ALPHA:.0%}) and these may pass unseen: more streams show less."
    )


def interval(gone: int, streams: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate of which so many were seen. Source: Clopper, Pearson, Biometrika 26 (1934)."""
    low = float(beta.ppf(0.025, gone, streams - gone + 1)) if gone else 0.0
    return low, float(beta.ppf(0.975, gone + 1, streams - gone)) if gone < streams else 1.0


def together(results: Sequence[tuple[Case | Slow, Times]]) -> tuple[int, int]:
    """Return how many streams were gone back from, and of how many, where alpha is claimed."""
    gone = _claimed(results)[_ALL]
    return int(gone.sum()), len(gone)


def _claimed(results: Sequence[tuple[Case | Slow, Times]]) -> dict[str, NDArray[np.bool_]]:
    claimed = [(case, times[OURS]) for case, times in results if isinstance(case, Slow) or case.family.claimed]
    each = {_name(case): np.isfinite(found) for case, found in claimed}
    return {**each, _ALL: np.concatenate(list(each.values()))}


def _allowed(streams: int, tests: int) -> int:
    return int(binom.isf(_DOUBT / tests, streams, ALPHA))


def _shown(streams: int, tests: int) -> float:
    """Return the rate with which more than are allowed come up nine times in ten."""
    allowed = _allowed(streams, tests)
    return float(beta.ppf(0.9, allowed + 1, streams - allowed)) if allowed < streams else 1.0


def _name(case: Case | Slow) -> str:
    return case.latency.name if isinstance(case, Slow) else f"{case.family.name}, p0 {case.p0:.1%}"
