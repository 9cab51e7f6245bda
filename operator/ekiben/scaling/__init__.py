"""Signals -> replicas; `step` is the whole of it."""

from .config import Config, Kind, Metric
from .decision import Decision, Numbers, Reason
from .learn import Learned
from .sample import Pod, Reading, Sample
from .state import State, StateError, initial, learned_from_json, learned_to_json
from .step import step

__all__ = [
    "Config",
    "Decision",
    "Kind",
    "Learned",
    "Metric",
    "Numbers",
    "Pod",
    "Reading",
    "Reason",
    "Sample",
    "State",
    "StateError",
    "initial",
    "learned_from_json",
    "learned_to_json",
    "step",
]
