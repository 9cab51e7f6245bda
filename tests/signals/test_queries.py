"""Definitions of business metrics: what is refused, and in which words."""

import pytest

from ekiben.signals.queries import QueriesError, load, parse

FINE = {
    "name": "corrections",
    "events": {"metric": "corrections_total", "labels": {"team": 'ml"}'}},
    "trials": {"metric": "predictions_total"},
    "delay": "5m",
}


def test_a_definition_is_read(tmp_path):
    file = tmp_path / "queries.yaml"
    file.write_text(
        "queries:\n- name: orders\n  events: {metric: orders_total}\n  trials: {metric: visits_total}\n"
        "  revisionBy: revision\n  interval: 15s\n"
    )
    found = load(file)["orders"]
    assert (found.revision_by, found.interval, found.events.metric) == ("revision", "15s", "orders_total")
    assert parse({"queries": [FINE]})["corrections"].delay_seconds == 300


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"events": {"metric": "rate(orders_total[5m])"}}, "functions such as rate"),
        ({"events": {"metric": "x", "labels": {'a="b",c': "d"}}}, "not the name of a label"),
        ({"events": {"metric": "x", "labels": {"__name__": "d"}}}, "not the name of a label"),
        ({"events": {"metric": "x", "labels": {"a": "b\x00"}}}, "control character"),
        ({"revisionLabel": "a b"}, "not the name of a label"),
        ({"name": "errors"}, "a metric of ekiben's own"),
        ({"name": "Bad Name"}, "query 1 \\(Bad Name\\): name"),
        ({"query": "up"}, "query"),
        ({"delay": "soon"}, "write a duration"),
        ({"namespaceLabel": "-", "revisionBy": "revision"}, "the series need a namespace"),
    ],
)
def test_what_cannot_be_used_is_refused(change, words):
    with pytest.raises(QueriesError, match=words):
        parse({"queries": [{**FINE, **change}]})


@pytest.mark.parametrize("data", [None, [], {"queries": {}}, {"queries": [], "more": 1}, {"queries": [FINE, FINE]}])
def test_a_file_of_another_form_is_refused(data):
    with pytest.raises(QueriesError):
        parse(data)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(QueriesError, match=r"missing\.yaml cannot be read"):
        load(tmp_path / "missing.yaml")
    (tmp_path / "broken.yaml").write_text("queries: [")
    with pytest.raises(QueriesError, match=r"broken\.yaml cannot be read"):
        load(tmp_path / "broken.yaml")
