"""What goes wrong with a local cluster, told so that a reader knows what to do next."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 16_384


class ClusterError(Exception):
    """A step failed. The message names the component, what happened, the last log lines and what to do."""

    def __init__(self, component: str, problem: str, *, advice: str = "", log: Path | None = None) -> None:
        self.component = component
        parts = [f"{component}: {problem}"]
        if log is not None:
            lines = tail(log)
            parts.append(f"Last lines of {log}:\n" + ("\n".join(f"    {line}" for line in lines) or "    (empty)"))
        if advice:
            parts.append(advice)
        super().__init__("\n".join(parts))


def tail(log: Path, lines: int = 12) -> list[str]:
    """Return the last lines of a log, each cut to 300 characters; none where the file cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line[:300] for line in text.splitlines()[-lines:]]
