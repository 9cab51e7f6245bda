"""A pod's /metrics page -> its counters.

Only the families that a runtime's dialect names are looked at; one regular expression skips the rest. A label may hold
the raw path of a request, so a scanner that asks for a thousand paths makes a thousand series: labels are summed away
while reading, and the size of the whole page is what bounds the work. What a series means is worked out once: the same
series come again with every reading, and from every pod of a revision.
"""

from __future__ import annotations

import re
from functools import cache

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble
from .dialects import DIALECTS, Dialect, Slot
from .tally import tally

_LONGEST_KEPT = 1024
_MOST_KEPT = 16384
_LABEL = re.compile(rb'(?<![a-zA-Z0-9_])([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*(?:\\.[^"\\]*)*)"')


class Reader:
    """Reads pages in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        names = b"|".join(re.escape(name).encode() for name in dialect.families)
        self._sample = re.compile(rb"^((?:" + names + rb")(?:\{.*\})?) (\S+)(?: -?\d+)?\r?$", re.MULTILINE)
        self._slots: dict[bytes, Slot | None] = {}

    def samples(self, body: bytes) -> list[tuple[Slot, float]]:
        """Return what the page's series add to, and their values.

        Raises:
            MetricsError: Malformed.
        """
        slots, found = self._slots, []
        try:
            for series, number in self._sample.findall(body):
                slot = slots[series] if series in slots else self._learn(series)
                if slot is not None:
                    found.append((slot, float(number)))
        except ValueError as error:
            raise MetricsError(Trouble.MALFORMED, f"the value of a counter cannot be read: {error}") from error
        return found

    def _learn(self, series: bytes) -> Slot | None:
        name, _, text = series.partition(b"{")
        labels = {key.decode(): value.decode(errors="replace") for key, value in _LABEL.findall(text)}
        slot = self._dialect.slot(name.decode(), labels)
        if len(series) <= _LONGEST_KEPT:  # a page may be 4 MiB of one label
            if len(self._slots) >= _MOST_KEPT:
                self._slots.clear()
            self._slots[series] = slot
        return slot


def parse(body: bytes, runtime: Runtime = Runtime.BENTOML, entry: str | None = None) -> PodCounters:
    """Return a pod's counters.

    Args:
        body: the /metrics page.
        runtime: the model server that wrote it.
        entry: name of the service that callers reach, on a server of several; by default the one named like the bento.

    Raises:
        MetricsError: Malformed, or Ambiguous where no service of several is named like the bento.
    """
    for reader in _readers(runtime):
        samples = reader.samples(body)
        if samples:
            return tally(samples, entry=entry)
    # A server that nobody has asked anything yet has an empty page, or one with other families.
    if body.strip() and b"# TYPE " not in body:
        raise MetricsError(Trouble.MALFORMED, f"this is not a page of metrics: it begins with {body[:60]!r}")
    return PodCounters()


@cache
def _readers(runtime: Runtime) -> tuple[Reader, ...]:
    return tuple(Reader(dialect) for dialect in DIALECTS[runtime])
