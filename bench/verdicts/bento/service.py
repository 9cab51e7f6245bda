"""A model that fails as often, and takes as long, as its environment says: real pods, real counters, known truth."""

from __future__ import annotations

import asyncio
import os
import random
from http import HTTPStatus
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent
ERROR_RATE = float(os.environ.get("ERROR_RATE", "0"))
SECONDS = float(os.environ.get("SECONDS", "0.05"))
VERSION = os.environ.get("VERSION", "0")


class BrokenError(BentoMLException):
    """What a model's defect looks like from outside."""

    error_code = HTTPStatus.INTERNAL_SERVER_ERROR


image = bentoml.images.Image(
    base_image="docker.io/library/python:3.11-slim", distro="", python_version="3.11", lock_python_packages=False
).python_packages(*(HERE / "requirements.txt").read_text().split())


@bentoml.service(
    name="doubtful",
    image=image,
    workers=1,
    resources={"cpu": "200m", "memory": "512Mi"},
    traffic={"timeout": 10, "concurrency": 64},
    logging={"access": {"enabled": False}},
    tracing={"sample_rate": 0.0, "excluded_urls": ["/predict", "/livez", "/readyz", "/metrics"]},
)
class Doubtful:
    """Answers, or does not."""

    @bentoml.api(route="/predict")
    async def predict(self, value: float = 0.0) -> float:
        """Return the value, after a while and with luck."""
        await asyncio.sleep(random.expovariate(1 / SECONDS))
        if random.random() < ERROR_RATE:
            raise BrokenError("broken")
        return value


class VersionHeader:
    """Every answer says which revision gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-model-version"] = VERSION
            await send(message)

        await self._app(scope, receive, with_version if scope["type"] == "http" else send)


Doubtful.add_asgi_middleware(VersionHeader)
