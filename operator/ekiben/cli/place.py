"""Which cluster and namespace a command is about: its options, and reading a resource there."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import click

from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.connection import Source
from ekiben.cluster.errors import ClusterError, NotFoundError

from .seen import Seen, UnreadableError, seen


class Reader(Protocol):
    """The part of the API server that reading needs."""

    async def get(self, kind: kinds.Kind, namespace: str | None, name: str) -> dict[str, Any]:
        """Read one object."""


@dataclass(frozen=True)
class Place:
    """A cluster and a namespace, as the options name them."""

    source: Source
    namespace: str | None = None
    """As written; None takes the one of the kubeconfig's context."""

    @property
    def chosen(self) -> str:
        """The namespace."""
        return self.namespace or self.source.namespace()

    @property
    def flags(self) -> str:
        """What to put behind a command that is to reach the same place: " -n shop --context staging", or nothing."""
        parts = {"-n": self.namespace, "--context": self.source.context, "--kubeconfig": self.source.kubeconfig}
        return "".join(f" {flag} {value}" for flag, value in parts.items() if value)

    @asynccontextmanager
    async def cluster(self) -> AsyncIterator[Cluster]:
        """Connect for as long as the block runs."""
        self.source.namespace()  # of a kubeconfig that cannot be read it says why in fewer words than the library
        cluster = await Cluster.connect(self.source)
        try:
            yield cluster
        finally:
            await cluster.close()


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --namespace, --kubeconfig and --context, which reach the command as one argument `place`."""

    @click.option("-n", "--namespace", help="Namespace; default: that of the kubeconfig's context, or `default`.")
    @click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default: $KUBECONFIG, or else ~/.kube/config.")
    @click.option("--context", help="Context in that file; default: its current one.")
    @functools.wraps(command)
    def wrapped(
        *arguments: Any, namespace: str | None, kubeconfig: str | None, context: str | None, **rest: Any
    ) -> Any:
        return command(*arguments, place=Place(Source(kubeconfig, context), namespace), **rest)

    return wrapped


async def read(cluster: Reader, namespace: str, name: str) -> Seen:
    """Read one ModelDeployment.

    Raises:
        ClusterError: it does not exist (the message says how to see those that do), or there was no answer.
        UnreadableError: another version of ekiben wrote it.
    """
    try:
        raw = await cluster.get(kinds.MODEL_DEPLOYMENT, namespace, name)
    except NotFoundError as error:
        raise NotFoundError(_missing(error.message, namespace, name), error.code) from error
    return seen(raw)


def _missing(message: str, namespace: str, name: str) -> str:
    if f'"{name}"' not in message:
        # The API server names an object that is missing; of a kind that is missing it only says that there is none.
        return (
            f"This cluster has no ModelDeployments at all: `ekiben crd | kubectl apply -f -` adds the kind ({message})"
        )
    return f"There is no ModelDeployment {name!r} in namespace {namespace!r}. `ekiben status -A` lists those there are."


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's work; what goes wrong with the cluster becomes a message and exit code 1, Ctrl-C an end."""
    try:
        return asyncio.run(work)
    except ClusterError as error:
        raise click.ClickException(error.message) from error
    except UnreadableError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        return None


def prog() -> str:
    """What the user typed to get here: `ekiben`, or `kubectl ekiben`."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "ekiben"
