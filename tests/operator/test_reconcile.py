"""One look at a resource: what is written, in which order, and what happens when it is refused."""

import asyncio
import json

import pytest

from ekiben.cluster import kinds
from ekiben.cluster.errors import ConflictError, ForbiddenError, InvalidError, UnavailableError
from ekiben.objects import deployment
from ekiben.operator.apply import BlockedError
from ekiben.operator.queue import Key

KEY = Key("shop", "iris")


async def until(true):
    """Wait for a condition, ten seconds at most."""
    for _ in range(10_000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the condition did not come true")


def total(world):
    samples = world.metrics.reconciles.collect()[0].samples
    return sum(sample.value for sample in samples)


async def work(world, results):
    """Let one worker handle the resource until so many results are counted."""
    world.queue.add(KEY)
    task = asyncio.create_task(world.reconciler.work())

    await until(lambda: total(world) >= results)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_revision_comes_up_in_the_order_that_is_safe(world):
    world.apply()
    await world.settle()
    writes = world.cluster.writes
    revision = world.status["stable"]["revision"]
    order = [
        f"create Deployment iris-{revision}",
        f"apply Service iris-{revision}",
        f"apply HorizontalPodAutoscaler iris-{revision}",
        "apply HTTPRoute iris",
        "apply Service iris",
    ]
    assert [writes.index(write) for write in order] == sorted(writes.index(write) for write in order)
    assert world.status["phase"] == "Stable"
    assert world.status["url"] == "http://iris.shop.ekiben.localhost/"
    assert world.condition("Available")["status"] == "True"


async def test_a_settled_resource_is_not_written(world):
    world.apply()
    await world.settle()
    world.cluster.writes.clear()
    await world.settle(5)
    assert world.cluster.writes == []


async def test_a_service_that_drifted_is_put_right(world):
    world.apply()
    await world.settle()
    name = f"iris-{world.status['stable']['revision']}"
    service = world.cluster.objects["Service", "shop", name]
    world.cluster.put(kinds.SERVICE, {**service, "spec": {**service["spec"], "selector": {"a": "b"}}})
    world.cluster.writes.clear()
    await world.settle()
    assert world.cluster.writes == [f"apply Service {name}"]


async def test_what_belongs_to_somebody_else_is_not_taken_over(world):
    own = {"metadata": {"namespace": "shop", "name": "iris"}, "spec": {"selector": {"mine": "yes"}}}
    world.cluster.put(kinds.SERVICE, own)
    world.apply()
    with pytest.raises(BlockedError, match="does not belong to this ModelDeployment"):
        await world.settle()
    assert world.cluster.objects["Service", "shop", "iris"]["spec"] == own["spec"]
    assert world.status["phase"] == "Degraded"
    assert world.condition("Degraded")["reason"] == "NameTaken"
    world.cluster.drop(kinds.SERVICE, "shop", "iris")
    await world.settle()
    assert world.status["phase"] == "Stable"
    assert world.condition("Degraded") is None


async def test_what_a_former_resource_of_this_name_left_is_waited_for(world):
    owners = [{"kind": "ModelDeployment", "name": "iris", "uid": "before", "controller": True}]
    world.cluster.put(kinds.SERVICE, {"metadata": {"namespace": "shop", "name": "iris", "ownerReferences": owners}})
    world.apply()
    with pytest.raises(ConflictError, match="it is being removed"):
        await world.settle()
    world.cluster.drop(kinds.SERVICE, "shop", "iris")
    await world.settle()
    assert world.status["phase"] == "Stable"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(InvalidError("spec.x: too large", 422), "Invalid"), (ForbiddenError("exceeded quota", 403), "Forbidden")],
)
async def test_what_the_api_server_refuses_is_told_once_and_hurts_nobody_else(world, error, reason):
    world.cluster.refuse["create", "Deployment"] = error
    world.apply()
    for _ in range(3):
        with pytest.raises(BlockedError):
            await world.reconciler.look(KEY)
    assert world.condition("Degraded")["reason"] == reason
    assert error.message in world.condition("Degraded")["message"]
    assert [write for write in world.cluster.writes if "Event" not in write] == ["update status ModelDeployment iris"]
    await work(world, 1)
    assert world.metrics.reconciles.labels("blocked")._value.get() == 1


