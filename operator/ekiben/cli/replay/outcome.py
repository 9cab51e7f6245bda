"""What a replay found, in words and as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ekiben.api.status import HistoryEntry
from ekiben.cli import words
from ekiben.signals.replay import Look


@dataclass(frozen=True)
class Outcome:
    """A replay of one rollout."""

    name: str
    canary: str
    stable: str
    looks: Sequence[Look]
    notes: tuple[str, ...] = ()
    happened: HistoryEntry | None = None
    """How the rollout ended in fact, where the status still remembers."""

    def first(self, verdict: str) -> Look | None:
        """Return when a verdict was first known."""
        return next((one for one in self.looks if one.evidence.verdict == verdict), None)

    def lines(self) -> list[str]:
        """Return what would have been decided, and what was."""
        return [*self._decided(), *self._troubles(), *self._fact(), *self.notes]

    def data(self) -> dict[str, Any]:
        """Return what -o json prints."""
        return {
            "name": self.name,
            "canary": self.canary,
            "stable": self.stable,
            "regressedAt": _when(self.first("Regressed")),
            "notWorseAt": _when(self.first("NotWorse")),
            "happened": self.happened.model_dump(mode="json", by_alias=True) if self.happened else None,
            "notes": list(self.notes),
            "looks": [_look(one) for one in self.looks],
        }

    def _decided(self) -> list[str]:
        regressed, fine = self.first("Regressed"), self.first("NotWorse")
        if regressed is not None:
            return [
                f"{self._clock(regressed)} regressed: it would have been rolled back. {regressed.evidence.message}."
            ]
        last = next((one for one in reversed(self.looks) if one.weight < 100), self.looks[-1])
        if fine is not None:
            return [
                f"{self._clock(fine)} not worse: from here on it could have been promoted. {fine.evidence.message}."
            ]
        alone = ": with all requests, nothing compares it any more" if self.looks[-1].weight >= 100 else ""
        return [
            f"No verdict until {self._clock(last)}{alone}. {words.sentence(last.evidence.message)}",
            *self._too_short(),
        ]

    def _too_short(self) -> list[str]:
        weighty = [one.at for one in self.looks if one.weight > 0]
        if any(one.evidence.usable for one in self.looks) or not weighty:
            return []
        tick = self.looks[1].at - self.looks[0].at if len(self.looks) > 1 else 0.0
        share, block, lost = words.span(weighty[-1] - weighty[0] + tick), words.span(tick), words.span(2 * tick)
        scale = f"With scrapes that far apart a block is {block} long, and the first {lost} after a change of weights"
        return [f"The canary had a share for {share}. {scale} do not count."]

    def _troubles(self) -> list[str]:
        reasons = dict.fromkeys(one.evidence.problem for one in self.looks if one.evidence.problem)
        found = []
        for reason in reasons:
            held = [one for one in self.looks if one.evidence.problem == reason]
            found.append(
                f"{reason} held it at {len(held)} of {len(self.looks)} looks: {held[-1].evidence.problem_message}."
            )
        return found

    def _fact(self) -> list[str]:
        if self.happened is None:
            return []
        when = words.clock(self.happened.ended_at, self.looks[-1].at)
        return [f"In fact: {self.happened.outcome} ({self.happened.reason}) at {when}."]

    def _clock(self, look: Look) -> str:
        return words.clock(words.written(look.at), self.looks[-1].at)


def _when(look: Look | None) -> str | None:
    return words.written(look.at) if look is not None else None


def _look(look: Look) -> dict[str, Any]:
    evidence = look.evidence
    return {
        "at": words.written(look.at),
        "weight": look.weight,
        "verdict": evidence.verdict,
        "problem": evidence.problem,
        "metrics": [metric.model_dump(mode="json", by_alias=True) for metric in evidence.metrics],
    }
