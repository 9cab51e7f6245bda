"""The command `ekiben history`."""

from __future__ import annotations

import time

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ekiben.cli import output as outputs
from ekiben.cli import place as places
from ekiben.cli import words
from ekiben.cli.fit import Fit
from ekiben.cli.place import Place
from ekiben.cli.seen import Seen

from .lines import Line, lines

_COLOURS = {"Promoted": "green", "RolledBack": "red", "Failed": "red", "Running": "cyan", "Undone": "yellow"}
_ROOMY = 100


@click.command()
@click.argument("name")
@outputs.option(outputs.JSON, outputs.YAML)
@places.options
def history(name: str, output: str | None, place: Place) -> None:
    """Show every rollout that the status remembers, the latest first."""
    seen = places.run(_read(place, name))
    if seen is None:
        return
    found = lines(seen, time.time())
    if output is not None:
        outputs.write([one.data() for one in found], output)
    else:
        Console(highlight=False).print(table(found, time.time()))


async def _read(place: Place, name: str) -> Seen:
    async with place.cluster() as cluster:
        return await places.read(cluster, place.chosen, name)


def table(found: list[Line], now: float) -> RenderableType:
    """Return the rollouts for a terminal; the image only where there is room for it."""
    return Fit(lambda width: _table(found, now, images=width >= _ROOMY)) if found else Text("No rollout yet.")


def _table(found: list[Line], now: float, *, images: bool) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    columns = ["", "REVISION", *(["IMAGE"] if images else []), "STARTED", "TOOK", "WEIGHT", "OUTCOME", "WHY"]
    for column in columns:
        shown.add_column(column, justify="right" if column in ("TOOK", "WEIGHT") else "left", no_wrap=column != "WHY")
    for one in found:
        cells: list[RenderableType] = [
            Text("●", style="green") if one.serves else "",
            Text.assemble((str(one.number), "bold"), f" {one.revision}"),
            *([words.short_image(one.image)] if images else []),
            words.ago(one.started_at, now),
            words.span(one.seconds),
            "?" if one.weight is None else f"{one.weight} %",
            Text(one.outcome, style=_COLOURS.get(one.outcome, "default")),
            one.why,
        ]
        shown.add_row(*cells)
    return shown
