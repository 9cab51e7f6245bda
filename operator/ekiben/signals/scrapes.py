"""One pod's pages as a Prometheus server keeps them: whose scrapes count, and which of them are whole.

Several may scrape a pod: a second job, one that asks a sidecar's port, the second of a pair of servers. One counts that
brought counters of the model, for as long as it scrapes.

A server that takes in remote writes may know one series of a scrape and not yet another. So a scrape is taken in when
it is one interval old, and one that lacks a series which both its neighbours have is left out: what it tells comes with
the next one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from ekiben.api.model import Runtime

from .counters import MetricsError, PodCounters, Trouble
from .dialects import DIALECTS, Dialect, Slot
from .prometheus_api import Series
from .restarts import STARTED, Counting
from .source import ScrapeTarget
from .tally import tally

# What tells one scraper of a pod from another.
_SCRAPER = ("instance", "job", "prometheus", "prometheus_replica", "replica", "cluster")
UP = "up"
STALE = 3
"""Intervals after which a sample is too old: one scrape may fail."""
Scraper = tuple[str, ...]


@dataclass
class Page:
    """What one scrape brought."""

    at: float
    """Seconds since the epoch."""
    samples: list[tuple[Slot, float]] = field(default_factory=list)
    series: set[int] = field(default_factory=set)
    """The series that `samples` are of."""
    started: float | None = None

    def counters(self) -> PodCounters:
        """Return the pod's counters at that moment.

        Raises:
            MetricsError: Malformed, or Ambiguous.
        """
        return replace(tally(self.samples, self.at), started=self.started)


@dataclass(frozen=True)
class Scrapes:
    """What one scraper brought."""

    pages: Sequence[Page] = ()
    """In order of time."""
    error: MetricsError | None = None
    """Why its pages cannot be read."""

    @property
    def telling(self) -> int:
        """How many of them have counters of the model."""
        return sum(bool(page.samples) for page in self.pages)

    @property
    def last(self) -> float:
        """When it scraped last, seconds since the epoch."""
        return self.pages[-1].at if self.pages else -inf


def by_scraper(series: Sequence[Series], runtime: Runtime) -> dict[Scraper, Scrapes]:
    """Return what each scraper of a pod brought."""
    found: dict[Scraper, list[Series]] = defaultdict(list)
    for one in series:
        found[tuple(one.labels.get(label, "") for label in _SCRAPER)].append(one)
    return {scraper: _scrapes(mine, runtime) for scraper, mine in found.items()}


def chosen(
    found: Mapping[Scraper, Scrapes], address: str = "", kept: Scraper | None = None, fresh: float = -inf
) -> Scraper | None:
    """Return whose scrapes count; None where nobody's do.

    Args:
        found: what each brought.
        address: of the pod's metrics, as host:port, which an instance is called by default.
        kept: whose scrapes have counted so far, if they ever told anything.
        fresh: when a scrape was made at the earliest that is not too old, seconds since the epoch.
    """
    if kept is not None and kept in found and found[kept].last >= fresh:
        return kept

    def rank(scraper: Scraper) -> tuple[bool, bool, int, int, Scraper]:
        one = found[scraper]
        return one.error is not None, scraper[0] != address, -one.telling, -len(one.pages), scraper

    telling = [one for one, scrapes in found.items() if scrapes.telling or scrapes.error is not None]
    if kept is not None:
        telling = [one for one in telling if found[one].last >= fresh]
        return min(telling, key=rank) if telling else kept if kept in found else None
    # `up` alone tells of scrapes that brought nothing: a server that was asked nothing yet may have no series.
    return min(telling or found, key=rank, default=None)


def moments(series: Sequence[Series], runtime: Runtime) -> list[PodCounters]:
    """Return a pod's counters at each moment of a scrape, in order of time.

    Raises:
        MetricsError: Malformed, or Ambiguous.
    """
    found = by_scraper(series, runtime)
    scraper = chosen(found)
    if scraper is None:
        return []
    scrapes = found[scraper]
    if scrapes.error is not None:
        raise scrapes.error
    return [page.counters() for page in scrapes.pages]


class PodScrapes:
    """What a pod counted, from one look at its scrapes to the next."""

    def __init__(self, interval: float) -> None:
        """Prepare; `interval` is the seconds between two scrapes."""
        self._interval = interval
        self._counting = Counting()
        self._scraper: Scraper | None = None
        self._told = False
        """Whether that scraper ever brought counters of the model."""
        self._at = -inf
        """Moment of the last page that was taken in."""
        self._series: set[int] = set()
        self._restarts: tuple[int, int] | None = None
        """Restarts of the container that explained a fall or are too old to, and at the last look."""

    def take(self, found: Mapping[Scraper, Scrapes], target: ScrapeTarget, now: float) -> PodCounters:
        """Take in what has come since the last look, at `now`, and return what the pod counted.

        Raises:
            MetricsError: Stale, SeveralProcesses, Malformed, or Ambiguous.
        """
        fresh = now - STALE * self._interval
        kept = self._scraper if self._told else None
        scraper = chosen(found, _address(target), kept, fresh)
        scrapes = found[scraper] if scraper is not None else Scrapes()
        if scrapes.error is not None:
            raise scrapes.error
        settled = [page for page in scrapes.pages if page.at <= now - self._interval]
        if scraper is None or scrapes.last < fresh or not settled:
            raise MetricsError(Trouble.STALE, "")
        if scraper != self._scraper:
            self._turn(scraper, settled)
        self._told = self._told or scrapes.telling > 0
        later = [page for page in settled if page.at > self._at]
        self._advance(later if self._restarts else _newest_whole(later), target.restarts)
        if self._counting.doubted:
            raise self._counting.why(target.name)
        return self._counting.total

    def _turn(self, scraper: Scraper, settled: Sequence[Page]) -> None:
        """Go on with another's scrapes: where the two meet, nothing counts twice, and up to an interval not at all."""
        before = [page for page in settled if page.at <= self._at]
        later = [page for page in settled if page.at > self._at]
        first = self._scraper is None
        if not first and self._told and not later:
            raise MetricsError(Trouble.STALE, "")
        self._scraper = scraper
        if first:
            return
        # Of one that never told anything nothing has counted: what the other one had told by then is where it begins.
        reference = later[0] if self._told or not before else before[-1]
        self._counting.refer(reference.counters(), reference.at)
        self._at, self._series = max(self._at, reference.at), reference.series

    def _advance(self, pages: Sequence[Page], restarts: int) -> None:
        explained, last = self._restarts or (restarts, restarts)
        failed: MetricsError | None = None
        for place, page in enumerate(pages):
            missing = self._series - page.series
            if missing and (place + 1 == len(pages) or missing & pages[place + 1].series):
                continue
            try:
                counters, failed = page.counters(), None
            except MetricsError as error:
                failed = error
                continue
            if self._counting.take(counters, page.at, restarted=restarts > explained):
                explained = min(explained + 1, restarts)
            self._at, self._series = page.at, page.series
        # A restart that is known now may show in scrapes that come with the next look.
        self._restarts = max(explained, last), restarts
        if failed is not None:
            raise failed


