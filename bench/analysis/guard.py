"""Whether false rollbacks stay within alpha, as far as so many streams can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from .compare import OURS, Case, Slow, Times
from .goals import ALPHA

_DOUBT = 0.001
"""How often a procedure with exactly alpha would be called broken, over all families together."""


def broken(results: Sequence[tuple[Case | Slow, Times]]) -> list[str]:
    """Return what says that alpha is exceeded, in plain English; nothing when it holds.

    Each family alone, and all together, may have as many false rollbacks as chance gives a procedure with alpha.
    """
    claimed = [(case, times[OURS]) for case, times in results if isinstance(case, Slow) or case.family.claimed]
    each = {_name(case): np.isfinite(found) for case, found in claimed}
    each["all families together"] = np.concatenate(list(each.values()))
    found = []
    for name, gone in each.items():
        allowed = int(binom.isf(_DOUBT / len(each), len(gone), ALPHA))
        if gone.sum() > allowed:
            found.append(f"{name}: {gone.sum()} of {len(gone)} gone back from; chance allows {allowed}")
    return found


def _name(case: Case | Slow) -> str:
    return case.latency.name if isinstance(case, Slow) else f"{case.family.name}, p0 {case.p0:.1%}"
