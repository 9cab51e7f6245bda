"""What is left of a revision whose Deployment somebody deleted is seen, and goes."""

import asyncio

from tests.sim.apiserver import ApiServer
from tests.sim.client import SimCluster

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.objects.names import revision_of
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.apply import Applier
from ekiben.operator.gateways import Gateways
from ekiben.operator.observe import Observer, observation
from ekiben.rollout.plan import DeleteRevision, EnsureAutoscaler, EnsureDisruptionBudget, EnsureRevision

SPEC = {"model": {"image": "x:1"}}
RESOURCE = {
    "apiVersion": "ekiben.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"namespace": "shop", "name": "iris", "uid": "u1"},
    "spec": SPEC,
}
LEFT = (kinds.SERVICE, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET)


def test_the_service_autoscaler_and_budget_of_a_deleted_deployment_go() -> None:
    asyncio.run(_story())


async def _story() -> None:
    server = ApiServer(lambda: "2027-01-15T08:00:00Z", shows_managed_fields=True)
    server.put(kinds.NAMESPACE, {"metadata": {"name": "shop"}})
    cluster = SimCluster(lambda _method: server)
    applier = Applier(cluster, Rendering(), lambda _what: None)
    observer = Observer(cluster, Rendering(), Gateways(cluster, Rendering(), 0))
    resource = ModelDeployment.parse(RESOURCE)
    revision = revision_of(resource.spec.model)
    made = (
        EnsureRevision(revision, 1, SPEC["model"], 2),
        EnsureAutoscaler(revision, 2, 4),
        EnsureDisruptionBudget(revision),
    )
    await applier.act(await observer.read(RESOURCE, resource), made)
    world = await observer.read(RESOURCE, resource)
    assert observation(world, None, {}).orphans == ()
    server.remove(kinds.DEPLOYMENT, "shop", f"iris-{revision}")
    world = await observer.read(RESOURCE, resource)
    assert observation(world, None, {}).orphans == (revision,)
    await applier.act(world, (DeleteRevision(revision),))
    assert [body["metadata"]["name"] for kind in LEFT for body in server.all(kind)] == []
