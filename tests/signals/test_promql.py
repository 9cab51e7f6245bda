"""Whatever a name holds, it stays inside its quotes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.signals.promql import Matcher, is_label, is_metric, literal, one_of, quoted, raw

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30)


def unquoted(text: str) -> str:
    """What Prometheus would read, or an error where the literal ends early."""
    found = re.fullmatch(r'"((?:[^"\\\n]|\\[\\"nrt])*)"', text)
    assert found, text
    return re.sub(r"\\(.)", lambda one: {"n": "\n", "r": "\r", "t": "\t"}.get(one[1], one[1]), found[1])


@given(TEXT)
def test_what_is_quoted_reads_as_it_was(text):
    assert unquoted(quoted(text)) == text
    assert unquoted(quoted(f'{text}"}} or vector(1) #\n')) == f'{text}"}} or vector(1) #\n'


@given(TEXT, TEXT)
def test_a_literal_matches_itself_alone(text, other):
    pattern = literal(text)
    assert re.fullmatch(pattern, text)
    assert bool(re.fullmatch(pattern, other)) == (text == other)


@pytest.mark.parametrize("text", ["a\x00b", "a\x7f", "\ud800"])
def test_what_no_label_can_hold_is_refused(text):
    with pytest.raises(ValueError, match="control character"):
        quoted(text)


@pytest.mark.parametrize("label", ["", "1a", "a-b", 'a="x",b', "a b", "é"])
def test_a_label_that_is_none_is_refused(label):
    with pytest.raises(ValueError, match="not the name of a label"):
        raw((Matcher(label, "x"),), 1)
    assert not is_label(label)


def test_a_selector_of_raw_samples():
    matchers = (one_of("__name__", (":tf:requests", "up")), Matcher("namespace", "shop"), one_of("pod", ("a-1", "b.2")))
    assert raw(matchers, 60) == '{__name__=~":tf:requests|up",namespace="shop",pod=~"a-1|b\\\\.2"}[60000ms]'


@pytest.mark.parametrize(("name", "fine"), [("orders_total", True), (":a:b", True), ("a-b", False), ("rate(x)", False)])
def test_the_name_of_a_metric(name, fine):
    assert is_metric(name) is fine
