"""The parser against pages that a server could, should not, or is made to print."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.signals.counters import MetricsError, PodCounters, Trouble
from ekiben.signals.page import parse

COMMON = 'service_name="iris",service_version="not available"'


def line(family: str, value: object, *, endpoint="/predict", runner="Iris", **labels: str) -> str:
    extra = "".join(f',{name}="{text}"' for name, text in labels.items())
    return f'bentoml_service_request_{family}{{endpoint="{endpoint}",{COMMON},runner_name="{runner}"{extra}}} {value}\n'


def total(value: object, code: str = "200", **labels: str) -> str:
    return line("total", value, http_response_code=code, **labels)


def buckets(*values: int, code: str = "200", bounds=("0.01", "0.1", "+Inf"), **labels: str) -> str:
    pairs = zip(bounds, values, strict=True)
    return "".join(line("duration_seconds_bucket", n, http_response_code=code, le=le, **labels) for le, n in pairs)


def page(*parts: str) -> bytes:
    return "".join(("# TYPE bentoml_service_request_total counter\n", *parts)).encode()


def trouble(body: bytes) -> Trouble:
    with pytest.raises(MetricsError) as caught:
        parse(body)
    return caught.value.trouble


def test_label_sets_are_summed():
    body = page(
        total(10.0), total(2.0, "500"), total(1.0, "429"), total(4.0, "404", endpoint="/x"),
        total(99.0, endpoint="/livez"),
        buckets(5, 8, 10), buckets(2, 2, 2, code="500"), buckets(0, 4, 4, code="404", endpoint="/x"),
        line("in_progress", 3.0), line("in_progress", 1.0, endpoint="/readyz"),
    )  # fmt: skip
    assert parse(body) == PodCounters(17, 3, (5, 3, 2), (0.01, 0.1), 3, rejected=4)


def test_the_entry_of_several_services_is_the_one_named_like_the_bento():
    body = page(total(10.0, runner="Iris"), total(30.0, runner="Embedder"), line("in_progress", 2.0, runner="Embedder"))
    assert parse(body) == PodCounters(requests=10, in_flight_known=False)
    assert parse(body, entry="Embedder") == PodCounters(requests=30, in_flight=2)


def test_an_unknown_entry_is_said():
    assert trouble(page(total(10.0, runner="A"), total(30.0, runner="B"))) is Trouble.AMBIGUOUS


def test_nothing_asked_yet_is_nothing_counted():
    assert parse(b"") == PodCounters()
    assert parse(b"# TYPE other counter\nother 3\n") == PodCounters()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>hello</html>",
        page(total("many")),
        page(total("NaN")),
        page(total("-1")),
        page(total("1e400")),
        page(total(1, "abc")),
        page(line("total", 1)),
        page(buckets(5, 3, 10)),
        page(buckets(5, 6, bounds=("0.1", "1"))),
        page(buckets(1, 2, 2, bounds=("low", "1", "+Inf"))),
        page(total(1e308), total(1e308, endpoint="/other")),
        page(total(1e18)),
        page(buckets(1, 2, 10**17)),
        page(total("5 about 3")),
        page(total("5 3 1")),
        page(total("")),
        page(total("5 of")),
        page(total(5))[:-5],
        page(total(5))[:-20],
    ],
)
def test_what_cannot_be_is_a_typed_error(body):
    assert trouble(body) is Trouble.MALFORMED


def test_a_path_cannot_pretend_to_be_a_sample():
    hostile = '/x\\"} 7\\nbentoml_service_request_total{endpoint=\\"/p\\"} 1000'
    assert parse(page(total(3.0, "404", endpoint=hostile), total(2.0))).requests == 5


def test_a_gauge_below_zero_is_zero():
    assert parse(page(line("in_progress", -1.0))).in_flight == 0


LATER = ["", " 1795294392", " 1795294392.751731", " -1.5e3", "\t"]
EXEMPLARS = ["", ' # {trace_id="ab"} 1', ' # {trace_id="ab",of="} 9"} 0.0039 1795294392.24', " # {} 1.0"]


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("exemplar", EXEMPLARS)
@pytest.mark.parametrize("end", ["", "\r"])
def test_timestamps_and_exemplars_are_not_counted(later, exemplar, end):
    rows = page(total(50_000), total(7, "500"), buckets(5, 8, 10), line("in_progress", 3)).splitlines()
    body = b"\n".join([rows[0], *((row.decode() + later + exemplar + end).encode() for row in rows[1:])])
    assert parse(body) == PodCounters(50_007, 7, (5, 3, 2), (0.01, 0.1), 3)


def test_exemplars_that_come_and_go_change_nothing():
    rows = page(total(100), buckets(5, 8, 10)).splitlines(keepends=True)
    for place in range(1, len(rows)):
        with_one = [*rows[:place], rows[place].rstrip() + EXEMPLARS[1].encode() + b"\n", *rows[place + 1 :]]
        assert parse(b"".join(with_one)) == PodCounters(100, 0, (5, 3, 2), (0.01, 0.1), in_flight_known=False)


def test_a_label_may_look_like_an_exemplar():
    for path in ('/x # {a=\\"b\\"} 5', "/x} 5 # {", "/}"):
        body = page(total(3.0, "404", endpoint=path), total(2.0))
        assert parse(body).requests == parse(body + EXEMPLARS[1].encode()).requests == 5


def test_blanks_between_the_parts_of_a_line_may_be_several():
    row = total(7).replace("{", " \t{").replace("} ", "}\t ")
    assert parse(page(row)).requests == 7


@pytest.mark.parametrize("lowest", ["0", "0.0", "-1.0", "-Inf"])
def test_a_bucket_of_no_time_at_all_is_part_of_the_next(lowest):
    body = page(total(10), total(2, "500"), buckets(1, 6, 10, bounds=(lowest, "5.0", "+Inf")))
    assert parse(body) == PodCounters(12, 2, (6, 4), (5.0,), in_flight_known=False)


@given(st.lists(st.integers(0, 9), min_size=65, max_size=300))
def test_of_very_many_buckets_some_are_put_together(counts):
    bounds = [f"{(n + 1) / 10:.1f}" for n in range(len(counts) - 1)]
    rising = [sum(counts[: n + 1]) for n in range(len(counts))]
    found = parse(page(total(rising[-1]), total(1, "500"), buckets(*rising, bounds=(*bounds, "+Inf"))))
    assert (found.requests, found.errors) == (rising[-1] + 1, 1)
    assert len(found.bounds) == min(64, len(bounds))
    assert {*found.bounds} <= {float(bound) for bound in bounds}
    assert found.bounds[-1] == float(bounds[-1])
    upto = dict(zip(map(float, bounds), rising, strict=False))
    assert [sum(found.hist[: n + 1]) for n in range(len(found.bounds))] == [upto[bound] for bound in found.bounds]
    assert sum(found.hist) == rising[-1]


@given(st.binary(max_size=300))
def test_any_bytes_are_counters_or_a_typed_error(noise):
    for body in (noise, page(total(1.0)) + noise, b"bentoml_service_request_total{" + noise + b"} 1\n"):
        with contextlib.suppress(MetricsError):
            assert isinstance(parse(body), PodCounters)


def test_two_hundred_pods_a_second_leave_most_of_a_core():
    paths = [f"/path{n}" for n in range(8)]
    bounds = (*(f"{n}.5" for n in range(20)), "+Inf")
    body = page(*(total(9, endpoint=p) + buckets(*[9] * 21, bounds=bounds, endpoint=p) for p in paths))
    parse(body)
    best = min(_seconds(body) for _ in range(5))
    assert best < 0.0025


def _seconds(body: bytes) -> float:
    began = time.process_time()
    parse(body)
    return time.process_time() - began


@pytest.mark.timeout(60)
def test_a_hostile_page_costs_no_more_than_its_length():
    """A label that never ends took hours where the time grew with the square of its length."""
    for rest in (
        b"a" * 1_000_000 + b"} 1\n",
        b"}" * 1_000_000,
        b' # {a="' + b'x",a="' * 100_000,
        b" " * 1_000_000 + b"} #",
    ):
        with pytest.raises(MetricsError):
            parse(b"bentoml_service_request_total{" + rest)
