"""`ekiben activator run`: what holds the requests of sleeping models."""

from __future__ import annotations

import importlib

import click


@click.group()
def activator() -> None:
    """Run the activator, which holds requests while a model wakes."""


@activator.command()
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False),
    help="File; default: the pod's service account, or else $KUBECONFIG, or else ~/.kube/config.",
)
@click.option("--context", help="Context in that file; default: its current one.")
def run(kubeconfig: str | None, context: str | None) -> None:
    """Hold the requests of models that sleep and hand them on when a pod is ready, until SIGTERM or Ctrl-C.

    Which models these are, and where their pods are, the operator writes into a ConfigMap of its own namespace. Every
    setting is an environment variable EKIBEN_ACTIVATOR_…; docs/scale-to-zero.md lists them.
    """
    module = importlib.import_module("ekiben.activator.run")
    try:
        module.start(kubeconfig, context, importlib.import_module("ekiben.operator.logs").configure)
    except module.ActivatorError as error:
        raise click.ClickException(str(error)) from error
