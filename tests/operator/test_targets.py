"""Only pods that a revision's own Deployment made are asked for counters."""

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.operator.targets import Ownership
from ekiben.operator.world import World as Seen


def owned(kind, name, uid):
    return [{"kind": kind, "name": name, "uid": uid, "controller": True}]


def pod(name, replica_set="rs", **spec):
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "ownerReferences": owned("ReplicaSet", replica_set, f"uid-{replica_set}"),
        },
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


async def test_a_label_is_not_enough(world):
    labels = {"ekiben.dev/modeldeployment": "iris"}
    for name, deployment in (("rs", "d1"), ("theirs", "d2")):
        meta = {"namespace": "shop", "name": name, "labels": labels, "uid": f"uid-{name}"}
        meta["ownerReferences"] = owned("Deployment", "x", deployment)
        world.cluster.put(kinds.REPLICA_SET, {"metadata": meta})
    loner = pod("loner")
    loner["metadata"]["ownerReferences"] = []
    starting = pod("starting")
    del starting["status"]["podIP"]
    ended = pod("ended")
    ended["status"]["phase"] = "Failed"
    pods = [pod("mine"), pod("other", "theirs"), pod("unknown", "nobody"), loner, starting, ended]
    pods.append(pod("node", hostNetwork=True))
    world.apply()
    resource = ModelDeployment.parse(world.resource)
    seen = Seen(raw=world.resource, resource=resource, deployments={"r": {"metadata": {"uid": "d1"}}}, pods={"r": pods})
    ownership = Ownership(world.cluster)
    await ownership.learn(seen, ["r"])
    assert [(target.name, target.revision, target.port) for target in ownership.targets(seen, ["r", "gone"])] == [
        ("mine", "r", 3000)
    ]
