"""The four revisions of the model that the demo rolls out, as data.

v1  knows the sepal only: small, and often wrong.
v2  knows all four measurements: better by held-out log-loss.
v3  looks better still, and has a defect that its evaluation cannot see: it standardises the measurements and takes
    the logarithm of sepal length behind that instead of before, so that a short sepal becomes the logarithm of a
    negative number. Training drops rows with undefined features, held-out rows among them; live requests cannot be
    dropped.
v4  is v2 behind a batching window that somebody chose for throughput: every answer waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revision:
    """How one revision is trained and served."""

    sepals_only: bool = False
    log_after_scaling: bool = False
    regularisation: float = 1.0
    """Inverse strength, scikit-learn's C."""
    batch_window_seconds: float = 0.0
    """How long a batch is held back, so that the next one grows meanwhile."""


REVISIONS: dict[str, Revision] = {
    "v1": Revision(sepals_only=True),
    "v2": Revision(),
    "v3": Revision(log_after_scaling=True, regularisation=10.0),
    "v4": Revision(batch_window_seconds=0.1),
}
