"""A load that somebody recorded: a file of arrivals -> requests a second."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

COLUMN = "TIMESTAMP"
_MEAN = 60.0
"""Requests a second on average, the size of the other loads."""
_BIN = 10
"""Seconds over which arrivals are counted: in fewer, chance would be taken for load and then be multiplied."""


def rates(file: Path) -> np.ndarray:
    """Return the requests a second, second by second, scaled to the size of the other loads.

    Args:
        file: CSV with a line for each request; its column TIMESTAMP is when it came, in ISO 8601.

    Raises:
        ValueError: the file has no such column, a time cannot be read, or it is over within three minutes.
    """
    with file.open(newline="") as lines:
        rows = csv.DictReader(lines)
        if COLUMN not in (rows.fieldnames or ()):
            raise ValueError(f"{file}: the first line names no column {COLUMN}")
        times = sorted(datetime.fromisoformat(row[COLUMN]) for row in rows)
    bins = np.array([int((time - times[0]).total_seconds() // _BIN) for time in times] or [0])
    # What came in the last bin may be the part of it that was recorded.
    counts = np.bincount(bins)[:-1]
    if len(counts) * _BIN < 180:
        raise ValueError(f"{file}: the requests come within three minutes, which is too short to follow")
    return np.repeat(counts * (_MEAN / counts.mean()), _BIN)
