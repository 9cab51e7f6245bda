"""The parser against what a real bentoml server prints."""

import threading
import time

from ekiben.signals.counters import PodCounters
from ekiben.signals.page import parse
from ekiben.signals.scrape import DirectSource
from ekiben.signals.source import ScrapeTarget


def counters(bento) -> PodCounters:
    status, body = bento.get("/metrics")
    assert status == 200
    return parse(body)


def until(bento, wanted) -> PodCounters:
    deadline = time.monotonic() + 10
    while True:
        now = counters(bento)
        if wanted(now) or time.monotonic() > deadline:
            return now


def test_answers_are_counted_by_what_they_were(bento):
    before = counters(bento)
    assert [bento.predict(kind) for kind in ("fine", "fine", "broken", "busy", "invalid")] == [200, 200, 500, 429, 400]
    assert bento.get("/nowhere")[0] == 404
    now = until(bento, lambda c: c.requests >= before.requests + 6)
    assert now.requests - before.requests == 6
    assert now.errors - before.errors == 2
    assert now.rejected - before.rejected == 2
    assert sum(now.hist) - sum(before.hist) == 2
    assert len(now.hist) == len(now.bounds) + 1
    assert now.bounds[0] == 0.005
    assert now.bounds[-1] == 180.0


def test_probes_and_the_metrics_themselves_are_not_counted(bento):
    before = counters(bento)
    for path in ("/livez", "/readyz", "/healthz", "/metrics"):
        bento.get(path)
    bento.predict("fine")
    now = until(bento, lambda c: c.requests > before.requests)
    assert now.requests - before.requests == 1
    assert now.in_flight == 0


def test_a_request_on_its_way_is_in_flight(bento):
    before = counters(bento)
    caller = threading.Thread(target=bento.predict, args=("slow",))
    caller.start()
    during = until(bento, lambda c: c.in_flight > 0)
    assert during.in_flight == 1
    assert during.requests == before.requests
    caller.join()
    after = until(bento, lambda c: c.in_flight == 0)
    assert after.in_flight == 0
    assert after.requests == before.requests + 1


async def test_the_scraper_reads_a_real_server(bento):
    target = ScrapeTarget("uid", "tiny", "ns", "127.0.0.1", bento.port, "r1")
    async with DirectSource(loopback=True) as source:
        got = (await source.read([target], 5))["uid"]
    assert got == counters(bento)
