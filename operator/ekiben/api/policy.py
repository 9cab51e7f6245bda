"""RolloutPolicy: a spec.rollout that the ModelDeployments of a namespace share by spec.rollout.policyRef."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from pydantic import ValidationError

from .base import Resource
from .modeldeployment import Metadata, Spec
from .rollout import Rollout
from .rules import Rule
from .status import RolloutStatus, Status

POLICY_KIND = "RolloutPolicy"
POLICY_PLURAL = "rolloutpolicies"


def _unwritten(self: PolicyRollout, attribute: str) -> bool:
    return attribute not in self.model_fields_set


class PolicyRollout(Rollout):
    """What is shared: everything of spec.rollout but what belongs to one resource."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *Rollout.rules,
        *(
            Rule(
                f"!has(self.{field})",
                f"{field} belongs to one ModelDeployment: write it in its spec.rollout",
                partial(_unwritten, attribute=attribute),
                f".{field}",
            )
            for field, attribute in (("paused", "paused"), ("policyRef", "policy_ref"))
        ),
    )


class PolicySpec(Resource):
    """What is shared."""

    rollout: PolicyRollout = PolicyRollout()
    """How new revisions take over."""


class RolloutPolicy(Resource):
    """The resource, as the operator reads it."""

    model_config = Resource.model_config | {"extra": "ignore"}

    metadata: Metadata
    spec: PolicySpec = PolicySpec()

    @classmethod
    def parse(cls, body: dict[str, Any]) -> RolloutPolicy:
        """Read a policy as the API server gives it.

        Raises:
            pydantic.ValidationError: it does not fit this version's types.
        """
        return cls.model_validate(body)


def merged(own: Rollout, shared: Rollout | None) -> Rollout:
    """Return spec.rollout over the policy that it refers to: what the resource writes goes first, block by block.

    Raises:
        pydantic.ValidationError: the two do not fit together, such as steps of one with another strategy of the other.
    """
    if shared is None:
        return own
    both = _over(_written(shared), _written(own))
    both.pop("policyRef", None)  # with it, what the policy may yet say would pass
    return Rollout.model_validate(both)


def applied(spec: Spec, shared: Rollout) -> Rollout:
    """Return `merged` for a whole spec, whose other blocks have to fit as well.

    Raises:
        ValueError: they do not, such as a startup timeout beyond the policy's progressDeadline.
    """
    rollout = merged(spec.rollout, shared)
    whole = spec.model_copy(update={"rollout": rollout})
    broken = [rule.message for rule in Spec.rules if not rule.holds(whole)]
    if broken:
        raise ValueError("; ".join(broken))
    return rollout


def in_force(running: RolloutStatus | None, spec: Rollout) -> Rollout:
    """Return the policy of the running rollout as it was written down when that began; `spec` where none runs."""
    return last_known(running.policy, spec) if running is not None else spec


def at_rest(status: Status, now: Rollout, problem: str) -> Rollout:
    """Return what counts while no rollout runs: `now`, or what the last rollout had while there is a problem with it.

    A RolloutPolicy that is gone must not be replaced by defaults in a bake, or on a way back.
    """
    return last_known(status.last_policy, now) if problem else now


def last_known(written: dict[str, Any], otherwise: Rollout) -> Rollout:
    """Return a policy as it was written into the status, or another one where that is empty or cannot be read."""
    if not written:
        return otherwise
    try:
        return Rollout.model_validate(written)
    except ValidationError:
        # Written by a newer operator, before a downgrade in mid-rollout.
        return otherwise


def _written(rollout: Rollout) -> dict[str, Any]:
    return rollout.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _over(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(base[key], top[key])
        for key in base.keys() & top.keys()
        if isinstance(base[key], dict) and isinstance(top[key], dict)
    }
    return {**base, **top, **both}
