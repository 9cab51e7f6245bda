"""What a caller is told where a request cannot be handed on: a status, a reason in plain English, nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One answer of the activator's own."""

    status: int
    reason: str
    """One word, for the metrics."""
    text: str
    retry_after: int | None = None
    """Seconds."""


class RefusedError(Exception):
    """A request is not handed on; `answer` is what its caller gets."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def full(model: str, queue: int) -> Answer:
    """The queue has no place left."""
    return Answer(
        503, "full", f"{model} is starting, and {queue} requests already wait for it here. Try again shortly.", 5
    )


def no_memory(model: str) -> Answer:
    """The requests that are here take as much memory as they may."""
    text = f"{model} is starting, and the requests that already wait here leave no memory for more. Try again shortly."
    return Answer(503, "memory", text, 5)


def not_in_time(model: str, seconds: float, pods: int) -> Answer:
    """No pod took the request within coldStartTimeout."""
    if pods:
        why = f"its {pods} ready pods had no place for one more request within {seconds:g} s"
    else:
        why = f"it was asleep, and no pod of it became ready within {seconds:g} s (scaling.coldStartTimeout)"
    return Answer(504, "coldStartTimeout", f"{model} did not take the request: {why}.")


def too_slow(model: str, seconds: float) -> Answer:
    """The model's own timeout has passed since the request was handed on."""
    return Answer(504, "timeout", f"{model} did not answer within {seconds:g} s (traffic.timeout).")


def broken(model: str) -> Answer:
    """The pod's connection ended after a part of the request went out: it may have been carried out."""
    return Answer(
        502, "broken", f"The pod of {model} that worked on the request ended the connection before it answered."
    )


def gone(model: str) -> Answer:
    """The model was deleted, or does not sleep any more."""
    return Answer(503, "gone", f"{model} is not served here any more. Try again.", 1)


def leaving(model: str) -> Answer:
    """The activator ends, and no pod has come in time."""
    return Answer(503, "leaving", f"{model} has not started yet, and what held the request ends. Try again.", 1)


UPGRADE = Answer(
    501,
    "upgrade",
    "A connection cannot be upgraded (WebSocket, CONNECT) while the model wakes. Send an ordinary request first.",
)
PRIVATE = Answer(404, "private", "This path is the model server's own: it is not served here, and wakes nobody.")
TARGET = Answer(400, "target", "The request's target has to be a path that begins with '/'.")
TOO_LARGE = Answer(413, "tooLarge", "The request's body is larger than the activator passes on.")
