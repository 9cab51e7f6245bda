"""Numbers and times as people read them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.statuses import NOW, at

from ekiben.cli import words
from ekiben.cli.bars import bar


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.2, "0 s"),
        (40, "40 s"),
        (59.7, "1 min"),
        (250, "4 min 10 s"),
        (3600, "1 h"),
        (3690, "1 h 1 min"),
        (190800, "2 d 5 h"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert words.span(seconds) == text


@given(st.floats(min_value=0, max_value=1e7))
def test_a_span_has_at_most_two_units(seconds: float) -> None:
    assert len(words.span(seconds).split()) in (2, 4)


def test_times_ahead_and_back() -> None:
    now = NOW.timestamp()
    assert words.until(at(40), now) == "in 40 s"
    assert words.until(at(-180), now) == "3 min ago"
    assert words.until(at(0.2), now) == "now"
    here = datetime.now(UTC)
    assert words.clock(at(-60), now, here) == "09:59:00"
    assert words.clock(at(-90000), now, here) == "2026-03-01 09:00:00"
    assert words.moment(words.written(now)) == now


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (2, 6080, "0.03 %"),
        (3, 1204, "0.2 %"),
        (61, 1204, "5.1 %"),
        (418, 4201, "10 %"),
        (1, 1, "100 %"),
    ],
)
def test_shares_keep_what_tells_them_from_nothing(part: int, whole: int, text: str) -> None:
    assert words.share(part, whole) == text
    assert words.share(part, 0) == "-"


@given(st.floats(min_value=0, max_value=0.999))
def test_evidence_is_never_whole_before_it_decides(value: float) -> None:
    assert int(words.evidence(value).removesuffix(" %")) < 100
    assert words.evidence(1.0) == "100 %"


def test_images_and_sentences() -> None:
    assert words.short_image("r.example.com/team/iris@sha256:" + "ab" * 32) == "iris@abababababab"
    assert words.short_image("localhost:5000/iris:1.2") == "iris:1.2"
    assert words.sentence("not ready after 10m") == "Not ready after 10m."
    assert words.sentence("spec.rollout.paused is true") == "spec.rollout.paused is true."
    assert words.sentence("Done!") == "Done!"
    assert words.sentence(" ") == ""
    assert words.count(1, "pod") == "1 pod"
    assert words.count(1204, "request") == "1,204 requests"


@given(st.floats(min_value=-1, max_value=3), st.integers(min_value=1, max_value=60))
def test_a_bar_has_its_width(value: float, width: int) -> None:
    assert bar(value, width, "red").cell_len == width
