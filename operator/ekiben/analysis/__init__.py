"""Is the canary worse? Pure statistics on blocks of counts; `step` is the whole of it."""

from .block import POOLED, Block, BlockError, Counts, Table
from .config import Config
from .histogram import Histogram, quantile
from .metric import LatencyMode
from .settle import settle_seconds
from .state import State, StateError
from .step import initial, step
from .verdict import Kind, Verdict, log_evidence, verdict

__all__ = [
    "POOLED",
    "Block",
    "BlockError",
    "Config",
    "Counts",
    "Histogram",
    "Kind",
    "LatencyMode",
    "State",
    "StateError",
    "Table",
    "Verdict",
    "initial",
    "log_evidence",
    "quantile",
    "settle_seconds",
    "step",
    "verdict",
]
