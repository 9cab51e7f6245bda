"""docs/scale-to-zero.md names what there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from ekiben.activator import answers
from ekiben.activator.figures import Figures
from ekiben.activator.settings import Settings
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.objects.activation import FIRST_PORT, LAST_PORT, Entry

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/scale-to-zero.md").read_text()
_RESOURCE, _VALUES = re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)


def test_its_example_is_one_that_the_operator_reads() -> None:
    body = {"metadata": {"name": "iris", "namespace": "shop", "uid": "u"}, **yaml.safe_load(_RESOURCE)}
    body["spec"]["model"] = {"image": "x"}
    scaling = ModelDeployment.parse(body).spec.scaling
    assert scaling.sleeps
    defaults = {field.name: field.default for field in fields(Entry)}
    assert (scaling.queue, scaling.cold_start_timeout) == (defaults["queue"], f"{defaults['cold_start']:g}s")


def test_its_values_are_some_of_the_charts() -> None:
    chart = yaml.safe_load((_ROOT / "charts/ekiben/values.yaml").read_text())["activator"]["networkPolicy"]
    given = yaml.safe_load(_VALUES)["activator"]["networkPolicy"]
    assert {key: type(value) for key, value in given.items()} == {key: type(value) for key, value in chart.items()}


def test_every_setting_stands_there() -> None:
    assert [one for one in Settings.model_fields if f"EKIBEN_ACTIVATOR_{one.upper()}" not in _PAGE] == []
    assert f"{Settings().linger:g}" in _PAGE
    assert f"{FIRST_PORT} to {LAST_PORT}" in _PAGE


def test_every_series_stands_there() -> None:
    names = {metric.name for metric in Figures().registry.collect() if metric.name.startswith("ekiben_")}
    assert {one for one in names if one not in _PAGE} == set()


@pytest.mark.parametrize(
    "answer",
    [
        answers.full("iris", 1),
        answers.not_in_time("iris", 1, 0),
        answers.not_in_time("iris", 1, 2),
        answers.too_slow("iris", 1),
        answers.broken("iris"),
        answers.gone("iris"),
        answers.UPGRADE,
        answers.PRIVATE,
        answers.TARGET,
        answers.TOO_LARGE,
    ],
)
def test_every_reason_stands_there(answer: answers.Answer) -> None:
    assert answer.reason in _PAGE
    assert answer.text.endswith(".")
