"""What the requests of all models together may take of an activator's memory, and how they share it.

Whoever may make models may have requests sent to them: without a bound over all of them one tenant could end the
process that holds everybody's.
"""

from __future__ import annotations

from collections import Counter

from aiohttp import web

CONNECTION = 8 * 1024
"""Bytes of a connection that has sent no request yet."""
CONNECTIONS = 8
"""One part in so many is for connections: who has none cannot be told that there is no place."""
_REQUEST = 64 * 1024
"""Of a request and its answer, as objects and in buffers, beside its headers and body."""
_HEADERS = 4
"""Bytes that one byte of a header takes: as text, twice, and in objects of some length."""
_MOST_BODY = 96 * 1024
"""Of a body: the rest stays with the caller until a pod takes it."""

Model = tuple[str, str]
"""Namespace and name."""


class Memory:
    """Bytes that are given out and come back.

    What is free is everybody's: a model gets more for as long as it and its namespace have less than is left. So one
    alone gets a third of all, a namespace with many gets half, and for the next one there is always something.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._models: Counter[Model] = Counter()
        self._namespaces: Counter[str] = Counter()
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes that are given out."""
        return self._used

    def take(self, model: Model, size: int) -> bool:
        """Take so many bytes; False, and nothing is taken, where the model has its share."""
        if self._models[model] + self._namespaces[model[0]] + size > self.total - self._used:
            return False
        self._count(model, size)
        return True

    def give(self, model: Model, size: int) -> None:
        """Give back what was taken."""
        self._count(model, -size)

    def _count(self, model: Model, size: int) -> None:
        self._used += size
        self._models[model] += size
        self._namespaces[model[0]] += size
        if not self._models[model]:
            del self._models[model]
        if not self._namespaces[model[0]]:
            del self._namespaces[model[0]]


def size_of(request: web.BaseRequest) -> int:
    """Return the bytes that a request takes at most while it is here."""
    headers = sum(len(name) + len(value) for name, value in request.raw_headers) + len(request.raw_path)
    body = min(_MOST_BODY, _MOST_BODY if request.content_length is None else request.content_length)
    return _REQUEST + _HEADERS * headers + (body if request.body_exists else 0)
