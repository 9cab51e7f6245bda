"""What the bench prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from . import goals, guard, rivals
from . import times as clock
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
    _head(title, "% gone back from", f"   {OURS}, 95 % interval")
    for case, times in results:
        shares = {name: float(np.isfinite(found).mean()) for name, found in times.items()}
        cells = "".join(f"{_share(shares.get(name)):>13}" for name in JUDGES)
        counted = _counted(int(np.isfinite(times[OURS]).sum()), len(times[OURS]))
        print(f"{_label(case)}{cells}   {counted}{'' if _claimed(case) else '   alpha is not claimed'}")
    print(f"  All families for which alpha is claimed: {_counted(*guard.together(results))}")


def _counted(gone: int, streams: int) -> str:
    low, high = guard.interval(gone, streams)
    return f"{gone} of {streams} ({100 * low:.1f} - {100 * high:.1f} %)"


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


def bounds(results: Iterable[tuple[goals.Cell | goals.Shape, goals.Ratios]]) -> None:
    """Print the canary's requests until detection over those of the best test, with what is aimed at."""
    several = list(results)
    cells = [(case, ratios) for case, ratios in several if isinstance(case, goals.Cell)]
    shapes = [(case, ratios) for case, ratios in several if isinstance(case, goals.Shape)]
    print("\nCanary's requests until detection, over those of the best test, +- standard error (found)")
    print("Blocks of 1 s, alpha 0.01. *: above the goal; **: by more than two standard errors.")
    if cells:
        print(f"Errors, {cells[0][0].streams} streams each; the best is the same conditional test given the true odds")
        print("ratio, without a reserve.")
        print(f"{'p0':>6}{'odds':>6}{'weight':>8}{'requests/s':>12}{'best':>8}" + _ratio_heads())
    for case, ratios in cells:
        print(
            f"{case.p0:>6.1%}{case.odds:>6.0f}{case.weight:>8.0%}{case.rps:>12.0f}{ratios.best:>8.0f}"
            + _ratios(ratios, goals.ONE_METRIC, goals.COMPLETE)
        )
    if shapes:
        print(f"Latency, 10 % weight, {shapes[0][0].streams} streams each; the best is ln(1/alpha)/(KL + r KL) on the")
        print("buckets, which no test reaches.")
        print("Told: the same test, told how long the canary's answers take, over the best. Ordered: what no test")
        print("reaches that leaves alone whatever is different but not slower; and one metric over that.")
        print(f"{'':<32}{'best':>8}" + _ratio_heads() + f"{'told':>8}{'ordered':>10}{'one metric':>12}")
    for case, ratios in shapes:
        ordered = ratios.ordered or ratios.best
        print(
            f"{case.latency.name:<32}{ratios.best:>8.0f}{_ratios(ratios, case.latency.goal, None)}"
            f"{ratios.told or 0:>8.2f}{ordered:>10.0f}{ratios.one_metric.ratio * ratios.best / ordered:>12.2f}"
        )
    print("  one metric: it has the whole of alpha, and pods are not told apart. all: every metric, and the guard of")
    print(
        "  pods. Both tolerate nothing; defaults: odds 1.15 times higher, 10 % slower. Where found is below 100 %, the"
    )
    print("  others count with the requests that there were, so that the ratio is too small.")
    for name, goal, ones in (
        ("one metric", goals.ONE_METRIC, [ratios.one_metric for _, ratios in cells]),
        ("all", goals.COMPLETE, [ratios.complete for _, ratios in cells]),
    ):
        if len(ones) > 1:
            _summary(name, goal, ones)


def _summary(name: str, goal: float, ones: Sequence[goals.Estimate]) -> None:
    values = sorted(one.ratio for one in ones)
    missed = sum(value > goal for value in values)
    surely = sum(one.ratio - 2 * one.error > goal for one in ones)
    print(
        f"  {name}: of {len(ones)} cells {missed} above {goal} ({surely} by more than two standard errors), median "
        f"{np.median(values):.2f}, largest {values[-1]:.2f}; {sum(one.found < 1 for one in ones)} not always found"
    )


def times(rows: Iterable[tuple[clock.Case, Floats]], streams: int) -> None:
    """Print how long verdicts take with the defaults."""
    pods = f"{clock.STABLE_PODS} stable pods and one of the canary"
    print(f"\nSeconds until a verdict with the defaults, 10 % weight, {pods}, {streams} streams")
    print(f"{'':<40}{'verdict':<12}{'median':>8}   middle half   within an hour")
    for case, seconds in rows:
        low, middle, high = (_order(seconds, at) for at in (0.25, 0.5, 0.75))
        share = float(np.isfinite(seconds).mean())
        print(f"  {case.name:<38}{case.verdict:<12}{middle:>8}   {f'{low} - {high}':<14}{share:.0%}")


def _order(seconds: Floats, fraction: float) -> str:
    """Return a quantile over all streams; those without a verdict are infinitely late."""
    found = np.sort(seconds)[int(fraction * (len(seconds) - 1) + 0.5)]
    return f"{found:.0f}" if np.isfinite(found) else "-"


def _ratio_heads() -> str:
    return "".join(f"{name:>24}" for name in ("one metric", "all", "defaults"))


def _ratios(ratios: goals.Ratios, one: float, all_: float | None) -> str:
    pairs = ((ratios.one_metric, one), (ratios.complete, all_), (ratios.default, None))
    return "".join(f"{_estimate(estimate, goal):>24}" for estimate, goal in pairs)


def _estimate(estimate: goals.Estimate, goal: float | None) -> str:
    beyond = goal is not None and estimate.ratio > goal
    surely = goal is not None and estimate.ratio - 2 * estimate.error > goal
    stars = "**" if surely else "*" if beyond else ""
    return f"{stars}{estimate.ratio:.2f} +-{estimate.error:.2f} ({estimate.found:>4.0%})"


def _head(title: str, what: str, more: str = "") -> None:
    print(f"\n{title}: {what}")
    print(f"{'':<32}{'p0':>6}{'odds':>5}{'req/s':>6}" + "".join(f"{name:>13}" for name in JUDGES) + more)


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
