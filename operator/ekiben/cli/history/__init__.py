"""`ekiben history`: every rollout, and how it ended."""

from __future__ import annotations

from .command import history

__all__ = ["history"]
