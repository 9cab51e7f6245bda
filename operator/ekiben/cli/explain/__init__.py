"""`ekiben explain`: why a rollout went as it did."""

from __future__ import annotations

from .command import explain

__all__ = ["explain"]
