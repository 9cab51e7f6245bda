"""What the bench prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from . import goals, rivals
from .compare import JUDGES, ORACLE, OURS, Case, Slow, Times
from .families import Floats

Compared = Sequence[tuple[Case | Slow, Times]]


def rules() -> None:
    """Print the rules that are compared."""
    print("On the same streams, a block every 5 s:")
    print(f"  {OURS:<8} this procedure: falseRollback 0.01; its own defaults where the canary is worse")
    for rule in rivals.RULES:
        print(f"  {rule.name:<8} {rule.settings} (its documentation's example)")
    print(f"  {ORACLE:<8} a two-arm SPRT that knows both rates in each block, and since when; for errors only")
    print("All see the same exact counters; a minute without requests of the canary counts for nobody.")


def false_rollbacks(results: Compared, title: str) -> None:
    """Print for each family how often each judge goes back from a canary that is no worse."""
    _head(title, "% gone back from")
    for case, times in results:
        shares = {name: float(np.isfinite(found).mean()) for name, found in times.items()}
        cells = "".join(f"{_share(shares.get(name)):>13}" for name in JUDGES)
        print(f"{_label(case)}{cells}{'' if _claimed(case) else '   alpha is not claimed'}")


def detection(results: Compared, title: str) -> None:
    """Print how long each judge takes to find a canary that is worse."""
    _head(title, "median seconds (found)")
    for case, times in results:
        print(_label(case) + "".join(f"{_found(times.get(name)):>13}" for name in JUDGES))
    print("  Seconds count from the onset. Who went back before it has not found it.")


def figures(rows: Iterable[tuple[str, Floats]], note: str) -> None:
    """Print errors alone with the whole of alpha."""
    print(f"\nErrors alone, the whole of alpha, nothing tolerated, 10 % weight, a look every 5 s: {note}")
    for name, seconds in rows:
        found = seconds[np.isfinite(seconds)]
        mean = f"mean {found.mean():6.1f} s of those found" if len(found) else ""
        print(f"  {name:<32}{len(found) / len(seconds):>8.1%}   {mean}")


def promotions(rows: Iterable[tuple[str, Floats]]) -> None:
    """Print how long a healthy canary takes to be proven."""
    print("\nA healthy canary is proven (NotWorse): median seconds, and how many within an hour")
    for name, seconds in rows:
        print(f"  {name:<52}{_found(seconds):>14}")


def bounds(results: Iterable[tuple[goals.Cell | goals.Shape, goals.Ratio]]) -> None:
    """Print the canary's requests until detection over those of the best test, with what is aimed at."""
    print("\nCanary's requests until detection, over those of the best test; blocks of 1 s, alpha 0.01")
    print("Errors: the best is the same conditional test given the true odds ratio, without a reserve.")
    print(f"{'p0':>6}{'odds':>6}{'weight':>8}{'requests/s':>12}{'best':>8}{'one metric':>12}{'all':>8}{'defaults':>10}")
    several = list(results)
    for case, ratio in several:
        if isinstance(case, goals.Cell):
            print(
                f"{case.p0:>6.1%}{case.odds:>6.0f}{case.weight:>8.0%}{case.rps:>12.0f}{ratio.best:>8.0f}"
                + _ratios(ratio, goals.ONE_METRIC, goals.COMPLETE)
            )
    print("Latency: the best is ln(1/alpha)/(KL + r KL) on the buckets, which no test reaches. 10 % weight.")
    for case, ratio in several:
        if isinstance(case, goals.Shape):
            print(f"{case.latency.name:<32}{ratio.best:>8.0f}" + _ratios(ratio, case.latency.goal, None))
    print("  one metric: it has the whole of alpha, and pods are not told apart. all: every metric, and the guard of")
    print("  pods. Both tolerate nothing; defaults: odds 1.15 times higher, 10 % slower. *: above the goal.")


def _ratios(ratio: goals.Ratio, one: float, all_: float | None) -> str:
    missed = f" ({1 - ratio.missed:.0%} found)" if ratio.missed else ""
    return f"{_goal(ratio.one_metric, one):>12}{_goal(ratio.complete, all_):>8}{ratio.default:>10.2f}{missed}"


def _goal(value: float, goal: float | None) -> str:
    return f"{value:.2f}{'*' if goal is not None and value > goal else ' '}"


def _head(title: str, what: str) -> None:
    print(f"\n{title}: {what}")
    print(f"{'':<32}{'p0':>6}{'odds':>5}{'req/s':>6}" + "".join(f"{name:>13}" for name in JUDGES))


def _label(case: Case | Slow) -> str:
    if isinstance(case, Slow):
        return f"{case.latency.name:<32}{'':>6}{'':>5}{case.rps:>6.0f}"
    return f"{case.family.name:<32}{case.p0:>6.1%}{case.odds:>5.3g}{case.family.rps:>6.0f}"


def _claimed(case: Case | Slow) -> bool:
    return isinstance(case, Slow) or case.family.claimed


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _found(seconds: Floats | None) -> str:
    if seconds is None:
        return "-"
    share = float(np.isfinite(seconds).mean())
    # Over all streams: those that are never found count as infinitely late.
    when = f"{np.median(seconds):.0f}" if share > 0.5 else "-"
    return f"{when} ({share:.0%})" if share else "never"
