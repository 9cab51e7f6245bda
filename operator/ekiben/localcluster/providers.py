"""Which cluster is used: the user's own, kind or k3d where they work, else a node of this machine's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Literal

from ekiben.localcluster.commands import run
from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.settings import Settings

Provider = Literal["context", "kind", "k3d", "native"]
_TOOLS: tuple[Provider, ...] = ("kind", "k3d")


def choose(settings: Settings, works: Callable[[str], bool] | None = None) -> tuple[Provider, str]:
    """Return (provider, why).

    Raises:
        ClusterError: a provider was asked for by a name that does not exist.
    """
    works = works or tool_works
    if settings.context is not None:
        return "context", f"the context {settings.context} of your kubeconfig, as asked for"
    if settings.provider is not None:
        for name in (*_TOOLS, "native"):
            if settings.provider == name:
                return name, "as asked for"
        raise ClusterError("provider", f"there is no provider {settings.provider!r}", advice="Use native, kind or k3d.")
    for tool in _TOOLS:
        if works(tool):
            return tool, f"{tool} is installed and works"
    return "native", "neither kind nor k3d is installed and working"


def tool_works(tool: str) -> bool:
    """Whether kind or k3d is installed and reaches its container engine."""
    if shutil.which(tool) is None:
        return False
    listing = {"kind": ["kind", "get", "clusters"], "k3d": ["k3d", "cluster", "list"]}[tool]
    try:
        return run(tool, listing, check=False, timeout=15).returncode == 0
    except ClusterError:
        return False
