"""`ekiben status`: what is serving, what the evidence says, and what comes next."""

from __future__ import annotations

from .command import status
from .detail import detail
from .overview import overview

__all__ = ["detail", "overview", "status"]
