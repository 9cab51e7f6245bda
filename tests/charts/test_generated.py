"""What is committed is what the types give. Needs no helm; tests/charts/test_chart.py renders the chart."""

import pytest
import yaml
from tests import examples

from charts import generate
from ekiben.api.crd import crds
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.policy import RolloutPolicy, applied
from ekiben.objects import deployment, httproute, names
from ekiben.objects.settings import Settings

ROOT = generate.CHART.parent.parent


def test_generated_files_are_committed():
    stale = generate.differing(generate.generated())
    assert not stale, f"run `make generate` and commit {', '.join(map(str, stale))}"


def test_the_committed_crds_are_the_crds():
    folder = ROOT / generate.CRD_FOLDER
    assert len(list(folder.iterdir())) == len(crds())
    for definition in crds():
        assert yaml.safe_load((folder / f"{definition['spec']['names']['plural']}.yaml").read_text()) == definition


def test_there_are_examples():
    assert len(examples.FILES) >= 6


@pytest.mark.parametrize("body", examples.documents("ModelDeployment"))
def test_examples_fit_the_types_and_can_be_rendered(body):
    resource = ModelDeployment.parse(body | {"metadata": body["metadata"] | {"namespace": "default", "uid": "1"}})
    revision = names.revision_of(resource.spec.model)
    rendered = deployment.render(resource, revision, 1, body["spec"]["model"], resource.spec.scaling.floor)
    assert rendered["spec"]["template"]["spec"]["containers"][0]["image"] == body["spec"]["model"]["image"]
    assert httproute.weights(httproute.render(resource, Settings(), ((revision, 100),))) == {revision: 100}


def test_the_example_of_a_policy_fits_what_refers_to_it():
    found = {body["kind"]: body for path, body in examples.DOCUMENTS if path.stem == "shared-policy"}
    meta = {"namespace": "default", "uid": "1"}
    policy = RolloutPolicy.parse(found["RolloutPolicy"] | {"metadata": found["RolloutPolicy"]["metadata"] | meta})
    body = found["ModelDeployment"]
    resource = ModelDeployment.parse(body | {"metadata": body["metadata"] | meta})
    assert resource.spec.rollout.policy_ref == policy.metadata.name
    rollout = applied(resource.spec, policy.spec.rollout)
    assert (rollout.bake, [step.weight for step in rollout.steps]) == ("2h", [1, 10, 50])


def test_a_reference_names_every_field():
    text = generate.reference()
    for field in ("progressDeadline", "nonInferiority", "minReplicas", "sectionName", "emptyDirSize", "topologySpread"):
        assert field in text
