"""Signals -> replicas. `step` decides for one revision; shares, ratio and zero for the revisions of a rollout."""

from .config import Config, Kind, Metric
from .decision import Decision, Numbers, Reason
from .learn import Learned
from .profile import Profile, profile, together
from .ratio import Split, nearest
from .sample import Pod, Reading, Sample
from .shares import Shares, Wish, divide, needed, reachable
from .state import State, StateError, initial, learned_from_json, learned_to_json
from .step import step
from .total import Followed, Total, Used
from .zero import Phase, awake, idle

__all__ = [
    "Config",
    "Decision",
    "Followed",
    "Kind",
    "Learned",
    "Metric",
    "Numbers",
    "Phase",
    "Pod",
    "Profile",
    "Reading",
    "Reason",
    "Sample",
    "Shares",
    "Split",
    "State",
    "StateError",
    "Total",
    "Used",
    "Wish",
    "awake",
    "divide",
    "idle",
    "initial",
    "learned_from_json",
    "learned_to_json",
    "nearest",
    "needed",
    "profile",
    "reachable",
    "step",
    "together",
]
