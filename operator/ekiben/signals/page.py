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
# An exemplar has labels of its own. Without any, the last brace of a line is the series' own, and found sooner.
_EXEMPLAR = b" # {"
_LABELS = rb"\{.*\}"
_LABELS_BEFORE_AN_EXEMPLAR = rb'\{[^"}\n]*+(?:"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"[^"}\n]*+)*+\}'


class _ExemplarError(Exception):
    """A page has exemplars, or a label that looks like one."""


class Reader:
    """Reads pages in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        names = b"|".join(re.escape(name).encode() for name in dialect.families)
        self._plain, self._before_exemplars = _lines(names, _LABELS), _lines(names, _LABELS_BEFORE_AN_EXEMPLAR)
        self._slots: dict[bytes, Slot | None] = {}

    def samples(self, body: bytes) -> list[tuple[Slot, float]]:
        """Return what the page's series add to, and their values.

        Raises:
            MetricsError: Malformed.
        """
        try:
            return self._read(body, self._plain)
        except _ExemplarError:
            return self._read(body, self._before_exemplars)

    def _read(self, body: bytes, lines: re.Pattern[bytes]) -> list[tuple[Slot, float]]:
        slots, found = self._slots, []
        for series, rest in lines.findall(body):
            if series in slots:
                slot = slots[series]
            elif lines is self._plain and _EXEMPLAR in series:
                raise _ExemplarError
            else:
                slot = self._learn(series)
            if slot is None:
                continue
            try:
                value = float(rest)
            except ValueError:
                value = _value(series, rest)
            found.append((slot, value))
        return found

    def _learn(self, series: bytes) -> Slot | None:
        name, _, text = series.partition(b"{")
        labels = {key.decode(): value.decode(errors="replace") for key, value in _LABEL.findall(text)}
        slot = self._dialect.slot(name.strip().decode(), labels)
        if len(series) <= _LONGEST_KEPT:  # a page may be 4 MiB of one label
            if len(self._slots) >= _MOST_KEPT:
                self._slots.clear()
            self._slots[series] = slot
        return slot


def _lines(names: bytes, labels: bytes) -> re.Pattern[bytes]:
    """Return what finds (series, the rest of its line)."""
    return re.compile(rb"^((?:" + names + rb")(?:[ \t]*" + labels + rb"|(?=[{ \t])))(.*)", re.MULTILINE)


def _value(series: bytes, rest: bytes) -> float:
    """Return the value, which may have a timestamp and an exemplar behind it.

    Raises:
        MetricsError: Malformed. A line that is left out would be a counter that fell, as at a restart.
    """
    value, *timestamp = rest.partition(b"#")[0].split() or (b"",)
    try:
        if len(timestamp) > 1:
            raise ValueError("there is too much behind it")
        number, *_ = (float(text) for text in (value, *timestamp))
    except ValueError as error:
        which = series[:100].decode(errors="replace")
        raise MetricsError(Trouble.MALFORMED, f"the value of {which} cannot be read: {error}") from error
    return number


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
