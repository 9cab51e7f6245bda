"""Other programs, run to their end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ekiben.localcluster.errors import ClusterError

# A proxy of the user's would be asked for addresses that only this machine knows.
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def environment(extra: Mapping[str, str] | None = None, *, direct: bool = True) -> dict[str, str]:
    """Return this process's environment, without proxies where `direct`, with `extra` on top."""
    inherited = {k: v for k, v in os.environ.items() if not (direct and k.lower() in _PROXIES)}
    path = inherited.get("PATH", "") or os.defpath
    # The system's own tools are not on every root user's PATH.
    folders = [*path.split(os.pathsep), *(f for f in ("/usr/sbin", "/sbin") if f not in path.split(os.pathsep))]
    return {**inherited, "PATH": os.pathsep.join(folders), **(extra or {})}


def run(
    component: str,
    command: Sequence[object],
    *,
    text: str | None = None,
    extra: Mapping[str, str] | None = None,
    direct: bool = True,
    cwd: Path | None = None,
    timeout: float = 60,
    check: bool = True,
    advice: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program, `text` on its standard input.

    Raises:
        ClusterError: it is not there, ran longer than `timeout` seconds or (where `check`) failed;
            with the last lines it printed.
    """
    shown = " ".join(str(part) for part in command[:6]) + (" ..." if len(command) > 6 else "")
    try:
        result = subprocess.run(
            [str(part) for part in command], input=text, capture_output=True, text=True, errors="replace",
            env=environment(extra, direct=direct), cwd=cwd, timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ClusterError(component, f"{command[0]} is not installed", advice=advice) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(component, f"`{shown}` did not end within {timeout:.0f} s", advice=advice) from error
    if check and result.returncode:
        lines = (result.stderr.strip() or result.stdout.strip()).splitlines()[-12:]
        said = "\n".join(f"    {line[:400]}" for line in lines)
        raise ClusterError(component, f"`{shown}` ended with exit code {result.returncode}:\n{said}", advice=advice)
    return result
