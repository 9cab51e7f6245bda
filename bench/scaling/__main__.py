"""Lost and slow requests, and what they cost, beside the HPA's algorithm and Knative's on the same loads.

python -m bench.scaling [--quick] [--plot FILE] [--recorded FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from . import recorded
from .cases import MODELS, SCALERS, STARTS, Case, cases, run, tenfold
from .loads import HELD_OUT, TUNED
from .service import Outcome

Results = list[tuple[Case, Outcome]]
_RIVALS = ("HPA", "Knative", "ekiben")
_PICTURE = Path(__file__).resolve().parents[2] / "docs/images/scaling.png"


def main() -> None:
    """Print the tables, and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three loads, two start times, no picture: under 20 s")
    parser.add_argument("--plot", type=Path, help=f"where the picture goes; {_PICTURE.name} in docs/images by default")
    parser.add_argument("--recorded", type=Path, help="CSV with a column TIMESTAMP, a line a request: one load more")
    options = parser.parse_args()
    if options.recorded is not None:
        try:
            recorded.rates(options.recorded)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    began = time.monotonic()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        if options.quick:
            few = list(HELD_OUT)[:2] + list(HELD_OUT)[-1:]
            _table("Held out, quick form", _all(pool, cases(few, (10, 120), _RIVALS, "4 at once")))
        else:
            _full(pool, options.plot or _PICTURE)
        if options.recorded is not None:
            wanted = cases(["recorded"], STARTS, _RIVALS, "4 at once", options.recorded)
            _table(f"Recorded, from {options.recorded.name}", _all(pool, wanted))
    _reactions()
    print(f"\n{time.monotonic() - began:.0f} s")


def _full(pool: ProcessPoolExecutor, picture: Path) -> None:
    print(__doc__.splitlines()[0])
    print("A pod works on 4 requests at once for 0.5 s each on average, holds 64 more, and they give up after 30 s.")
    print("Slow: waited for more than 1 s. Starts: seconds until a new pod is ready. ks: thousands of replica-seconds.")
    _table("Tuned on", _all(pool, cases(TUNED, STARTS, tuple(SCALERS), "4 at once")))
    held_out = _all(pool, cases(HELD_OUT, STARTS, tuple(SCALERS), "4 at once"))
    _table("Held out", held_out)
    for model in list(MODELS)[1:]:
        _table(f"Held out, pods that work on {model}", _all(pool, cases(HELD_OUT, (30,), tuple(SCALERS), model)))
    from .plot import draw

    draw(picture, held_out)
    print(f"\n{picture}")


def _all(pool: ProcessPoolExecutor, wanted: Sequence[Case]) -> Results:
    return list(pool.map(run, wanted))


def _table(title: str, results: Results) -> None:
    scalers = list(dict.fromkeys(case.scaler for case, _ in results))
    print(f"\n{title}\n{'load':<17}{'starts':>7}" + "".join(f"{name:>26}" for name in scalers))
    print(f"{'':<24}" + f"{'lost+slow':>14}{'ks':>6}{'moves':>6}" * len(scalers))
    for load, start in dict.fromkeys((case.load, case.start) for case, _ in results):
        row = [outcome for case, outcome in results if (case.load, case.start) == (load, start)]
        print(f"{load:<17}{start:>5.0f} s" + "".join(_cell([outcome]) for outcome in row))
    for start in dict.fromkeys(case.start for case, _ in results):
        print(f"{'all':<17}{start:>5.0f} s" + "".join(_cell(_of(results, name, start)) for name in scalers))
    print(f"{'all':<24}" + "".join(_cell(_of(results, name)) for name in scalers))


def _of(results: Results, scaler: str, start: float | None = None) -> list[Outcome]:
    return [outcome for case, outcome in results if case.scaler == scaler and (start is None or case.start == start)]


def _cell(outcomes: Iterable[Outcome]) -> str:
    several = list(outcomes)
    bad = sum(each.lost + each.slow for each in several) / max(1, sum(each.requests for each in several))
    cost = sum(each.replica_seconds for each in several) / 1000
    return f"{bad:>14.2%}{cost:>6.0f}{sum(each.changes for each in several):>6}"


def _reactions() -> None:
    print("\nA tenfold step in load: seconds until more pods are asked for, and until enough are")
    for name in _RIVALS:
        first, enough = tenfold(name)
        print(f"  {name:<10}{first:>4} s{enough:>6} s")


if __name__ == "__main__":
    main()
