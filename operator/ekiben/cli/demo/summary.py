"""What the demo measured, at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .acts import Outcome
from .load import Answer


def lost(answers: Sequence[Answer]) -> list[Answer]:
    """Return what the platform lost."""
    return [answer for answer in answers if answer.lost]


def succeeded(outcomes: Sequence[Outcome], answers: Sequence[Answer], expected: int) -> bool:
    """Return whether every act ended as it should and no request was lost."""
    return len(outcomes) == expected and all(one.reached for one in outcomes) and not lost(answers)


def as_json(outcomes: Sequence[Outcome], answers: Sequence[Answer], sent: int) -> dict[str, Any]:
    """Return the figures for machines: seconds, counts."""
    return {
        "requestsSent": sent,
        "requestsLost": len(lost(answers)),
        "acts": [
            {
                "version": one.act.version,
                "expected": one.act.condition,
                "reached": one.reached,
                "reason": one.reason,
                "seconds": round(one.seconds, 2),
                "secondsToWeightZero": None if one.to_zero is None else round(one.to_zero, 2),
                "modelErrors": sum(count.failed for count in (one.counts or {}).values()),
            }
            for one in outcomes
        ],
    }


def print_summary(console: Console, outcomes: Sequence[Outcome], answers: Sequence[Answer], sent: int) -> None:
    """Print the table of the acts and the counts of the load."""
    table = Table("", "revision", "outcome", "took", "first bad answer to weight 0", "errors of the model")
    for one in outcomes:
        errors = (one.counts or {}).get(one.act.version)
        table.add_row(
            "[green]ok[/]" if one.reached else "[red]not as expected[/]",
            f"{one.act.version}: {one.act.title}",
            f"{one.act.condition}, {one.reason}" if one.reached else one.reason or "nothing",
            f"{one.seconds:.1f} s",
            "-" if one.to_zero is None else f"{one.to_zero:.1f} s",
            "-" if errors is None else f"{errors.failed} of {errors.requests:,}",
        )
    console.print(table)
    missing = lost(answers)
    colour = "green" if not missing else "red"
    console.print(
        f"{sent:,} requests sent, {len(answers):,} answered or given up, "
        f"[{colour}]{len(missing)} lost by the platform[/] (no answer, or a 502, 503, 504 without the model's header)"
    )
    for answer in missing[:5]:
        console.print(f"  lost: status {answer.status} after {answer.seconds:.2f} s {answer.error}", markup=False)


def print_next(console: Console, gateway: str, host: str, namespace: str, kubeconfig: Path, picture: Path) -> None:
    """Print what to try now that the cluster is up."""
    port = gateway.rsplit(":", 1)[-1].strip("/")
    console.print("\nThe cluster stays up. What to try next:", style="bold")
    console.print(f"  the form:        http://{host}:{port}/", markup=False, soft_wrap=True)
    console.print(f"  kubectl:         export KUBECONFIG={kubeconfig}", markup=False, soft_wrap=True)
    console.print(f"                   kubectl get mdep -n {namespace} -w", markup=False, soft_wrap=True)
    console.print(f"  the story:       kubectl describe mdep iris -n {namespace}", markup=False, soft_wrap=True)
    console.print(f"                   ekiben status iris -n {namespace} -w", markup=False, soft_wrap=True)
    console.print(f"  the chart:       {picture}", markup=False, soft_wrap=True)
    console.print("  all of it away:  ekiben cluster down", markup=False, soft_wrap=True)
