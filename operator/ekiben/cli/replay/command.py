"""The command `ekiben replay`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click
from rich.console import Console

from ekiben.analysis import Config
from ekiben.api.base import seconds
from ekiben.api.model import Runtime
from ekiben.api.traffic import Traffic
from ekiben.cli import output as outputs
from ekiben.cli import place as places
from ekiben.cli import words
from ekiben.cli.fit import Fit
from ekiben.cli.place import Place
from ekiben.cli.seen import Seen
from ekiben.signals.business import split
from ekiben.signals.counters import MetricsError
from ekiben.signals.prometheus import Names
from ekiben.signals.prometheus_api import PrometheusApi, Server
from ekiben.signals.replay import Recorded, download, looks

from . import chart, choose, kept
from .outcome import Outcome

_WIDEST = 120


@dataclass(frozen=True)
class Asked:
    """What the options say."""

    name: str
    since: str
    until: str
    revision: str
    against: str
    policy: Path | None
    server: Server
    interval: float
    names: Names
    runtime: str | None


@click.command()
@click.argument("name")
@click.option(
    "--since", default="1h", metavar="TIME|SPAN", help="From when on: 90m, or 2026-05-01T10:00Z; default: 1h."
)
@click.option("--until", default="", metavar="WHEN", help="Until when; default: now.")
@click.option("--revision", default="", metavar="N|HASH", help="The revision on trial; default: the latest.")
@click.option("--against", default="", metavar="N|HASH", help="What it is compared with; default: the one before it.")
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A ModelDeployment or RolloutPolicy whose rollout.analysis is tried; default: the resource's own.",
)
@click.option("--prometheus", envvar="EKIBEN_PROMETHEUS_URL", required=True, metavar="URL", help="The server to ask.")
@click.option("--token-file", default="", envvar="EKIBEN_PROMETHEUS_TOKEN_FILE", help="A bearer token for it.")
@click.option("--ca-file", default="", envvar="EKIBEN_PROMETHEUS_CA_FILE", help="Who vouches for it.")
@click.option(
    "--interval", type=click.FloatRange(1, 300), default=30.0, help="Seconds between its scrapes; default 30."
)
@click.option("--namespace-label", default="namespace", help="Its label for a pod's namespace.")
@click.option("--pod-label", default="pod", help="Its label for a pod's name.")
@click.option(
    "--runtime",
    type=click.Choice([one.value for one in Runtime]),
    help="The model server of the time; default: what each revision's Deployment says, or else spec.model.",
)
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Draw the evidence into this file too.")
@outputs.option(outputs.JSON, outputs.YAML)
@places.options
def replay(png: Path | None, output: str | None, place: Place, **options: Any) -> None:
    """Show what a policy would have decided on past data in Prometheus.

    The counters of both revisions' pods are judged again, sample by sample, as the operator would have judged them.
    """
    outcome = places.run(_replay(place, _asked(options)))
    if outcome is None:
        return
    if png is not None:
        chart.picture(outcome.looks, f"{outcome.name}: {outcome.canary} against {outcome.stable}", png)
    if output is not None:
        outputs.write(outcome.data(), output)
        return
    console = Console(highlight=False)
    console.print(f"[bold]{outcome.name}[/]: {outcome.canary} against {outcome.stable}")
    console.print(Fit(lambda width: chart.terminal(outcome.looks, width)), width=min(console.width, _WIDEST))
    for line in outcome.lines():
        console.print(line)


def _asked(options: dict[str, Any]) -> Asked:
    server = Server(options.pop("prometheus"), options.pop("token_file"), options.pop("ca_file"))
    names = Names(options.pop("namespace_label"), options.pop("pod_label"))
    return Asked(server=server, names=names, **options)


async def _replay(place: Place, asked: Asked) -> Outcome:
    now = time.time()
    until = _moment(asked.until, now) if asked.until else now
    since = _moment(asked.since, now)
    if since >= until:
        raise click.ClickException(f"--since {asked.since} is not before --until {asked.until or 'now'}")
    async with place.cluster() as cluster:
        seen = await places.read(cluster, place.chosen, asked.name)
        servers = {} if asked.runtime else await kept.runtimes(cluster, seen)
    policy = choose.policy_in(asked.policy) if asked.policy else choose.own_policy(seen)
    recorded = await _download(asked, seen, servers, since, until)
    canary, stable = choose.pair(seen, recorded, asked.revision, asked.against)
    weights, notes = choose.weights(seen, recorded, canary, stable)
    timeout = seconds(str((seen.spec.get("traffic") or {}).get("timeout") or Traffic().timeout))
    # What the operator leaves the requests where business metrics have a part of falseRollback.
    config, _ = split(Config.of(policy.analysis), policy.analysis.metrics)
    found = list(
        looks(
            recorded,
            config,
            weights,
            canary=canary,
            stable=stable,
            timeout=timeout,
            randomised=not seen.by_replicas,
        )
    )
    unknown = () if asked.runtime else [one for one in (canary, stable) if one not in servers]
    notes = (*notes, *choose.left_out(policy.analysis), *choose.guessed(seen, unknown, recorded.runtime))
    happened = next((one for one in reversed(seen.status.history) if one.revision == canary), None)
    return Outcome(asked.name, seen.called(canary), seen.called(stable), found, notes, happened)


async def _download(asked: Asked, seen: Seen, servers: Mapping[str, Runtime], since: float, until: float) -> Recorded:
    runtime = Runtime(asked.runtime) if asked.runtime else kept.runtime_in(seen.spec.get("model") or {})
    try:
        api = PrometheusApi(asked.server)
    except (ValueError, OSError) as error:
        raise click.ClickException(f"--prometheus cannot be used: {error}") from error
    try:
        return await download(
            api, asked.name, seen.namespace, runtime, since, until, asked.interval, asked.names, servers
        )
    except MetricsError as error:
        raise click.ClickException(str(error)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise click.ClickException(f"{api.whose} cannot be reached: {error}") from error
    finally:
        await api.close()


def _moment(text: str, now: float) -> float:
    """Return a time, or a span before now, as seconds since the epoch."""
    if re.fullmatch(r"([0-9]{1,5}(h|m|s))+", text):
        return now - seconds(text)
    try:
        return words.moment(text)
    except ValueError as error:
        shown = words.written(now)
        raise click.ClickException(f"{text!r} is neither a span such as 90m nor a time such as {shown}") from error
