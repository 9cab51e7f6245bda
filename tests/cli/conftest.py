"""Times are shown in the zone of the machine: of the tests that is UTC, wherever they run."""

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
