"""How many pods one core reads a second: `python -m bench.signals`.

200 servers on loopback in a process of their own give a bento's page; the source that the operator uses reads them all,
again and again, and its own processor time is measured. Beside it: the same pages through prometheus-client's parser.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from bench.signals.page import page
from prometheus_client.parser import text_string_to_metric_families

from ekiben.signals.counters import PodCounters
from ekiben.signals.page import parse
from ekiben.signals.scrape import DirectSource
from ekiben.signals.source import ScrapeTarget

_PODS = 200
_GOAL = 1.0


class _Pod(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(self._answer)


def _serve(body: bytes, pods: int, parent: Connection) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(lambda: _Pod(head + body), "127.0.0.1", 0) for _ in range(pods)]
        parent.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(run())


async def _readings(ports: list[int], readings: int) -> tuple[list[float], list[float]]:
    """Return processor and elapsed seconds of each reading of all pods."""
    targets = [ScrapeTarget(str(port), f"pod-{port}", "ns", "127.0.0.1", port, "r") for port in ports]
    processor, elapsed = [], []
    async with DirectSource(loopback=True) as source:
        for number in range(readings + 2):
            began = time.process_time(), time.perf_counter()
            read = await source.read(targets, 10)
            ended = time.process_time(), time.perf_counter()
            if not all(isinstance(one, PodCounters) for one in read.values()):
                raise SystemExit(f"a pod could not be read: {next(iter(read.values()))}")
            if number >= 2:  # connections are open and labels are known
                processor.append(ended[0] - began[0])
                elapsed.append(ended[1] - began[1])
    return processor, elapsed


def _seconds(work: Callable[[], object], times: int) -> float:
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def main() -> int:
    """Measure and print; returns 1 where a second is not enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=_PODS)
    parser.add_argument("--readings", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    body = page(12345)
    parent, child = multiprocessing.Pipe()
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(body, arguments.pods, child), daemon=True)
    server.start()
    try:
        processor, elapsed = asyncio.run(_readings(parent.recv(), arguments.readings))
    finally:
        server.kill()
        server.join()
    ours = _seconds(lambda: parse(body), 200)
    theirs = _seconds(lambda: list(text_string_to_metric_families(body.decode())), 5)
    median = statistics.median(processor)
    figures = {
        "pods": arguments.pods,
        "page_bytes": len(body),
        "page_lines": body.count(b"\n"),
        "processor_seconds_a_reading": round(median, 4),
        "slowest": round(max(processor), 4),
        "elapsed_seconds_a_reading": round(statistics.median(elapsed), 4),
        "pods_a_second_on_one_core": round(arguments.pods / median),
        "parse_ms": round(ours * 1000, 3),
        "prometheus_client_parse_ms": round(theirs * 1000, 3),
    }
    print(json.dumps(figures) if arguments.json else _table(figures))
    return int(median > _GOAL * arguments.pods / _PODS)


def _table(figures: dict[str, float]) -> str:
    pods, ratio = figures["pods"], figures["prometheus_client_parse_ms"] / figures["parse_ms"]
    alone = figures["prometheus_client_parse_ms"] * pods / 1000
    parser = figures["prometheus_client_parse_ms"]
    lines = (
        f"{platform.machine()}, Python {platform.python_version()}; pages of {figures['page_bytes']:,} bytes,",
        f"{figures['page_lines']} lines",
        f"{pods} pods read once: {figures['processor_seconds_a_reading']:.3f} s of one core,",
        f"{figures['slowest']:.3f} s at most; {figures['pods_a_second_on_one_core']:,} pods a second",
        f"one page parsed: {figures['parse_ms']:.3f} ms; by prometheus-client {parser:.2f} ms,",
        f"{ratio:.0f} times as much, {alone:.1f} s for {pods} pods before any network",
    )
    return "\n".join(" ".join(pair) for pair in zip(lines[::2], lines[1::2], strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
