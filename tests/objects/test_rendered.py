"""How a Deployment was rendered is kept with it: read back as it was, and only where it can be trusted."""

import base64
import copy
import json
import random
import string
import zlib

import pytest
from tests.objects.resources import IMAGE, resource

from ekiben.objects import compare, deployment, rendered
from ekiben.objects.names import RENDERED_ANNOTATION

MODEL = {"image": IMAGE, "env": [{"name": "A", "value": "é"}]}


def made(model=None, **spec):
    """Return a Deployment as it is created."""
    return deployment.render(resource(**spec), "bcdfghjk", 7, model or MODEL, 3)


def test_what_is_kept_is_what_was_rendered_without_the_replicas():
    live = made()
    spec = copy.deepcopy(live["spec"])
    del spec["replicas"]
    assert rendered.unpack(live) == spec


def test_a_later_version_puts_back_what_was_rendered_then():
    then = made(traffic={"timeout": "10s"})
    again = deployment.as_rendered(resource(traffic={"timeout": "30s"}), "bcdfghjk", 7, MODEL, then)
    assert again["spec"]["template"] == then["spec"]["template"]
    assert "replicas" not in again["spec"]
    assert compare.differs(again, then) == []
    assert again["metadata"] == then["metadata"]


def test_an_unknown_model_or_number_is_left_as_it_is():
    again = deployment.as_rendered(resource(), "bcdfghjk", 0, {}, made())
    assert deployment.model_of(again) == MODEL
    assert deployment.number_of(again) == 7


def test_a_deployment_from_before_is_left_alone():
    before = made()
    del before["metadata"]["annotations"][RENDERED_ANNOTATION]
    assert deployment.as_rendered(resource(), "bcdfghjk", 7, MODEL, before) is None


def with_annotation(text, manager="ekiben"):
    """Return a Deployment whose annotation somebody wrote."""
    live = made()
    live["metadata"]["annotations"][RENDERED_ANNOTATION] = text
    tree = {"f:metadata": {"f:annotations": {f"f:{RENDERED_ANNOTATION}": {}}}}
    live["metadata"]["managedFields"] = [{"manager": manager, "operation": "Update", "fieldsV1": tree}]
    return live


def packed(content):
    """Pack any text."""
    return base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "text",
    ["", "x", "!!!!", packed(b"no json"), packed(b"[]"), packed(b"[" * 100_000), packed(b'{"a": "' + b" " * 2**24)],
    ids=["empty", "short", "no base64", "no json", "no spec", "deep", "huge"],
)
def test_what_cannot_be_read_is_not_known(text):
    assert rendered.unpack(with_annotation(text)) is None


def test_what_somebody_else_wrote_is_not_trusted():
    text = rendered.pack({"template": {"spec": {"hostNetwork": True}}})
    assert rendered.unpack(with_annotation(text)) is not None
    assert rendered.unpack(with_annotation(text, "kubectl-edit")) is None


def test_the_longest_environment_fits_into_what_annotations_may_hold():
    letters = random.Random(1)
    env = [{"name": f"A{number}", "value": "".join(letters.choices(string.printable, k=32_768))} for number in range(3)]
    annotations = made({"image": IMAGE, "env": env})["metadata"]["annotations"]
    assert sum(len(key) + len(value.encode()) for key, value in annotations.items()) < 256 * 1024
    assert json.loads(annotations["ekiben.dev/model"])["env"] == env
