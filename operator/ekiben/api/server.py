"""How a model's server is asked: its probes, what warms it up, and the ports and paths of one that is the user's own.

Its blocks are of spec.model: what model.py says of defaults holds here too.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from .base import DURATION_PATTERN, Duration, Resource, seconds
from .rules import Matching, Rule


class Probes(Resource):
    """How long a replica may take to start, and when it counts as hung."""

    rules: ClassVar = (
        Rule(
            "[has(self.startupTimeout) ? self.startupTimeout : '1s', has(self.period) ? self.period : '1s',"
            " has(self.timeout) ? self.timeout : '1s']"
            f".all(d, !d.matches(r'{DURATION_PATTERN}') || duration(d) >= duration('1s'))",
            "startupTimeout, period and timeout of the probes are at least 1s each",
            lambda self: min(seconds(self.startup_timeout), seconds(self.period), seconds(self.timeout)) >= 1,
        ),
    )

    startup_timeout: Duration = "5m"
    """The longest that a replica may take to load the model."""
    period: Duration = "5s"
    """How often readiness and liveness are asked for."""
    timeout: Duration = "5s"
    """The longest that a probe may take to answer."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """How many failures in a row make a replica unready; three times as many restart it."""


Port = Annotated[int, Field(ge=1, le=65535)]
HttpPath = Annotated[
    str,
    Field(max_length=256),
    Matching(r"^(/[-A-Za-z0-9._~:]+)+$", "write an absolute path without a query, such as /metrics"),
]


class WarmUp(Resource):
    """A request that each replica answers before its first caller's. Of runtime bentoml: it runs in its image's Python.

    Readiness tells that the model is loaded. What it does at its first prediction only (compile, fill caches, connect)
    is done here.
    """

    path: HttpPath
    """Where it is sent, such as /predict."""
    body: Annotated[str, Field(min_length=1, max_length=16384)]
    """What is sent, as JSON text, such as '[[5.1, 3.5, 1.4, 0.2]]'. The answer has to be 2xx."""
    times: Annotated[int, Field(ge=1, le=100)] = 1
    """How often. With several workers in a replica, a few times as many as there are."""
    timeout: Duration = "30s"
    """The longest that one answer may take."""


class Server(Resource):
    """How a server of runtime http is asked."""

    port: Port | None = None
    """Port that requests come to; 8080 by default."""
    metrics_port: Port | None = None
    """Port of the metrics; that of the requests by default."""
    metrics_path: HttpPath | None = None
    """Path of the metrics; /metrics by default."""
    ready_path: HttpPath | None = None
    """Path that answers 200 once the model is loaded; /readyz by default."""
    live_path: HttpPath | None = None
    """Path that answers 200 while the server works; /livez by default."""
    user: Annotated[int, Field(ge=1, le=2147483647)] | None = None
    """Numeric user that the image is made for; 1000 by default. Never root."""
