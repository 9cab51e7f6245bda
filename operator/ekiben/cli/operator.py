"""`ekiben operator run`: the operator, in a cluster or on a laptop."""

from __future__ import annotations

import importlib
from typing import Any

import click


@click.group()
def operator() -> None:
    """Run the operator."""


@operator.command()
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False),
    help="File; default: the pod's service account, or else $KUBECONFIG, or else ~/.kube/config.",
)
@click.option("--context", help="Context in that file; default: its current one.")
@click.option("-n", "--namespace", "namespaces", multiple=True, help="Serve only this namespace; may be repeated.")
@click.option(
    "--scrape",
    type=click.Choice(["auto", "direct", "proxy"]),
    help="Read the pods' counters by their IP, or through the API server; default: direct in a cluster, proxy outside.",
)
@click.option("--port", "http_port", type=int, help="Port of /metrics and /livez; default 8080, 0 takes any.")
@click.option("--public-port", type=int, help="Port in the URLs that status shows; default: the gateway's own.")
@click.option("--log-format", type=click.Choice(["json", "text"]), help="Default: json in a cluster, text outside.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Default: info.")
def run(kubeconfig: str | None, context: str | None, **flags: Any) -> None:
    """Watch ModelDeployments and carry out their rollouts, until SIGTERM or Ctrl-C.

    Every setting is also an environment variable EKIBEN_…; docs/operations.md lists them. Only one operator acts at a
    time: this one waits while another one holds the lease.
    """
    # By name, as `ekiben` finds its commands: the command line and the operator stand side by side.
    module = importlib.import_module("ekiben.operator.start")
    try:
        module.start(kubeconfig, context, flags)
    except module.OperatorError as error:
        raise click.ClickException(str(error)) from error
