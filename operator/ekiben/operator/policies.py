"""RolloutPolicies: which resources refer to which, and what they say."""

from __future__ import annotations

from pydantic import ValidationError

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.policy import POLICY_KIND, RolloutPolicy, applied
from ekiben.api.rollout import Rollout
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.cluster.errors import ForbiddenError

from .queue import Key


class Policies:
    """Reads the policies that resources refer to, and remembers who does, so that a change wakes them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._used: dict[Key, str] = {}

    async def read(self, resource: ModelDeployment) -> tuple[Rollout | None, str]:
        """Return spec.rollout over the policy that it refers to, and why that cannot be used.

        None where the resource refers to none, or to one that cannot be used.

        Raises:
            ClusterError: the API server was not reached.
        """
        namespace, name = resource.metadata.namespace, resource.spec.rollout.policy_ref
        key = Key(namespace, resource.metadata.name)
        if name is None:
            self._used.pop(key, None)
            return None, ""
        # Noted before it is read: a change that comes in between wakes the resource once more.
        self._used[key] = name
        try:
            body = await self._cluster.find(kinds.ROLLOUT_POLICY, namespace, name)
        except ForbiddenError as error:
            return None, error.message
        if body is None:
            return None, f"there is no {POLICY_KIND} {name} in namespace {namespace}: create it, or remove policyRef"
        try:
            policy = RolloutPolicy.parse(body)
        except ValidationError as error:
            return None, f"this version of ekiben cannot read {POLICY_KIND} {name}: {_first(error)}"
        try:
            return applied(resource.spec, policy.spec.rollout), ""
        except ValueError as error:  # pydantic's own is one too
            why = _first(error) if isinstance(error, ValidationError) else str(error)
            return None, f"the spec and {POLICY_KIND} {name} do not fit together: {why}"

    def users(self, namespace: str, name: str) -> list[Key]:
        """Return the resources that referred to a policy when they were last looked at."""
        return [key for key, used in self._used.items() if used == name and key.namespace == namespace]

    def forget(self, key: Key) -> None:
        """The resource is gone."""
        self._used.pop(key, None)


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"])
    message = found["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
