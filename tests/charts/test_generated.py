"""What is committed is what the types give. Needs no helm; tests/charts/test_chart.py renders the chart."""

import pytest
import yaml

from charts import generate
from ekiben.api.crd import crd
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.objects import deployment, httproute, names
from ekiben.objects.settings import Settings

ROOT = generate.CHART.parent.parent
EXAMPLES = sorted((ROOT / "manifests/examples").glob("*.yaml"))


def test_generated_files_are_committed():
    stale = generate.differing(generate.generated())
    assert not stale, f"run `make generate` and commit {', '.join(map(str, stale))}"


def test_the_committed_crd_is_the_crd():
    assert yaml.safe_load((ROOT / generate.CRD_FILE).read_text()) == crd()


def test_there_are_examples():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_fit_the_types_and_can_be_rendered(path):
    body = yaml.safe_load(path.read_text())
    resource = ModelDeployment.parse(body | {"metadata": body["metadata"] | {"namespace": "default", "uid": "1"}})
    revision = names.revision_of(resource.spec.model)
    rendered = deployment.render(resource, revision, 1, body["spec"]["model"], resource.spec.scaling.floor)
    assert rendered["spec"]["template"]["spec"]["containers"][0]["image"] == body["spec"]["model"]["image"]
    assert httproute.weights(httproute.render(resource, Settings(), ((revision, 100),))) == {revision: 100}


def test_a_reference_names_every_field():
    text = generate.reference()
    for field in ("progressDeadline", "nonInferiority", "minReplicas", "sectionName", "emptyDirSize", "topologySpread"):
        assert field in text
