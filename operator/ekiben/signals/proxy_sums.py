"""What several proxies counted, added up, while proxies come and go."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .accumulate import Rising, plus
from .counters import PodCounters


class ProxySums:
    """Sums over proxies, by what they counted for."""

    def __init__(self) -> None:
        self._rising: dict[str, dict[str, Rising]] = {}
        """Proxy -> what it counted, by what for."""
        self._gone: dict[str, PodCounters] = {}
        """What proxies counted that are no more."""
        self._begun = False

    def take(self, counted: Mapping[str, Mapping[str, PodCounters]], running: Collection[str]) -> None:
        """Take in one reading.

        What a proxy that is met later had counted by then is only a reference: it may be hours old.

        Args:
            counted: proxy -> what for -> its counters; of the proxies that answered.
            running: the proxies that there are.
        """
        for proxy, found in counted.items():
            rising = self._rising.setdefault(proxy, {})
            for key, counters in found.items():
                rising.setdefault(key, Rising(whole=not self._begun)).add(counters)
        self._begun = self._begun or bool(counted)
        for proxy in [one for one in self._rising if one not in running]:
            for key, last in self._rising.pop(proxy).items():
                self._gone[key] = plus(self._gone.get(key, PodCounters()), _at_rest(last.total))

    def total(self, key: str) -> PodCounters | None:
        """Return the sum over all proxies; None where none has ever counted for it."""
        parts = [rising[key].total for rising in self._rising.values() if key in rising]
        if not parts:
            return None
        total = self._gone.get(key, PodCounters())
        for part in parts:
            total = plus(total, part)
        return total


def _at_rest(counters: PodCounters) -> PodCounters:
    return PodCounters(counters.requests, counters.errors, counters.hist, counters.bounds, rejected=counters.rejected)
