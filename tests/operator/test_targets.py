"""Only pods that a revision's own Deployment made are asked for counters."""

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.operator.targets import targets
from ekiben.operator.world import World as Seen


def pod(name, replica_set="iris-r-5d4b", template="5d4b", **spec):
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "labels": {"pod-template-hash": template},
            "ownerReferences": [{"kind": "ReplicaSet", "name": replica_set, "uid": "u", "controller": True}],
        },
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


def test_a_label_is_not_enough(world):
    loner = pod("loner")
    loner["metadata"]["ownerReferences"] = []
    unlabelled = pod("unlabelled", "iris-r-None")
    unlabelled["metadata"]["labels"] = {}
    starting = pod("starting")
    del starting["status"]["podIP"]
    ended = pod("ended")
    ended["status"]["phase"] = "Failed"
    pods = [pod("mine"), pod("other", "theirs-5d4b"), loner, unlabelled, starting, ended, pod("node", hostNetwork=True)]
    world.apply()
    resource = ModelDeployment.parse(world.resource)
    deployment = {"metadata": {"name": "iris-r"}}
    seen = Seen(raw=world.resource, resource=resource, deployments={"r": deployment}, pods={"r": pods, "gone": pods})
    assert [(target.name, target.revision, target.port) for target in targets(seen, ["r", "gone"])] == [
        ("mine", "r", 3000)
    ]


def test_the_restarts_of_the_model_are_known(world):
    world.apply()
    resource = ModelDeployment.parse(world.resource)
    again = pod("again")
    again["status"]["containerStatuses"] = [
        {"name": "sidecar", "restartCount": 7},
        {"name": "model", "restartCount": 2},
    ]
    seen = Seen(
        raw=world.resource,
        resource=resource,
        deployments={"r": {"metadata": {"name": "iris-r"}}},
        pods={"r": [again, pod("new")]},
    )
    assert [target.restarts for target in targets(seen, ["r"])] == [2, 0]


def test_a_replica_is_not_asked_while_it_warms_up(world):
    world.apply(model={"image": "x:1", "warmUp": {"path": "/predict", "body": "[]"}})
    resource = ModelDeployment.parse(world.resource)
    warming, warm = pod("warming"), pod("warm")
    warming["status"]["containerStatuses"] = [{"name": "model", "started": False}]
    warm["status"]["containerStatuses"] = [{"name": "model", "started": True}]
    seen = Seen(
        raw=world.resource, resource=resource, deployments={"r": {"metadata": {"name": "iris-r"}}}, pods={"r": []}
    )
    seen.pods["r"] = [warming, warm, pod("new")]
    assert [target.name for target in targets(seen, ["r"])] == ["warm"]
