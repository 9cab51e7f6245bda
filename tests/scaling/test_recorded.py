"""A recording becomes a load of the bench's size, with its shape kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from bench.scaling import recorded

_BEGIN = datetime(2023, 11, 16, 18, 0, 0, 123456, UTC)


def written(folder: Path, seconds: list[float], column: str = "TIMESTAMP") -> Path:
    """Return a file of requests that came at these seconds, in nanoseconds as some recorders write them."""
    times = [(_BEGIN + timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%S.%f0") for at in seconds]
    file = folder / "requests.csv"
    file.write_text("\n".join([f"{column},Tokens", *(f"{at},7" for at in times)]))
    return file


def test_the_mean_is_the_bench_s_and_the_shape_the_recording_s(tmp_path: Path) -> None:
    quiet, busy = np.arange(0, 200, 1.0), np.arange(200, 400, 1 / 3)
    rates = recorded.rates(written(tmp_path, [*quiet, *busy]))
    assert len(rates) == 390, "the last ten seconds may have been cut off"
    assert rates.mean() == pytest.approx(60.0)
    assert rates[300] / rates[100] == pytest.approx(3.0)


def test_what_cannot_be_used_is_told_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"requests\.csv: the first line names no column TIMESTAMP"):
        recorded.rates(written(tmp_path, [1.0], "when"))
    for seconds in ([], [0.0, 90.0]):
        with pytest.raises(ValueError, match="within three minutes"):
            recorded.rates(written(tmp_path, seconds))
    broken = tmp_path / "broken.csv"
    broken.write_text("TIMESTAMP\nnoon\n")
    with pytest.raises(ValueError, match="noon"):
        recorded.rates(broken)
