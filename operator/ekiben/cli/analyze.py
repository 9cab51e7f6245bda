"""`ekiben analyze`: blocks of counts in, verdicts out, a line each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import isfinite
from typing import Any

import click

from ekiben.analysis import POOLED, Block, BlockError, Config, Counts, Histogram, State, initial, log_evidence, step

_WORDS = {"Unknown": "unknown", "Regressed": "regressed", "NotWorse": "not-worse"}
_DEFAULT = Config()
_FIELDS = ("stream", "id", "t", "canary", "baseline", "bounds", "weight")
_COUNTED = ("n", "err", "rejected", "hist")
_MOST = 10**9
"""A count that is larger is no block of requests, and too much for a number of the test's."""


class LineError(ValueError):
    """A line cannot be used; the message names its field."""


@dataclass(frozen=True)
class Line:
    """One line that was read."""

    stream: str
    name: str | int
    """The block's id as it was written."""
    block: Block


@click.command()
@click.argument("file", type=click.File("rb"), default="-", metavar="[FILE]")
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
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Another draw of where answers lie inside their buckets, which latencyTolerance needs; 0 is the operator's.",
)
def analyze(file: Iterable[bytes], seed: int, **numbers: float) -> None:
    """Judge blocks of counts: a JSON object a line in, a JSON object a line out.

    FILE is standard input by default. A block is {"stream", "id", "t", "canary", "baseline", "bounds", "weight"}. An
    arm is {"pods": {UID: COUNTS}}, or COUNTS of the whole arm; COUNTS is {"n", "err", "rejected", "hist"}. With
    "weight", the canary's share of the requests (0 to 1), it is tested whether they are split so. Blocks of many
    streams may be interleaved.
    """
    try:
        for name, number in numbers.items():
            if not isfinite(number):
                raise ValueError(f"{name} is a finite number, not {number}")
        config = Config(**numbers)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for line in judged(file, config, seed):
        click.echo(line)


def judged(lines: Iterable[str | bytes], config: Config, seed: int = 0) -> Iterator[str]:
    """Yield one line for each line that is not blank.

    Raises:
        click.ClickException: a line cannot be used; the message says which, and which field.
    """
    states: dict[str, State] = {}
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            line = read(_decoded(text))
        except (LineError, BlockError) as error:
            raise click.ClickException(f"line {number}: {error}") from error
        # Whether there are histograms shows when the stable has answered often enough without one.
        before = states.get(line.stream) or initial(config, Histogram((), (0,)))
        after, said = step(before, _keyed(line.block, seed))
        states[line.stream] = after
        yield json.dumps(
            {
                "stream": line.stream,
                "id": line.name,
                "verdict": _WORDS[said.kind],
                "logE": {"rollback": log_evidence(after), "promote": _promote(after)},
                "because": said.because,
                **({"problem": said.problem} if said.problem else {}),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        )


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise LineError(
            f"byte {error.start + 1} is no UTF-8: write the file in UTF-8, such as with iconv -t utf-8"
        ) from error


def _keyed(block: Block, seed: int) -> Block:
    """Return the block under an id of the seed's: what is drawn by chance is drawn by the block's id."""
    if seed == 0:
        return block
    return replace(block, id=blake2b(f"{seed} {block.id}".encode(), digest_size=16).hexdigest())


def _promote(state: State) -> float:
    """Return the evidence of the metric that has least of it: every one has to pass."""
    return min(metric.log_not_worse for _, metric in state.metrics)


def read(text: str) -> Line:
    """Return what a line says.

    Raises:
        LineError: it is no JSON object, or a field is missing, unknown or of the wrong type.
        BlockError: the counts contradict each other.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LineError(f"this is not JSON: {error}; each line has to be one JSON object") from error
    if not isinstance(data, dict):
        raise LineError('a line is a JSON object such as {"id": 1, "canary": …, "baseline": …}')
    _known(data, _FIELDS, "")
    stream = data.get("stream", "")
    if not isinstance(stream, str):
        raise LineError("stream: a text is needed")
    _text(stream, "stream")
    bounds = data.get("bounds", [])
    if not isinstance(bounds, list):
        raise LineError("bounds: a list of seconds is needed")
    name = _id(data)
    block = Block(
        id=str(name),
        t=_number(data.get("t", 0), "t"),
        canary=_arm(data, "canary"),
        baseline=_arm(data, "baseline"),
        bounds=tuple(_number(bound, f"bounds[{index}]") for index, bound in enumerate(bounds)),
        weight=_number(data["weight"], "weight") if data.get("weight") is not None else None,
    )
    return Line(stream, name, block)


def _known(data: Mapping[str, Any], fields: tuple[str, ...], where: str) -> None:
    unknown = sorted(data.keys() - set(fields))
    if unknown:
        _text(unknown[0], f"{where.rstrip('.') or 'this line'}: the name of a field")
        raise LineError(f"{where}{unknown[0]}: no such field; there are {', '.join(fields[:-1])} and {fields[-1]}")


def _id(data: Mapping[str, Any]) -> str | int:
    found = data.get("id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise LineError("id: a text or a whole number is needed, so that no block counts twice")
    if isinstance(found, str):
        _text(found, "id")
    return found


def _text(found: str, where: str) -> None:
    try:
        found.encode()
    except UnicodeEncodeError as error:
        raise LineError(
            f"{where}: {json.dumps(found[error.start])} is half of a character: write both of its halves, such as "
            r'"\ud83d\ude00", or the character itself'
        ) from error


def _arm(data: Mapping[str, Any], name: str) -> dict[str, Counts]:
    arm = data.get(name)
    if not isinstance(arm, dict):
        raise LineError(f'{name}: {{"pods": {{…}}}} or the counts of the whole arm are needed')
    if "pods" not in arm:
        return {POOLED: _counts(arm, name)}
    if not isinstance(arm["pods"], dict):
        raise LineError(f"{name}.pods: an object with an entry a pod is needed")
    for uid in arm["pods"]:
        _text(uid, f"{name}.pods: the name of a pod")
    return {uid: _counts(counts, f"{name}.pods.{uid}") for uid, counts in arm["pods"].items()}


def _counts(data: Any, where: str) -> Counts:
    if not isinstance(data, dict):
        raise LineError(f'{where}: an object such as {{"n": 20, "err": 1}} is needed')
    _known(data, _COUNTED, f"{where}.")
    hist = data.get("hist", [])
    if not isinstance(hist, list):
        raise LineError(f"{where}.hist: a list of counts is needed")
    counts = Counts(
        n=_whole(data.get("n"), f"{where}.n"),
        errors=_whole(data.get("err", 0), f"{where}.err"),
        hist=tuple(_whole(count, f"{where}.hist[{index}]") for index, count in enumerate(hist)),
        rejected=_whole(data.get("rejected", 0), f"{where}.rejected"),
    )
    if 0 <= counts.n - counts.errors < sum(counts.hist):
        raise LineError(
            f"{where}.hist: {sum(counts.hist)} answers, but n - err is {counts.n - counts.errors}: hist counts answers "
            "with success alone"
        )
    return counts


def _whole(found: Any, where: str) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise LineError(f"{where}: a whole number of 0 or more is needed, not {json.dumps(found)}")
    if found > _MOST:
        raise LineError(f"{where}: at most {_MOST:,} can be counted in a block: make blocks shorter")
    return found


def _number(found: Any, where: str) -> float:
    try:
        if not isinstance(found, bool) and isinstance(found, int | float) and isfinite(found):
            return float(found)
    except OverflowError:
        pass
    raise LineError(f"{where}: a number is needed, not {json.dumps(found)[:80]}")
