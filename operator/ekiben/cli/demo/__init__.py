"""`ekiben demo`: the whole product on a local cluster, in a few minutes."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from ekiben.localcluster.errors import ClusterError
from ekiben.localcluster.operator_image import ImageBuildError
from ekiben.localcluster.progress import Lines
from ekiben.localcluster.settings import ClusterInfo, state_folder
from ekiben.packaging import PackagingError

from . import picture, stage, summary
from .acts import ACTS
from .journey import NAMESPACE, Journey, travel

__all__ = ["demo"]


@click.command()
@click.option("--gateway-port", default=8080, show_default=True, help="Port of 127.0.0.1 for the cluster's gateway.")
@click.option(
    "--picture", "chart", type=click.Path(path_type=Path), help="Where the chart goes; its ending says PNG or SVG."
)
@click.option("--json", "figures", type=click.Path(path_type=Path), help="Write the figures to this file as well.")
def demo(gateway_port: int, chart: Path | None, figures: Path | None) -> None:
    """Show the whole product on a local cluster.

    Brings up a Kubernetes cluster on this machine, trains and packs four revisions of a model, and rolls them out
    under steady load: the second is promoted, the third rolled back for its errors, the fourth for its latency.
    Exit code 0 only when all four ended that way and no request was lost.
    """
    # Lines that go into a log have no terminal to fit into.
    console = Console() if sys.stdout.isatty() else Console(width=140)
    began = time.monotonic()
    try:
        root = stage.source_root()
        progress = Lines()
        info = stage.raise_cluster(progress, gateway_port)
        stage.install_operator(root, info, progress)
        packed = stage.pack(root, info, progress, lambda text: console.print(f"    {text}"))
        journey = asyncio.run(travel(console, info, packed))
    except (stage.DemoError, ClusterError, ImageBuildError, PackagingError) as error:
        raise click.ClickException(str(error)) from error
    console.print()
    _report(console, info, journey, chart, figures)
    console.print(f"\nThe demo took {time.monotonic() - began:.0f} s.")
    sys.exit(0 if summary.succeeded(journey.outcomes, journey.answers, len(ACTS)) else 1)


def _report(console: Console, info: ClusterInfo, journey: Journey, chart: Path | None, figures: Path | None) -> None:
    summary.print_summary(console, journey.outcomes, journey.answers, journey.sent)
    file = chart or state_folder().parent / "demo.png"
    picture.draw(file, journey.begun, journey.outcomes[1:], journey.answers)
    if figures is not None:
        figures.write_text(
            json.dumps(summary.as_json(journey.outcomes, journey.answers, journey.sent), indent=2) + "\n"
        )
    summary.print_next(console, info.gateway_url, journey.host, NAMESPACE, info.kubeconfig, file)
