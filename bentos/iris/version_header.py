"""A header that tells the model's answers, errors included, from those of a proxy in front of it."""

from __future__ import annotations

import bentoml
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-model-version"


class ModelVersionHeader:
    """ASGI middleware: every HTTP answer says which version of the model gave it."""

    def __init__(self, app: ASGIApp, model: bentoml.models.BentoModel) -> None:
        self._app = app
        self._version = str(model.resolve().tag.version)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = self._version
            await send(message)

        await self._app(scope, receive, send_with_version)
