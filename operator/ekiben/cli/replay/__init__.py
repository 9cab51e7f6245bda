"""`ekiben replay`: what a policy would have decided on past data."""

from .command import replay

__all__ = ["replay"]
