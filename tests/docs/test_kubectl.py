"""What the docs give to kubectl and helm fits: conditions, fields, annotations, the chart's values."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rollout.world import serving

from ekiben.api import crd, request
from ekiben.operator.freeze import FREEZE_ANNOTATION

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").glob("*.md")])
_TEXT = {page.name: re.sub(r"\\\n\s*", "", page.read_text()) for page in _PAGES}
# The operator writes it where the API server refuses something; no look that succeeds leaves it.
_WRITTEN = {one.type for one in serving().status.conditions} | {"Degraded"}


def _found(pattern: str) -> list[Any]:
    """Return each first group that is found in a page, with the page's name, once."""
    found = {(page, text) for page, content in _TEXT.items() for text in re.findall(pattern, content)}
    return [pytest.param(text, id=f"{page}: {text[:50]}") for page, text in sorted(found)]


@pytest.mark.parametrize("condition", _found(r"--for=condition=([A-Za-z]+)") + _found(r'@\.type=="(\w+)"'))
def test_a_condition_is_one_that_the_operator_writes(condition: str) -> None:
    assert condition in _WRITTEN


def test_the_page_of_rollouts_names_every_condition() -> None:
    told = re.search(r"^Conditions: (.*?)\. Each has", _TEXT["rollouts.md"], re.MULTILINE | re.DOTALL)
    assert told is not None
    assert set(re.findall(r"[A-Z]\w+", told[1].replace("API", ""))) == _WRITTEN


@pytest.mark.parametrize("path", _found(r"jsonpath='?(\{[^'`]+\})'?") + _found(r"[:,][A-Z]+:(\.[^,'` ]+)"))
def test_a_path_leads_to_a_field(path: str) -> None:
    for one in re.findall(r"\.(?:status|spec|metadata)[^} ]*", path):
        schema = crd.resource_schema()
        for name in re.findall(r"\.(\w+)", re.sub(r"\[\?[^]]*\]", "", one)):
            schema = schema.get("items", schema)
            assert name in schema["properties"], f"{one}: {name}"
            schema = schema["properties"][name]


@pytest.mark.parametrize("line", _found(r"kubectl (annotate [^`\n]+)"))
def test_an_annotation_is_one_that_the_operator_reads(line: str) -> None:
    words = [word for word in shlex.split(line, comments=True)[1:] if not word.startswith("-")]
    key, is_set, value = words[-1].partition("=")
    read = {"mdep/iris": request.REQUEST_ANNOTATION, "namespace": FREEZE_ANNOTATION}[words[0]]
    assert key.removesuffix("-") == read
    assert key.endswith("-") != bool(is_set)
    if is_set and read == request.REQUEST_ANNOTATION:
        assert request.parse(value.replace("REVISION", "bcdfghjk"))


@pytest.mark.parametrize("line", _found(r"(helm upgrade [^`\n]*--set [^`\n]+)"))
def test_a_value_is_one_of_the_chart_and_the_others_stay(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert "--reuse-values" in words, "with --set alone helm takes every other value back to its default"
    assert words[words.index("--namespace") + 1] == "ekiben-system", "where install.md puts it"
    for key in (after.partition("=")[0] for word, after in pairwise(words) if word == "--set"):
        values = yaml.safe_load((_ROOT / "charts/ekiben/values.yaml").read_text())
        for part in key.split("."):
            assert part in values, key
            values = values[part]
