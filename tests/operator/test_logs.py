"""One line of JSON for each message, with the resource it is about."""

import json
import logging

from ekiben.operator.logs import Damper, JsonFormatter, ResourceLog, TextFormatter


def record(caplog):
    return caplog.records[-1]


def test_a_line_names_its_resource(caplog):
    caplog.set_level(logging.INFO)
    ResourceLog(logging.getLogger("x"), "shop", "iris", revision="abc").info("hello\n%s", "you", fields={"reason": "R"})
    line = JsonFormatter().format(record(caplog))
    assert "\n" not in line
    parsed = json.loads(line)
    assert parsed.pop("ts").endswith("Z")
    assert parsed == {
        "level": "info",
        "logger": "x",
        "msg": "hello\nyou",
        "namespace": "shop",
        "name": "iris",
        "revision": "abc",
        "reason": "R",
    }
    assert "INFO    shop/iris: hello" in TextFormatter().format(record(caplog))


def test_a_defect_has_its_traceback(caplog):
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("x").exception("oh")
    assert "ZeroDivisionError" in json.loads(JsonFormatter().format(record(caplog)))["exc"]


def test_kopfs_lines_name_theirs_too(caplog):
    reference = {"kind": "Pod", "namespace": "shop", "name": "p", "uid": "u"}
    logging.getLogger("kopf.objects").warning("x", extra={"k8s_ref": reference})
    parsed = json.loads(JsonFormatter().format(record(caplog)))
    assert (parsed["kind"], parsed["namespace"], parsed["name"]) == ("Pod", "shop", "p")


def test_an_api_server_that_is_away_fills_no_log():
    def line(name, text, created):
        made = logging.LogRecord(name, logging.ERROR, "x", 1, text, (), None)
        made.created = created
        return made

    damper = Damper()
    attempts = [line("kopf._cogs", f"Request attempt #{n} failed", 100.0 + n) for n in range(12)]
    assert [damper.filter(attempt) for attempt in attempts].count(True) == 2
    assert damper.filter(line("kopf._cogs", "Watcher failed", 112.0))
    assert damper.filter(line("ekiben.cluster", "Request attempt", 112.0))
