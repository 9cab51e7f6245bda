"""The command `ekiben explain`."""

from __future__ import annotations

import time

import click
from rich.console import Console

from ekiben.cli import output
from ekiben.cli import place as places
from ekiben.cli.place import Place

from .options import Commands
from .render import render
from .story import Story
from .tell import UnknownRevisionError, tell

_WIDEST = 110
"""Characters: longer lines are hard to read."""


@click.command()
@click.argument("name")
@click.option("--revision", default="", metavar="N|HASH", help="Its last rollout, instead of the last one of all.")
@output.option(output.JSON, output.YAML)
@places.options
def explain(name: str, revision: str, output: str | None, place: Place) -> None:
    """Tell why the last rollout went as it did, what it waits for, and what one can do."""
    story = places.run(_tell(place, name, revision))
    if story is not None:
        show(story, output)


async def _tell(place: Place, name: str, revision: str) -> Story:
    async with place.cluster() as cluster:
        seen = await places.read(cluster, place.chosen, name)
    commands = Commands(places.prog(), name, seen.namespace, place.flags)
    try:
        return tell(seen, time.time(), commands, revision)
    except UnknownRevisionError as error:
        raise click.ClickException(str(error)) from error


def show(story: Story, form: str | None) -> None:
    """Print the story."""
    if form is not None:
        output.write(story.data(), form)
    else:
        console = Console(highlight=False)
        console.print(render(story, time.time()), width=min(console.width, _WIDEST), crop=False)