def _newest_whole(pages: Sequence[Page]) -> Sequence[Page]:
    """Return where to begin: what happened before then is nobody's question, restarts among it."""
    for place in range(len(pages) - 1, 0, -1):
        if pages[place - 1].series <= pages[place].series:
            return pages[place:]
    return pages


def _scrapes(series: Sequence[Series], runtime: Runtime) -> Scrapes:
    try:
        for dialect in DIALECTS[runtime]:
            pages = _pages(series, dialect)
            if any(page.samples for page in pages):
                break
    except MetricsError as error:
        moments = sorted({at for one in series for at, _ in one.samples})
        return Scrapes([Page(at) for at in moments], error)
    return Scrapes(pages)


def _pages(series: Sequence[Series], dialect: Dialect) -> list[Page]:
    found: dict[float, Page] = {}
    born: dict[float, float] = {}
    for one in series:
        name = one.labels.get("__name__", "")
        slot = dialect.slot(name, one.labels)
        key = hash(frozenset(one.labels.items()))
        for at, value in one.samples:
            if slot is not None:
                page = found.setdefault(at, Page(at))
                page.samples.append((slot, value))
                page.series.add(key)
            elif name == UP and value == 1:
                found.setdefault(at, Page(at))
            elif name == STARTED:
                born[at] = value
    for at, page in found.items():
        page.started = born.get(at)
    return [page for _, page in sorted(found.items())]


def _address(target: ScrapeTarget) -> str:
    return f"[{target.ip}]:{target.port}" if ":" in target.ip else f"{target.ip}:{target.port}"
