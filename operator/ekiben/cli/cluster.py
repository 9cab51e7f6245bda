"""`ekiben cluster up | down | status | load`: a real Kubernetes on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ekiben import localcluster
from ekiben.localcluster.native.status import Status
from ekiben.localcluster.progress import Lines, Live, Progress
from ekiben.localcluster.settings import ClusterInfo, Settings

_MIB = 2**20


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show spinners on a terminal and plain lines elsewhere; turn a failure into a message and exit code 1."""
    try:
        if sys.stderr.isatty():
            with Live() as live:
                yield live
        else:
            yield Lines()
    except localcluster.ClusterError as error:
        raise click.ClickException(str(error)) from error


@click.group()
def cluster() -> None:
    """A local Kubernetes for trying ekiben and for its tests."""


def _ports(command: Callable[..., Any]) -> Callable[..., Any]:
    port = click.IntRange(1, 65535)
    command = click.option("--registry-port", type=port, help="Port of 127.0.0.1 for the image registry [5000].")(
        command
    )
    return click.option("--gateway-port", type=port, help="Port of 127.0.0.1 for the gateway [8080].")(command)


@cluster.command()
@_ports
@click.option("--context", metavar="NAME", help="Use this context of your kubeconfig and make no cluster.")
@click.option("--provider", type=click.Choice(["native", "kind", "k3d"]), help="Make the cluster this way.")
def up(gateway_port: int | None, registry_port: int | None, context: str | None, provider: str | None) -> None:
    """Bring a cluster up, or repair the one that is there.

    The first time compiles Kubernetes and its companions (about 10 minutes on two cores); later it takes seconds.
    """
    settings = Settings(gateway_port or 0, registry_port or 0, context=context, provider=provider)
    with _progress() as progress:
        info = localcluster.up(settings, progress)
    click.echo(_how_to(info))


@cluster.command()
@click.option("--purge", is_flag=True, help="Remove the cache of built parts too; the next `up` compiles them again.")
def down(purge: bool) -> None:
    """Take the cluster away with everything in it."""
    with _progress() as progress:
        localcluster.down(progress=progress, purge=purge)


@cluster.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show each part of the cluster. Exit code 0 only when all of them are healthy."""
    found = localcluster.status()
    info = localcluster.current()
    if as_json:
        click.echo(json.dumps(_as_json(found, info), indent=2))
    elif not found.parts:
        click.echo("There is no cluster. Make one with: ekiben cluster up")
    else:
        _print_table(found)
        if info is not None:
            click.echo(_addresses(info))
    sys.exit(0 if found.healthy else 1)


@cluster.command()
@click.argument("image")
def load(image: str) -> None:
    """Copy IMAGE (a name in buildah, podman or docker, or an OCI archive) into the cluster.

    Prints the reference to write into resources.
    """
    with _progress() as progress:
        reference = localcluster.load(image, progress=progress)
    click.echo(reference)


def _as_json(found: Status, info: ClusterInfo | None) -> dict[str, Any]:
    addresses = None if info is None else {name: str(value) for name, value in asdict(info).items()}
    parts = [asdict(part) for part in found.parts]
    return {
        "provider": found.provider,
        "healthy": found.healthy,
        "memory": found.memory,
        "parts": parts,
        "addresses": addresses,
    }


def _print_table(found: Status) -> None:
    table = Table(box=None, header_style="bold")
    for title in ("component", "running", "pid", "memory", "healthy"):
        table.add_column(title, justify="right" if title in {"pid", "memory"} else "left")
    for part in found.parts:
        memory = f"{part.memory / _MIB:.0f} MiB" if part.memory else ""
        health = part.message or ("yes" if part.healthy else "no")
        colour = "green" if part.healthy else "red"
        table.add_row(part.name, "yes" if part.running else "no", str(part.pid or ""), memory, f"[{colour}]{health}[/]")
    table.add_row("total", "", "", f"{found.memory / _MIB:.0f} MiB", "", style="bold")
    Console().print(table)


def _addresses(info: ClusterInfo) -> str:
    return "\n".join(
        [
            f"provider    {info.provider}",
            f"kubeconfig  {info.kubeconfig} (context {info.context}, also in your own kubeconfig)",
            f"gateway     {info.gateway_url or '-'}  (http://NAME.NAMESPACE.{info.domain}:{info.gateway_url.rpartition(':')[2]})",
            f"registry    {info.registry or '-'}",
            f"kubectl     {info.kubectl}",
            f"helm        {info.helm}",
        ]
    )


def _how_to(info: ClusterInfo) -> str:
    return "\n".join(
        [
            _addresses(info),
            "",
            "To use it from this shell:",
            f"  export KUBECONFIG={info.kubeconfig} PATH={info.bin}:$PATH",
            "  kubectl get nodes",
        ]
    )
