"""`ekiben analyze`: blocks of counts in, verdicts out, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

import click

from ekiben.analysis import POOLED, Block, BlockError, Config, Counts, Histogram, State, initial, log_evidence, step

_WORDS = {"Unknown": "unknown", "Regressed": "regressed", "NotWorse": "not-worse"}
_DEFAULT = Config()


class LineError(ValueError):
    """A line cannot be used; the message names its field."""


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-", metavar="[FILE]")
@click.option("--alpha", type=float, default=_DEFAULT.alpha, show_default=True, help="Bound on false rollbacks.")
@click.option("--beta", type=float, default=_DEFAULT.beta, show_default=True, help="Bound on false promotions.")
@click.option(
    "--error-tolerance",
    type=float,
    default=_DEFAULT.error_tolerance,
    show_default=True,
    help="Odds ratio of errors that is no regression.",
)
@click.option(
    "--latency-tolerance",
    type=float,
    default=_DEFAULT.latency_tolerance,
    show_default=True,
    help="How many times slower is no regression.",
)
@click.option("--delta", type=float, default=_DEFAULT.delta, show_default=True, help='Absolute margin of "not worse".')
@click.option("--rho", type=float, default=_DEFAULT.rho, show_default=True, help='Relative margin of "not worse".')
def analyze(file: Iterable[str], **numbers: float) -> None:
    """Judge blocks of counts: a JSON object a line in, a JSON object a line out.

    FILE is standard input by default. A block is {"stream", "id", "t", "canary", "baseline", "bounds", "weight"}. An
    arm is {"pods": {UID: COUNTS}}, or COUNTS of the whole arm; COUNTS is {"n", "err", "rejected", "hist"}. With
    "weight", the canary's share of the requests (0 to 1), it is tested whether they are split so. Blocks of many
    streams may be interleaved.
    """
    try:
        config = Config(**numbers)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for line in judged(file, config):
        click.echo(line)


def judged(lines: Iterable[str], config: Config) -> Iterator[str]:
    """Yield one line for each line that is not blank.

    Raises:
        click.ClickException: a line cannot be used; the message says which, and which field.
    """
    states: dict[str, State] = {}
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            stream, block = read(text)
        except (LineError, BlockError) as error:
            raise click.ClickException(f"line {number}: {error}") from error
        before = states.get(stream)
        if before is None:
            before = initial(config, Histogram((), (0,)) if block.bounds else None)
        states[stream], said = step(before, block)
        yield json.dumps(
            {
                "stream": stream,
                "id": block.id,
                "verdict": _WORDS[said.kind],
                "logE": {"rollback": log_evidence(states[stream]), "promote": _promote(states[stream])},
                "because": said.because,
                **({"problem": said.problem} if said.problem else {}),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )


def _promote(state: State) -> float:
    """Return the evidence of the metric that has least of it: every one has to pass."""
    return min(metric.log_not_worse for _, metric in state.metrics)


def read(text: str) -> tuple[str, Block]:
    """Return a line's stream and block.

    Raises:
        LineError: it is no JSON object, or a field is missing or of the wrong type.
        BlockError: the counts contradict each other.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise LineError(f"this is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise LineError("a line is a JSON object")
    stream = data.get("stream", "")
    if not isinstance(stream, str):
        raise LineError("stream: a text is needed")
    bounds = data.get("bounds", [])
    if not isinstance(bounds, list):
        raise LineError("bounds: a list of seconds is needed")
    block = Block(
        id=_id(data),
        t=_number(data.get("t", 0), "t"),
        canary=_arm(data, "canary"),
        baseline=_arm(data, "baseline"),
        bounds=tuple(_number(bound, f"bounds[{index}]") for index, bound in enumerate(bounds)),
        weight=_number(data["weight"], "weight") if data.get("weight") is not None else None,
    )
    return stream, block


def _id(data: Mapping[str, Any]) -> str:
    found = data.get("id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise LineError("id: a text or a whole number is needed, so that no block counts twice")
    return str(found)


def _arm(data: Mapping[str, Any], name: str) -> dict[str, Counts]:
    arm = data.get(name)
    if not isinstance(arm, dict):
        raise LineError(f'{name}: {{"pods": {{…}}}} or the counts of the whole arm are needed')
    if "pods" not in arm:
        return {POOLED: _counts(arm, name)}
    if not isinstance(arm["pods"], dict):
        raise LineError(f"{name}.pods: an object with an entry a pod is needed")
    return {uid: _counts(counts, f"{name}.pods.{uid}") for uid, counts in arm["pods"].items()}


def _counts(data: Any, where: str) -> Counts:
    if not isinstance(data, dict):
        raise LineError(f'{where}: an object such as {{"n": 20, "err": 1}} is needed')
    unknown = sorted(data.keys() - {"n", "err", "rejected", "hist"})
    if unknown:
        raise LineError(f"{where}.{unknown[0]}: no such field; there are n, err, rejected and hist")
    hist = data.get("hist", [])
    if not isinstance(hist, list):
        raise LineError(f"{where}.hist: a list of counts is needed")
    return Counts(
        n=_whole(data.get("n"), f"{where}.n"),
        errors=_whole(data.get("err", 0), f"{where}.err"),
        hist=tuple(_whole(count, f"{where}.hist[{index}]") for index, count in enumerate(hist)),
        rejected=_whole(data.get("rejected", 0), f"{where}.rejected"),
    )


def _whole(found: Any, where: str) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise LineError(f"{where}: a whole number of 0 or more is needed, not {json.dumps(found)}")
    return found


def _number(found: Any, where: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        raise LineError(f"{where}: a number is needed, not {json.dumps(found)}")
    return float(found)
