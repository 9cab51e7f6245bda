"""Running a tool: its lines go to whoever watches, and its last ones into the error when it fails."""

from __future__ import annotations

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ekiben.packaging.errors import ToolError

Progress = Callable[[str], None]

_KEPT = 200  # lines of a tool's output that are kept for recognising a failure
_SHOWN = 15  # lines of it that the user reads
# Lines that builders print for each layer: they would push what matters out of an error.
_NOISE = re.compile(r"Copying (blob|config) |Getting image source signatures|--> ")
_CREDENTIALS = re.compile(r"(?P<scheme>\w+://)[^\s/@]+@")


def without_credentials(text: str) -> str:
    """`https://user:secret@host/` -> `https://***@host/`, wherever it occurs."""
    return _CREDENTIALS.sub(r"\g<scheme>***@", text)


def last_lines(lines: Iterable[str]) -> str:
    """The end of a tool's output, without what it prints for each layer."""
    return "\n".join([line for line in lines if not _NOISE.match(line)][-_SHOWN:])


def run(
    command: Sequence[str],
    *,
    what: str,
    advice: str,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    progress: Progress = lambda _line: None,
    tool: str | None = None,
) -> str:
    """Run `command`, standard output and error as one stream, and return what it printed.

    Each line is handed to `progress` as it comes. `environment` is added to this process's own. `tool` is what a
    failure calls it, where that is not the program's name.
    Raises ToolError with the tool's last lines when it ends with an error or cannot be started.
    """
    tool = tool or Path(command[0]).name
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
    except OSError as error:
        raise ToolError(what, tool, str(error), advice) from error
    lines: deque[str] = deque(maxlen=_KEPT)
    assert process.stdout is not None
    with process:
        for raw in process.stdout:
            line = without_credentials(raw.rstrip())
            if line:
                lines.append(line)
                progress(line)
    if process.returncode != 0:
        raise ToolError(what, tool, last_lines(lines), advice)
    return "\n".join(lines)
