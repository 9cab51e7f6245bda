"""The command `ekiben status`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ekiben.cli import output as outputs
from ekiben.cli import place as places
from ekiben.cli.place import Place
from ekiben.cli.seen import Seen, UnreadableError, seen
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import UnavailableError

from .detail import detail
from .overview import overview

_EVERY = 1.0
_FRAMES = 4
"""Pictures a second: countdowns and progress go on between two reads."""


@click.command()
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
@outputs.option(outputs.JSON, outputs.YAML, outputs.WIDE)
@places.options
def status(name: str | None, all_namespaces: bool, watch: bool, output: str | None, place: Place) -> None:
    """Show one ModelDeployment, or a line for each."""
    if name and all_namespaces:
        raise click.UsageError("NAME and --all-namespaces exclude each other: a name belongs to one namespace")
    if watch and output in (outputs.JSON, outputs.YAML):
        raise click.UsageError(f"--watch shows a picture: leave out -o {output}, or leave out --watch")
    places.run(_Show(place, name, all_namespaces, output).run(watch))


class _Show:
    """Reads what was asked for and shows it."""

    def __init__(self, place: Place, name: str | None, everywhere: bool, form: str | None) -> None:
        self._place = place
        self._name = name
        self._everywhere = everywhere
        self._form = form
        self._unreadable: list[str] = []
        """Of a list: what cannot be read, which must not hide the others."""

    async def run(self, watch: bool) -> None:
        """Show it once, or until Ctrl-C."""
        async with self._place.cluster() as cluster:
            console = Console(highlight=False)
            found = await self._read(cluster)
            if watch:
                await self._watch(cluster, console, found)
            elif self._form in (outputs.JSON, outputs.YAML):
                outputs.write(self._data(found), self._form)
            else:
                console.print(self._view(found, live=False))

    async def _read(self, cluster: Cluster) -> list[Seen]:
        if self._name is not None:
            return [await places.read(cluster, self._place.chosen, self._name)]
        where = None if self._everywhere else self._place.chosen
        found: list[Seen] = []
        self._unreadable = []
        for raw in await cluster.list(kinds.MODEL_DEPLOYMENT, where):
            try:
                found.append(seen(raw))
            except UnreadableError as error:
                self._unreadable.append(str(error))
        return found

    async def _watch(self, cluster: Cluster, console: Console, found: list[Seen]) -> None:
        if console.is_terminal:
            await self._live(cluster, console, found)
        while True:
            console.print(self._view(found, live=True))
            before, found = found, await self._read(cluster)
            while found == before:
                await asyncio.sleep(_EVERY)
                found = await self._read(cluster)

    async def _live(self, cluster: Cluster, console: Console, found: list[Seen]) -> None:
        read_at, trouble = time.monotonic(), ""
        with Live(self._view(found, live=True), console=console, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(1 / _FRAMES)
                if time.monotonic() - read_at >= _EVERY:
                    try:
                        found, trouble = await self._read(cluster), ""
                    except UnavailableError as error:
                        trouble = f"{error.message}; trying again"
                    read_at = time.monotonic()
                view = self._view(found, live=True)
                live.update(Group(view, Text(trouble, style="red")) if trouble else view, refresh=True)

    def _view(self, found: list[Seen], *, live: bool) -> RenderableType:
        if self._name is None:
            table = overview(found, time.time(), wide=self._form == outputs.WIDE)
            return Group(table, *(Text(line, style="red") for line in self._unreadable))
        return detail(found[0], time.time(), live=live, wide=self._form == outputs.WIDE)

    def _data(self, found: list[Seen]) -> Any:
        data = [one.data() for one in found]
        return data[0] if self._name is not None else data
