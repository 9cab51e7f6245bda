"""docs/scaling.md says what the code does: its YAML is read by it, its reasons are all there are."""

import re
from pathlib import Path

import yaml

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.scaling import ScalingMetricType
from ekiben.objects import scaled_object
from ekiben.rollout.scaled import follows
from ekiben.rollout.why import Why
from ekiben.scaling import Reason

_PAGE = (Path(__file__).parents[2] / "docs/scaling.md").read_text()
_BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", _PAGE, re.DOTALL)]


def _resources() -> list[ModelDeployment]:
    body = {"metadata": {"name": "iris", "namespace": "shop", "uid": "u"}}
    return [ModelDeployment.parse({**body, "spec": {"model": {"image": "x"}, **block["spec"]}}) for block in _BLOCKS]


def test_every_spec_is_one_that_the_operator_reads() -> None:
    said = [follows(resource.spec) for resource in _resources()]
    assert said == [
        "2 to 20 replicas by concurrency, as many as a replica is seen to take",
        "2 to 10 replicas by latency, 0.95 of the answers within 300ms",
        "2 to 10 replicas by KEDA's triggers cron",
    ]


def test_every_reason_and_every_metric_is_explained() -> None:
    for word in [*Reason, *Why, *ScalingMetricType]:
        assert f"`{word.value}`" in _PAGE, word


def test_the_triggers_are_allowed_by_the_command_that_the_page_gives() -> None:
    [listed] = re.findall(r"--set keda.triggers='\{(.*?)\}'", _PAGE)
    [keda] = [one for one in _resources() if one.spec.scaling.keda]
    assert scaled_object.refused(keda, tuple(listed.split(",")), installed=True) == ""
    assert "EKIBEN_KEDA_TRIGGERS" in scaled_object.refused(keda, (), installed=True)
    assert "not installed" in scaled_object.refused(keda, ("cron",), installed=False)
