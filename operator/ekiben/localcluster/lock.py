"""One command at a time changes the cluster."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.progress import Progress

_WAIT_SECONDS = 1800.0


@contextmanager
def exclusive(path: Path, progress: Progress, wait_seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock file while the block runs; the file is gone afterwards.

    Raises:
        ClusterError: another command held it for `wait_seconds`.
    """
    deadline, told = time.monotonic() + wait_seconds, False
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                advice = "End the other `ekiben cluster` command, or wait for it."
                raise ClusterError("lock", f"another command holds {path}", advice=advice) from None
            if not told:
                progress.note("Another `ekiben cluster` command is at work: waiting for it")
                told = True
            time.sleep(0.2)
            continue
        if _is_current(descriptor, path):
            break
        os.close(descriptor)  # its holder has removed the file in between: it locks nothing any more
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
