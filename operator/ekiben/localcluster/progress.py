"""Progress of long work: one line a step, with the time it took."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn


class Progress(Protocol):
    """Where steps are reported; called from several threads."""

    def started(self, step: str) -> None:
        """A step has begun."""

    def finished(self, step: str, seconds: float, error: BaseException | None) -> None:
        """A step has ended, well or with an error."""

    def note(self, text: str) -> None:
        """Something worth a line."""


@contextmanager
def step(progress: Progress, name: str) -> Iterator[None]:
    """Report the block as a step."""
    began = time.monotonic()
    progress.started(name)
    try:
        yield
    except BaseException as error:
        progress.finished(name, time.monotonic() - began, error)
        raise
    progress.finished(name, time.monotonic() - began, None)


class Silent:
    """Reports nothing."""

    def started(self, step: str) -> None: ...

    def finished(self, step: str, seconds: float, error: BaseException | None) -> None: ...

    def note(self, text: str) -> None: ...


class Lines:
    """Plain lines, for logs and pipes: `[ 12.3s] step ... done (3.4s)`."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()

    def started(self, step: str) -> None:
        self.note(f"{step} ...")

    def finished(self, step: str, seconds: float, error: BaseException | None) -> None:
        self.note(f"{step}: {'failed' if error else 'done'} ({seconds:.1f}s)")

    def note(self, text: str) -> None:
        with self._lock:
            sys.stderr.write(f"[{time.monotonic() - self._began:6.1f}s] {text}\n")
            sys.stderr.flush()


class Live:
    """Spinners on a terminal; finished steps scroll up. Use as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._bars = RichProgress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console or Console(stderr=True), transient=True,
        )  # fmt: skip
        self._tasks: dict[str, object] = {}

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, step: str) -> None:
        self._tasks[step] = self._bars.add_task(step)

    def finished(self, step: str, seconds: float, error: BaseException | None) -> None:
        task = self._tasks.pop(step, None)
        if task is not None:
            self._bars.remove_task(task)  # type: ignore[arg-type]
        mark = "[red]failed[/]" if error else "[green]done[/]"
        self._bars.console.print(f"{mark} {step} [dim]{seconds:.1f}s[/]")

    def note(self, text: str) -> None:
        self._bars.console.print(text)
