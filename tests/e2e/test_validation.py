"""A real API server refuses what cannot work and says what to write instead; what ekiben renders, it accepts."""

import json
import subprocess
import uuid

import pytest
from tests import examples
from tests.api.bad_resources import BAD, BAD_NAMES, BAD_POLICIES, NAME_MESSAGE, named, policy, resource

from charts import generate
from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.scaling import Writer
from ekiben.objects import autoscaler, compare, deployment, disruption, httproute, names, service
from ekiben.objects.settings import Settings

pytestmark = pytest.mark.e2e
ROOT = generate.CHART.parent.parent
NAMESPACE = f"ekiben-validation-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def kubectl(operator):
    """Return a function that runs kubectl on a cluster whose CRD is the chart's."""

    def run(*arguments, stdin=None):
        command = [str(operator.kubectl), f"--kubeconfig={operator.kubeconfig}", f"--context={operator.context}"]
        return subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture(scope="module")
def server(kubectl):
    """Return a function that runs kubectl in a namespace that enforces Pod Security "restricted"."""
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    created = kubectl("apply", "-f", "-", stdin=json.dumps(body))
    assert created.returncode == 0, created.stderr
    yield lambda *arguments, body=None: kubectl(
        "--namespace", NAMESPACE, *arguments, stdin=json.dumps(body) if body else None
    )
    kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def dry_run(server, body):
    """Apply without an effect; returns the finished kubectl."""
    body = body | {"metadata": {k: v for k, v in body["metadata"].items() if k != "namespace"}}
    return server("apply", "--dry-run=server", "-f", "-", body=body)


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_refused_with_what_to_write(server, what):
    spec, message = BAD[what]
    refused = dry_run(server, resource(spec))
    assert refused.returncode
    assert message in refused.stderr


@pytest.mark.parametrize("what", BAD_POLICIES)
def test_what_is_wrong_with_a_policy_is_refused(server, what):
    rollout, message = BAD_POLICIES[what]
    refused = dry_run(server, policy(rollout))
    assert refused.returncode
    assert message in refused.stderr


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_makes_no_service_is_refused(server, name):
    refused = dry_run(server, named(name))
    assert refused.returncode
    assert NAME_MESSAGE in refused.stderr


@pytest.mark.parametrize("block", ["model", "scaling", "traffic", "rollout"])
def test_an_unknown_field_is_refused_by_name(server, block):
    refused = dry_run(server, resource({block: {"imagee": "x"}}))
    assert refused.returncode
    assert f'unknown field "spec.{block}.imagee"' in refused.stderr


@pytest.mark.parametrize("body", examples.documents())
def test_examples_are_accepted(server, body):
    accepted = dry_run(server, body)
    assert accepted.returncode == 0, accepted.stderr
    assert "Warning" not in accepted.stderr


def test_nothing_is_written_into_the_spec(server):
    """GitOps sees no difference between what it applied and what is there."""
    body = resource({"rollout": {"paused": True}})
    shown = server("create", "--dry-run=server", "-o", "json", "-f", "-", body={**body, "metadata": {"name": "iris"}})
    assert json.loads(shown.stdout)["spec"] == body["spec"]


def test_explain_tells_the_defaults(server):
    shown = server("explain", "mdep.spec.rollout")
    assert shown.returncode == 0, shown.stderr
    assert "progressDeadline" in shown.stdout
    assert "Default: 10m." in " ".join(shown.stdout.split())


def rendered(body):
    """Return everything that an example becomes, without its owner, which is not there."""
    read = ModelDeployment.parse(
        body | {"metadata": {"name": body["metadata"]["name"], "namespace": NAMESPACE, "uid": "1"}}
    )
    revision = names.revision_of(read.spec.model)
    weights = ((revision, 95), ("bcdfghjk", 5))
    objects = [
        deployment.render(read, revision, 1, body["spec"]["model"], read.spec.scaling.floor),
        service.render(read, revision),
        service.render_stable(read, revision),
        disruption.render(read, revision),
        httproute.render(read, Settings(), weights),
    ]
    if read.spec.writer is Writer.AUTOSCALER:
        objects.append(autoscaler.render(read, revision, read.spec.scaling.floor or 1, read.spec.scaling.ceiling))
    for item in objects:
        del item["metadata"]["ownerReferences"]
    return objects


@pytest.mark.parametrize("body", examples.documents("ModelDeployment"))
def test_what_is_rendered_is_accepted_and_not_written_twice(server, body):
    for desired in rendered(body):
        applied = server(
            "apply",
            "--server-side",
            "--field-manager=ekiben",
            "--dry-run=server",
            "-o",
            "json",
            "-f",
            "-",
            body=desired,
        )
        assert applied.returncode == 0, applied.stderr
        # A template outside of "restricted" would be a warning here, and no pod later.
        assert "Warning" not in applied.stderr
        assert compare.differs(desired, json.loads(applied.stdout)) == []


@pytest.mark.parametrize("body", examples.documents("ModelDeployment"))
def test_pods_are_admitted_where_restricted_is_enforced(server, body):
    template = rendered(body)[0]["spec"]["template"]
    # Classes that this cluster does not have are not what is tested.
    for field in ("runtimeClassName", "priorityClassName"):
        template["spec"].pop(field, None)
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = template["metadata"] | {"name": "probe"}
    admitted = server("create", "--dry-run=server", "-f", "-", body=pod)
    assert admitted.returncode == 0, admitted.stderr