async def test_a_missing_right_to_read_is_told_too(world):
    world.apply()

    async def refused(*_):
        raise ForbiddenError("ekiben may not list pods", 403)

    world.cluster.list = refused
    with pytest.raises(BlockedError):
        await world.reconciler.look(KEY)
    assert world.condition("Degraded")["message"] == "ekiben may not list pods"


async def test_a_resource_that_cannot_be_read_is_told_so(world):
    world.apply(unheard={"of": 1})
    with pytest.raises(BlockedError, match=r"cannot read spec\.unheard"):
        await world.reconciler.look(KEY)
    assert world.condition("Degraded")["reason"] == "Unreadable"


async def test_after_a_conflict_it_is_read_again_at_once(world):
    world.apply()
    real = world.cluster.replace
    failures = [ConflictError("the object has been modified", 409)]

    async def replace(*args):
        if failures:
            raise failures.pop()
        return await real(*args)

    world.cluster.replace = replace
    await work(world, 2)
    assert world.metrics.reconciles.labels("conflict")._value.get() == 1
    assert world.metrics.reconciles.labels("ok")._value.get() == 1


async def test_a_second_leader_meets_a_conflict(world):
    """Two operators that read the same state: the slower one's weights and status are refused."""
    world.apply()
    await world.settle()
    raw = await world.cluster.get(kinds.MODEL_DEPLOYMENT, *KEY)
    route = await world.cluster.get(kinds.HTTP_ROUTE, *KEY)
    world.cluster.put(kinds.MODEL_DEPLOYMENT, {**world.resource, "status": {**world.status, "replicas": 7}})
    world.cluster.put(kinds.HTTP_ROUTE, {**route, "metadata": {**route["metadata"], "labels": {"a": "b"}}})
    with pytest.raises(ConflictError):
        await world.cluster.replace(kinds.MODEL_DEPLOYMENT, "shop", raw, "status")
    with pytest.raises(ConflictError):
        await world.cluster.apply(kinds.HTTP_ROUTE, "shop", route, route["metadata"]["resourceVersion"])


async def test_an_api_server_that_is_away_is_asked_again_later(world):
    async def away(*_):
        raise UnavailableError("No answer")

    world.cluster.find = away
    await work(world, 1)
    assert world.metrics.reconciles.labels("error")._value.get() == 1
    world.queue.forget(KEY)


async def test_a_defect_met_by_one_resource_does_not_stop_the_worker(world, monkeypatch):
    world.apply()
    monkeypatch.setattr("ekiben.operator.reconcile.decide", lambda *_: 1 / 0)
    await work(world, 1)
    assert world.metrics.reconciles.labels("defect")._value.get() == 1
    world.queue.forget(KEY)


async def test_a_gateway_that_is_missing_is_told(world):
    world.cluster.drop(kinds.GATEWAY, "ekiben-gateway", "ekiben")
    world.apply()
    await world.settle()
    assert "there is no Gateway ekiben in namespace ekiben-gateway" in world.condition("RouteAccepted")["message"]


async def test_a_changed_model_becomes_a_canary_that_is_watched(world):
    world.apply()
    await world.settle()
    world.apply(image="x:2")
    await world.settle()
    assert world.status["phase"] == "Canary"
    assert world.watchers.evidence(KEY).revision == world.status["canary"]["revision"]
    weights = [
        item["weight"]
        for item in world.cluster.objects["HTTPRoute", "shop", "iris"]["spec"]["rules"][-1]["backendRefs"]
    ]
    assert weights == [95, 5]


async def test_why_pods_are_ended_is_on_record_before_they_are(world):
    """A canary that crashes is scaled to 0; were that done first, its conviction could be lost with its pods."""
    world.apply()
    await world.settle()
    world.apply(image="x:2")
    await world.reconciler.look(KEY)
    canary = world.status["canary"]["revision"]
    world.controllers()
    pods = [item for (kind, _, name), item in world.cluster.objects.items() if kind == "Pod" and canary in name]
    for pod in pods:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        pod["status"]["containerStatuses"] = [{"restartCount": 3, "state": waiting}]
    world.cluster.writes.clear()
    await world.reconciler.look(KEY)
    writes = [write for write in world.cluster.writes if "Event" not in write]
    ended = f"scale Deployment iris-{canary} 0"
    assert writes.count(ended) == 1  # although the plan may say it twice
    assert writes.index("update status ModelDeployment iris") < writes.index(ended)
    assert world.status["rejectedRevision"] == canary


