"""RolloutPolicies: what a resource takes over, who is woken, and what is told where one cannot be used."""

import pytest

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.rollout import Strategy
from ekiben.cluster import kinds
from ekiben.cluster.errors import ForbiddenError
from ekiben.operator.policies import Policies
from ekiben.operator.queue import Key


class Stored:
    """A cluster with one policy, or an error."""

    def __init__(self, spec=None, error=None):
        self.spec, self.error = spec, error

    async def find(self, kind, namespace, name):
        assert (kind, namespace) == (kinds.ROLLOUT_POLICY, "shop")
        if self.error:
            raise self.error
        meta = {"name": name, "namespace": namespace, "uid": "p1"}
        return None if self.spec is None else {"metadata": meta, "spec": self.spec}


def resource(rollout, name="iris", **model):
    """Return a resource with this spec.rollout."""
    return ModelDeployment.parse(
        {
            "metadata": {"name": name, "namespace": "shop", "uid": "1"},
            "spec": {"model": {"image": "x:1"} | model, "rollout": rollout},
        }
    )


async def test_what_the_resource_writes_goes_first_block_by_block():
    shared = {"rollout": {"bake": "1h", "analysis": {"deadline": "3h", "falseRollback": 0.001}}}
    own = {"policyRef": "careful", "analysis": {"deadline": "2h"}}
    rollout, problem = await Policies(Stored(shared)).read(resource(own))
    assert problem == ""
    assert (rollout.bake, rollout.analysis.deadline, rollout.analysis.false_rollback) == ("1h", "2h", 0.001)
    assert rollout.policy_ref is None


async def test_a_strategy_comes_from_one_and_its_block_from_the_other():
    own = {"policyRef": "careful", "blueGreen": {"hostname": "preview.example.com"}}
    rollout, problem = await Policies(Stored({"rollout": {"strategy": "blueGreen"}})).read(resource(own))
    assert (problem, rollout.strategy) == ("", Strategy.BLUE_GREEN)


async def test_a_resource_without_a_reference_has_its_own():
    assert await Policies(Stored()).read(resource({})) == (None, "")


@pytest.mark.parametrize(
    ("stored", "own", "told"),
    [
        (Stored(), {}, "there is no RolloutPolicy careful in namespace shop: create it, or remove policyRef"),
        (Stored({"rollout": {"unheard": 1}}), {}, "cannot read RolloutPolicy careful: spec.rollout.unheard"),
        (
            Stored({"rollout": {"strategy": "recreate"}}),
            {"steps": [{"weight": 5}]},
            "do not fit together: rollout.steps are of strategy canary",
        ),
        (
            Stored({"rollout": {"strategy": "canary"}}),
            {"blueGreen": {}},
            "do not fit together: rollout.blueGreen is of strategy blueGreen",
        ),
        (Stored(error=ForbiddenError("ekiben may not get rolloutpolicies", 403)), {}, "may not get rolloutpolicies"),
    ],
)
async def test_what_cannot_be_used_is_told(stored, own, told):
    rollout, problem = await Policies(stored).read(resource({"policyRef": "careful"} | own))
    assert rollout is None
    assert told in problem


async def test_the_policys_deadline_has_to_cover_the_start():
    slow = {"probes": {"startupTimeout": "20m"}}
    rollout, problem = await Policies(Stored({"rollout": {}})).read(resource({"policyRef": "careful"}, **slow))
    assert rollout is None
    assert "raise progressDeadline or lower startupTimeout" in problem
    rollout, problem = await Policies(Stored({"rollout": {"progressDeadline": "30m"}})).read(
        resource({"policyRef": "careful"}, **slow)
    )
    assert (rollout.progress_deadline, problem) == ("30m", "")


async def test_a_change_wakes_those_that_refer_to_it():
    policies = Policies(Stored())
    await policies.read(resource({"policyRef": "careful"}))
    await policies.read(resource({"policyRef": "careful"}, "plums"))
    await policies.read(resource({"policyRef": "bold"}, "pears"))
    assert policies.users("shop", "careful") == [Key("shop", "iris"), Key("shop", "plums")]
    assert policies.users("ads", "careful") == []
    await policies.read(resource({}))
    policies.forget(Key("shop", "plums"))
    assert policies.users("shop", "careful") == []


async def test_a_rollout_goes_by_the_policy_as_it_was_when_it_began(world):
    def store(weight):
        spec = {"rollout": {"steps": [{"weight": weight}]}}
        world.cluster.put(
            kinds.ROLLOUT_POLICY, {"metadata": {"namespace": "shop", "name": "one", "uid": "p"}, "spec": spec}
        )

    store(10)
    world.apply(rollout={"policyRef": "one"})
    await world.settle()
    world.apply(image="x:2", rollout={"policyRef": "one"})
    await world.settle()
    assert world.status["canary"]["weight"] == 10
    store(40)
    await world.settle()
    assert world.status["canary"]["weight"] == 10
    assert world.condition("PolicyUsable")["status"] == "True"


async def test_without_its_policy_a_new_revision_waits(world):
    world.apply(rollout={"policyRef": "one"})
    await world.settle()
    stable = world.status["stable"]["revision"]
    world.apply(image="x:2", rollout={"policyRef": "one"})
    await world.settle()
    assert world.status["stable"]["revision"] == stable
    assert world.condition("PolicyUsable")["status"] == "False"
    assert "there is no RolloutPolicy one" in world.condition("Progressing")["message"]
