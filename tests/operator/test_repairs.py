"""A revision's Deployment that somebody changed: put right by what it was rendered as, its replicas left alone."""

import asyncio
import copy

import pytest
from tests.sim.apiserver import ApiServer
from tests.sim.client import SimCluster

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError, InvalidError
from ekiben.objects.names import RENDERED_ANNOTATION, revision_of
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.apply import Applier
from ekiben.operator.gateways import Gateways
from ekiben.operator.observe import Observer, observation
from ekiben.rollout.plan import EnsureRevision

SPEC = {"model": {"image": "x:1", "env": [{"name": "A", "value": "1"}]}}
RESOURCE = {
    "apiVersion": "ekiben.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"namespace": "shop", "name": "iris", "uid": "u1"},
    "spec": SPEC,
}


class Scene:
    """An API server with one revision, and what acts on it."""

    def __init__(self):
        self.server = ApiServer(lambda: "2027-01-15T08:00:00Z", shows_managed_fields=True)
        self.server.put(kinds.NAMESPACE, {"metadata": {"name": "shop"}})
        self.resource = ModelDeployment.parse(RESOURCE)
        self.revision = revision_of(self.resource.spec.model)
        self.name = f"iris-{self.revision}"
        self.cluster = SimCluster(lambda _method: self.server)
        self.written = []
        self.applier = Applier(self.cluster, Rendering(), self.written.append)
        gateways = Gateways(self.cluster, Rendering(), 0)
        self.observer = Observer(self.cluster, Rendering(), gateways)

    async def look(self, frozen=""):
        """Do what a look does about the revision; returns what the next one is told of drift."""
        world = await self.observer.read(RESOURCE, self.resource)
        world.frozen = frozen
        self.written.clear()
        await self.applier.act(world, (EnsureRevision(self.revision, 1, SPEC["model"], 2),))
        world = await self.observer.read(RESOURCE, self.resource)
        return observation(world, None, {}, self.applier.problems(world)).drift

    @property
    def live(self):
        return copy.deepcopy(self.server.peek(kinds.DEPLOYMENT, "shop", self.name))

    def edit(self, change, manager="kubectl-edit"):
        """Write the Deployment as somebody does by hand."""
        body = self.live
        change(body)
        self.server.put(kinds.DEPLOYMENT, body, manager)

    @property
    def container(self):
        return self.live["spec"]["template"]["spec"]["containers"][0]

    def notes(self):
        return [event["note"] for event in self.server.all(kinds.EVENT)]


@pytest.fixture
async def scene():
    scene = Scene()
    await scene.look()
    return scene


def first(body):
    """Return the model's container."""
    return body["spec"]["template"]["spec"]["containers"][0]


async def test_what_is_as_it_was_made_is_not_written(scene):
    assert await scene.look() == ()
    assert scene.written == []


async def test_changed_fields_are_put_right_and_told(scene):
    before = scene.container

    def change(body):
        first(body)["image"] = "evil:1"
        first(body)["env"][:] = [one for one in first(body)["env"] if one["name"] != "A"]
        body["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = 1

    scene.edit(change)
    assert await scene.look() == ()
    assert scene.container["image"] == "x:1"
    assert sorted(scene.container["env"], key=str) == sorted(before["env"], key=str)
    assert scene.live["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert scene.written == ["apply Deployment"]
    assert "containers[model].image" in scene.notes()[0]
    assert "(changed by kubectl-edit)" in scene.notes()[0]
    await scene.look()
    assert scene.written == []


async def test_the_replicas_stay_with_whoever_scales(scene):
    path = f"/apis/apps/v1/namespaces/shop/deployments/{scene.name}/scale"
    for replicas in (7, 9):
        scale = {"spec": {"replicas": replicas}}
        query = {"fieldManager": "kube-controller-manager"}
        scene.server.handle("PATCH", path, query, scale, "application/merge-patch+json")
        scene.edit(lambda body: first(body).update(image="evil:1"))
        assert await scene.look() == ()
        assert scene.live["spec"]["replicas"] == replicas
        assert scene.container["image"] == "x:1"


async def test_what_others_add_stays_and_is_told(scene):
    scene.edit(lambda body: first(body)["env"].append({"name": "DEBUG", "value": "1"}))
    told = (f"Deployment {scene.name}: kubectl-edit set spec.template.spec.containers[model].env[DEBUG]",)
    assert await scene.look() == told
    assert scene.written == []
    scene.edit(lambda body: first(body).update(image="evil:1"))
    assert await scene.look() == told
    assert {"name": "DEBUG", "value": "1"} in scene.container["env"]


async def test_a_restart_is_no_drift(scene):
    scene.edit(
        lambda body: body["spec"]["template"]["metadata"]["annotations"].update(
            {"kubectl.kubernetes.io/restartedAt": "2027-01-15T08:00:00Z"}
        ),
        "kubectl-rollout",
    )
    assert await scene.look() == ()
    assert scene.written == []


async def test_what_admission_changes_in_ekibens_own_requests_is_left_alone(scene):
    # An admission webhook's changes are told as those of whoever made the request.
    scene.edit(lambda body: first(body).update(image="mirror.example.com/x:1"), "ekiben")
    assert await scene.look() == ()
    assert scene.written == []
    assert scene.container["image"] == "mirror.example.com/x:1"


async def test_a_deployment_from_before_is_left_alone_and_changes_are_told(scene):
    def change(body):
        del body["metadata"]["annotations"][RENDERED_ANNOTATION]
        first(body)["image"] = "evil:1"

    scene.edit(change)
    assert await scene.look() == (
        f"Deployment {scene.name}: kubectl-edit set spec.template.spec.containers[model].image",
    )
    assert scene.written == []


async def test_during_a_freeze_no_pod_is_replaced(scene):
    scene.edit(lambda body: first(body).update(image="emergency:1"))
    await scene.look(frozen="audit")
    assert scene.container["image"] == "emergency:1"
    await scene.look()
    assert scene.container["image"] == "x:1"


async def test_lost_labels_come_back(scene):
    scene.edit(lambda body: body["metadata"].pop("labels"))
    with pytest.raises(Exception, match="already exists"):
        await scene.look()
    assert scene.live["metadata"]["labels"]["ekiben.dev/revision"] == scene.revision
    assert await scene.look() == ()
    assert scene.written == []


async def test_a_note_on_the_revision_is_put_right_from_the_status(scene):
    scene.edit(lambda body: body["metadata"]["annotations"].update({"ekiben.dev/model": '{"image": "evil:1"}'}))
    assert await scene.look() == ()
    assert '"x:1"' in scene.live["metadata"]["annotations"]["ekiben.dev/model"]


@pytest.mark.parametrize("error", [InvalidError("may not have two handlers", 422), ForbiddenError("may not", 403)])
async def test_what_cannot_be_put_right_is_told_and_holds_up_nothing(scene, monkeypatch, error):
    asked = []

    async def refuse(*_args, **_kwargs):
        asked.append(1)
        raise error

    monkeypatch.setattr(scene.cluster, "apply", refuse)
    scene.edit(lambda body: first(body).update(image="evil:1"))
    for _ in range(3):
        (told,) = await scene.look()
        assert f"containers[model].image cannot be put right ({error.message})" in told
    assert len(asked) == 1
    monkeypatch.undo()
    loop = asyncio.get_running_loop()
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + 601)
    assert await scene.look() == ()
    assert scene.container["image"] == "x:1"