async def test_a_resource_that_is_gone_leaves_nothing_behind(world):
    world.apply()
    await world.settle()
    world.apply(image="x:2")
    await world.settle()
    world.cluster.drop(kinds.MODEL_DEPLOYMENT, "shop", "iris")
    assert await world.reconciler.look(KEY) is None
    assert world.watchers.evidence(KEY) is None
    assert 'name="iris"' not in world.metrics.exposition().decode()


async def test_a_disruption_budget_comes_with_the_second_replica_and_comes_back(world):
    world.apply()
    await world.settle()
    name = f"iris-{world.status['stable']['revision']}"
    budget = world.cluster.objects["PodDisruptionBudget", "shop", name]
    assert budget["spec"]["maxUnavailable"] == 1
    world.cluster.drop(kinds.DISRUPTION_BUDGET, "shop", name)
    await world.settle()
    assert ("PodDisruptionBudget", "shop", name) in world.cluster.objects
    world.apply(scaling={"replicas": 1})
    await world.settle()
    assert ("PodDisruptionBudget", "shop", name) not in world.cluster.objects


async def test_what_is_left_of_a_revision_whose_deployment_somebody_deleted_goes(world):
    world.apply()
    await world.settle()
    revision, gone = world.status["stable"]["revision"], "bcdfghjk"
    for kind in (kinds.AUTOSCALER, kinds.SERVICE):
        text = json.dumps(world.cluster.objects[kind.kind, "shop", f"iris-{revision}"])
        world.cluster.put(kind, json.loads(text.replace(revision, gone)))
    world.cluster.writes.clear()
    await world.settle()
    assert sorted(world.cluster.writes) == [
        f"delete HorizontalPodAutoscaler iris-{gone}",
        f"delete Service iris-{gone}",
    ]


async def test_of_the_resource_nothing_but_the_status_is_written(world):
    """Neither spec nor metadata: GitOps shows no difference, and a deletion waits for no finalizer."""

    def written():
        body = world.resource
        meta = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
        return json.loads(json.dumps({**body, "metadata": meta, "status": {}}))

    world.apply()
    before = written()
    await world.settle()
    assert world.status["phase"] == "Stable"
    assert written() == before
    world.apply(image="x:2")
    before = written()
    await world.settle()
    assert world.status["canary"]["image"] == "x:2"
    assert written() == before


async def test_a_version_that_renders_pods_differently_restarts_nothing(world, monkeypatch):
    """Neither at rest nor in mid-canary; a revision that is made afterwards is rendered as the new version does."""
    world.apply()
    await world.settle()
    world.apply(image="x:2")
    await world.settle()
    before = {name: body["spec"] for (kind, _, name), body in world.cluster.objects.items() if kind == "Deployment"}
    assert len(before) == 2
    earlier = deployment.template

    def later(*args):
        made = earlier(*args)
        return {**made, "spec": {**made["spec"], "terminationGracePeriodSeconds": 999}}

    monkeypatch.setattr(deployment, "template", later)
    world.cluster.writes.clear()
    await world.settle()
    assert not [write for write in world.cluster.writes if "Deployment iris-" in write]
    world.apply(image="x:3")
    await world.settle(45)  # the one before is drained first
    after = {name: body["spec"] for (kind, _, name), body in world.cluster.objects.items() if kind == "Deployment"}
    assert {name: after[name]["template"] for name in before} == {name: one["template"] for name, one in before.items()}
    (new,) = after.keys() - before.keys()
    assert after[new]["template"]["spec"]["terminationGracePeriodSeconds"] == 999


async def test_nothing_outside_of_the_namespace_is_read_but_what_the_gateway_and_a_freeze_are(world, monkeypatch):
    read = set()

    def noting(real):
        def noted(kind, namespace, *args, **options):
            read.add((kind.kind, namespace))
            return real(kind, namespace, *args, **options)

        return noted

    for name in ("find", "get", "list"):
        monkeypatch.setattr(world.cluster, name, noting(getattr(world.cluster, name)))
    world.apply()
    await world.settle()
    world.apply(image="x:2", rollout={"policyRef": "careful"})
    await world.settle()
    outside = {kind for kind, namespace in read if namespace != "shop"}
    assert outside <= {"Gateway", "GatewayClass", "Namespace"}
    assert ("RolloutPolicy", "shop") in read
