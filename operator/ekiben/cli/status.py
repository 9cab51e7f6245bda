"""`ekiben status`: what is serving, what the evidence says, and what comes next."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.status import MetricEvidence, RevisionStatus
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.connection import Source
from ekiben.cluster.errors import ClusterError

_EVERY = 1.0
_COLOURS = {"Stable": "green", "Failed": "red", "Degraded": "red", "RollingBack": "red", "Paused": "yellow"}


@click.command()
@click.argument("name", required=False)
@click.option("-n", "--namespace", help="Namespace; default: that of the kubeconfig's context, or `default`.")
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces.")
@click.option("-w", "--watch", is_flag=True, help="Go on showing it, until Ctrl-C.")
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default: $KUBECONFIG, or else ~/.kube/config.")
@click.option("--context", help="Context in that file; default: its current one.")
def status(
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    watch: bool,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show one ModelDeployment, or a line for each."""
    if name and all_namespaces:
        raise click.UsageError("NAME and --all-namespaces exclude each other: a name belongs to one namespace")
    try:
        asyncio.run(_show(Source(kubeconfig, context), name, namespace, all_namespaces, watch))
    except ClusterError as error:
        raise click.ClickException(error.message) from error
    except KeyboardInterrupt:
        pass


async def _show(source: Source, name: str | None, namespace: str | None, everywhere: bool, watch: bool) -> None:
    where = None if everywhere else namespace or source.namespace()
    cluster = await Cluster.connect(source)
    try:
        console = Console()
        if not watch:
            console.print(await _view(cluster, where, name))
            return
        with Live(await _view(cluster, where, name), console=console, refresh_per_second=4) as live:
            while True:
                await asyncio.sleep(_EVERY)
                live.update(await _view(cluster, where, name))
    finally:
        await cluster.close()


async def _view(cluster: Cluster, namespace: str | None, name: str | None) -> RenderableType:
    if name is None:
        return overview(await cluster.list(kinds.MODEL_DEPLOYMENT, namespace))
    raw = await cluster.get(kinds.MODEL_DEPLOYMENT, namespace, name)
    return detail(ModelDeployment.parse(raw))


def overview(items: list[dict[str, Any]]) -> RenderableType:
    """Return one line a resource."""
    if not items:
        return Text("No ModelDeployment here.")
    table = Table(box=None, pad_edge=False)
    for column in ("NAMESPACE", "NAME", "PHASE", "STABLE", "READY", "CANARY", "WEIGHT", "VERDICT", "URL"):
        table.add_column(column)
    for raw in items:
        one = ModelDeployment.parse(raw)
        state = one.status
        table.add_row(
            one.metadata.namespace,
            one.metadata.name,
            _phase(state.phase.value),
            state.stable.revision if state.stable else "-",
            _ready(state.stable),
            state.canary.revision if state.canary else "-",
            f"{state.canary.weight} %" if state.canary else "-",
            state.verdict.verdict if state.verdict and state.rollout else "-",
            state.url or "-",
        )
    return table


def detail(one: ModelDeployment) -> RenderableType:
    """Return everything that the status says about one resource."""
    state = one.status
    head = Text.assemble((f"{one.metadata.namespace}/{one.metadata.name}", "bold"), "  ", _phase(state.phase.value))
    parts: list[RenderableType] = [head, Text(state.url or "no URL yet", style="dim"), Text(), _revisions(one)]
    if state.rollout:
        steps = one.spec.rollout.steps
        step = f"step {state.rollout.step + 1} of {len(steps)}, " if state.rollout.state == "Step" else ""
        parts.append(Text(f"\n{step}{state.rollout.state} {state.rollout.message}".rstrip()))
    if state.verdict:
        parts += [Text.assemble("\nverdict: ", (state.verdict.verdict, "bold"), f"  {state.verdict.message}")]
        parts.append(_metrics(state.verdict.metrics))
    parts += [Text(), _conditions(one)]
    if state.history:
        parts += [Text(), _history(one)]
    return Group(*parts)


def _phase(phase: str) -> Text:
    return Text(phase, style=_COLOURS.get(phase, "cyan"))


def _ready(one: RevisionStatus | None) -> str:
    return f"{one.ready}/{one.replicas}" if one else "-"


def _revisions(one: ModelDeployment) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "REVISION", "READY", "WEIGHT", "ACKNOWLEDGED", "IMAGE"):
        table.add_column(column)
    for role, revision in (("stable", one.status.stable), ("canary", one.status.canary), ("former", one.status.former)):
        if revision:
            table.add_row(
                role,
                f"{revision.number} {revision.revision}",
                _ready(revision),
                f"{revision.weight} %",
                f"{revision.acknowledged_weight} %",
                revision.image,
            )
    return table


def _metrics(metrics: list[MetricEvidence]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("METRIC", "CANARY", "STABLE", "ODDS RATIO", "REGRESSED", "NOT WORSE"):
        table.add_column(column)
    for metric in metrics:
        slower = f" (over {metric.boundary:g} s)" if metric.boundary else ""
        table.add_row(
            metric.name + slower,
            f"{metric.canary_events} of {metric.canary_requests}",
            f"{metric.stable_events} of {metric.stable_requests}",
            "-" if metric.odds_ratio is None else f"{metric.odds_ratio:.2f}",
            _share(metric.regressed, "red"),
            _share(metric.not_worse, "green"),
        )
    return table


def _share(evidence: float, colour: str) -> Text:
    """Show evidence as a share of what decides."""
    full = max(0.0, min(1.0, evidence))
    return Text(f"{'█' * round(10 * full):<10} {100 * max(0.0, evidence):.0f} %", style=colour if full >= 1 else "")


def _conditions(one: ModelDeployment) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("CONDITION", "", "REASON", "MESSAGE"):
        table.add_column(column)
    for condition in one.status.conditions:
        table.add_row(condition.type, condition.status, condition.reason, condition.message)
    return table


def _history(one: ModelDeployment) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("ENDED", "REVISION", "OUTCOME", "REASON", "MESSAGE"):
        table.add_column(column)
    for entry in reversed(one.status.history):
        table.add_row(entry.ended_at, f"{entry.number} {entry.revision}", entry.outcome, entry.reason, entry.message)
    return table
