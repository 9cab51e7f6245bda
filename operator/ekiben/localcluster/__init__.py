"""A real Kubernetes on this machine."""

from __future__ import annotations

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.lifecycle import current, down, load, status, up
from ekiben.localcluster.settings import ClusterInfo, Settings

__all__ = ["ClusterError", "ClusterInfo", "Settings", "current", "down", "load", "status", "up"]
