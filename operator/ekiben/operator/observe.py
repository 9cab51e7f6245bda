"""Live objects -> Observation.

Every look reads the resource and its children from the API server itself, by label, in its namespace: about ten
requests at once, some 15 ms. A cache fed by the watches would save them, but kopf's watches do not tell of deletions
that fell into a gap, nor when a list is complete; a decision must not rest on an object that is gone. The watches say
only when to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.api.request import REQUEST_ANNOTATION
from ekiben.api.rollout import Rollout
from ekiben.cluster import kinds
from ekiben.cluster.api import Cluster
from ekiben.objects import autoscaler, disruption, names, rendered, service, wake
from ekiben.objects.deployment import model_of, number_of
from ekiben.objects.drift import drift
from ekiben.objects.meta import is_owned
from ekiben.objects.problems import policy_problems
from ekiben.objects.settings import Settings as Rendering
from ekiben.objects.standing import apart, as_standing, standing
from ekiben.rollout.observation import Autoscaler, Drain, Evidence, Observation, Revision, Target

from .activators import apply as activation
from .activators.activators import Activators
from .activators.seen import Activation
from .freeze import Freezes
from .gateways import Gateways
from .keda import Keda, handing_over
from .pods import parse_pod, still_runs
from .policies import Policies
from .queue import Key
from .scale.load import Load
from .traffic import observed
from .traffic.read import Reader
from .traffic.read import Seen as Traffic
from .world import Json, World

_CHILDREN = (
    kinds.DEPLOYMENT,
    kinds.SERVICE,
    kinds.AUTOSCALER,
    kinds.DISRUPTION_BUDGET,
    kinds.POD,
    kinds.ENDPOINT_SLICE,
)
_SERVICE_OF_SLICE = "kubernetes.io/service-name"


class Observer:
    """Reads what a decision needs."""

    def __init__(
        self,
        cluster: Cluster,
        rendering: Rendering,
        gateways: Gateways,
        freeze: str = "",
        keda_triggers: tuple[str, ...] = (),
        activators: Activators | None = None,
    ) -> None:
        self._cluster = cluster
        self._rendering = rendering
        self._traffic = Reader(cluster, gateways)
        self._keda = Keda(cluster, keda_triggers)
        self._freezes = Freezes(cluster, freeze)
        self._activators = activators
        self.policies = Policies(cluster)

    async def read(self, raw: Json, resource: ModelDeployment, unusable: str = "") -> World:
        """Read the children of a resource, all at once.

        In a freeze, and where the spec is `unusable` (why), requests go on going the way that is there: what
        spec.traffic says instead is not followed.

        Raises:
            ClusterError: a list could not be read.
        """
        meta = resource.metadata
        labels = f"{names.RESOURCE_LABEL}={meta.name}"

        async def children(kind: kinds.Kind) -> list[Json]:
            return await self._cluster.list(kind, meta.namespace, labels)

        lists, keda, traffic, (rollout, policy_problem), frozen = await asyncio.gather(
            asyncio.gather(*(children(kind) for kind in _CHILDREN)),
            self._keda.read(resource),
            self._traffic.read(resource),
            self.policies.read(resource),
            self._freezes.look(meta.namespace),
        )
        deployments, services, autoscalers, budgets, pods, slices = lists
        owned = {item["metadata"]["name"]: item for item in services if is_owned(item, resource)}
        ours = [item for item in slices if wake.is_ours(item)]
        asked, found = resource, None
        if unusable or frozen:
            found = standing(asked, traffic.route, owned.get(meta.name))
            resource, traffic = await self._as_it_stands(asked, traffic, found)
        return World(
            raw=raw,
            resource=resource,
            unusable=unusable,
            withheld=bool(unusable) and found is None,
            waits=("spec.traffic",) if resource is not asked else (),
            deployments=_by_revision(item for item in deployments if is_owned(item, resource)),
            autoscalers=_by_revision(item for item in autoscalers if is_owned(item, resource)),
            scaled_objects=_by_revision(keda.objects),
            handing_over=handing_over(resource, keda.objects, autoscalers),
            keda_problem=keda.problem,
            budgets=_by_revision(item for item in budgets if is_owned(item, resource)),
            services=owned,
            pods=_pods(pods),
            endpoints=_endpoints(item for item in slices if not wake.is_ours(item)),
            wake_slices={item["metadata"]["name"]: item for item in ours if is_owned(item, resource)},
            activation=await self._activation(resource),
            rollout=rollout,
            policy_problem=policy_problem or self._policy_problem(resource, rollout),
            frozen=frozen,
            left_route=await self._left_route(resource, owned.get(meta.name)),
            **vars(traffic),
        )

    async def _as_it_stands(
        self, resource: ModelDeployment, traffic: Traffic, found: Json | None
    ) -> tuple[ModelDeployment, Traffic]:
        """Return the resource with the spec.traffic that says what is there, where that is another one."""
        there = resource.spec.traffic.model_copy(update=found or {})
        if not apart(resource, there, self._rendering):
            return resource, traffic
        changed = as_standing(resource, there)
        return changed, await self._traffic.again(changed, traffic)

    def _policy_problem(self, resource: ModelDeployment, rollout: Rollout | None) -> str:
        """What a RolloutPolicy says may be too much for this namespace; the spec alone was looked at before."""
        return "; ".join(policy_problems(resource, rollout, self._rendering)) if rollout is not None else ""

    async def _activation(self, resource: ModelDeployment) -> Activation | None:
        if self._activators is None:
            return None
        key = Key(resource.metadata.namespace, resource.metadata.name)
        return await self._activators.follow(key, resource.metadata.uid, sleeps=resource.spec.scaling.sleeps)

    async def _left_route(self, resource: ModelDeployment, stable: Json | None) -> Json | None:
        noted = service.route_of(stable) if stable is not None else None
        if noted is None or noted == resource.spec.traffic.http_route:
            return None
        return await self._traffic.users(resource.metadata.namespace, noted)


def observation(
    world: World,
    evidence: Evidence | None,
    drains: Mapping[str, Drain],
    problems: tuple[str, ...] = (),
    load: Load | None = None,
) -> Observation:
    """Turn what was read into what decide() is told; `problems` are changes of others that could not be put right."""
    load = load or Load()
    resource = world.resource
    name = resource.metadata.name
    model = resource.spec.model
    return Observation(
        resource=resource,
        target=Target(revision=names.revision_of(model), image=model.image, model=world.raw["spec"]["model"]),
        revisions={revision: _revision(world, revision) for revision in world.deployments},
        orphans=_orphans(world),
        route=observed.route(world),
        gateway_problem=world.gateway_problem,
        evidence=evidence,
        drains=drains,
        measured=load.measured,
        total=load.total,
        sleep=load.sleep.phase.value,
        activator=activation.observed(world),
        left=activation.left(world),
        scaling_problem=world.keda_problem,
        url=world.url,
        selector={revision: names.selector_text(name, revision) for revision in world.deployments},
        service=_selected(world),
        unsupported=observed.unsupported(world),
        rollout=world.rollout,
        policy_problem=world.policy_problem,
        request=resource.metadata.annotations.get(REQUEST_ANNOTATION, ""),
        frozen=world.frozen,
        unusable=world.unusable,
        waits=world.waits,
        drift=(*problems, *drift(_rendered(world))),
    )


def _orphans(world: World) -> tuple[str, ...]:
    services = {names.revision_from(world.name, name) for name in world.services} - {None}
    left = {*world.autoscalers, *world.scaled_objects, *world.budgets, *services} - world.deployments.keys()
    return tuple(sorted(filter(None, left)))


def _rendered(world: World) -> Iterator[tuple[Json, Json | None]]:
    """Yield the live objects, each with one that has the fields that ekiben sets."""
    resource = world.resource
    for live in world.deployments.values():
        spec = rendered.unpack(live)
        yield live, None if spec is None else {"spec": spec}
    for revision, live in world.autoscalers.items():
        yield live, autoscaler.render(resource, revision, 1, 1)
    for revision, live in world.budgets.items():
        yield live, disruption.render(resource, revision)
    for name, live in world.services.items():
        yield live, service.render(resource, names.revision_from(world.name, name) or name)


def _selected(world: World) -> str | None:
    """Return the revision that the Service NAME selects."""
    stable = world.services.get(world.name)
    return service.selected(stable) if stable is not None else None


def _revision(world: World, revision: str) -> Revision:
    deployment = world.deployments[revision]
    autoscaler = world.autoscalers.get(revision)
    pods = world.pods.get(revision, [])
    model = model_of(deployment)
    return Revision(
        name=revision,
        number=number_of(deployment),
        image=str(model.get("image") or _image(deployment)),
        created=_moment(deployment["metadata"].get("creationTimestamp")),
        model=model,
        wanted=int(deployment["spec"].get("replicas", 1)),
        ready=len(world.endpoints.get(names.child_name(world.name, revision), ())),
        existing=sum(1 for pod in pods if still_runs(pod)),
        autoscaler=_autoscaler(autoscaler) if autoscaler else None,
        scaled_object=_bounds_of_keda(world.scaled_objects[revision]) if revision in world.scaled_objects else None,
        handing_over=revision in world.handing_over,
        budget=revision in world.budgets,
        pods=tuple(parse_pod(pod) for pod in pods if still_runs(pod)),
        unmade=_unmade(deployment),
    )


def _unmade(deployment: Json) -> str:
    """Return why the ReplicaSet is refused a pod; Kubernetes takes the condition back once it has it."""
    for condition in (deployment.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return str(condition.get("message") or condition.get("reason") or "the API server refuses its pods")[:1000]
    return ""


def _image(deployment: Json) -> str:
    containers = deployment["spec"]["template"]["spec"].get("containers") or [{}]
    return str(containers[0].get("image", ""))


def _autoscaler(item: Json) -> Autoscaler:
    return Autoscaler(int(item["spec"].get("minReplicas") or 1), int(item["spec"]["maxReplicas"]))


def _bounds_of_keda(item: Json) -> Autoscaler:
    return Autoscaler(int(item["spec"].get("minReplicaCount") or 0), int(item["spec"].get("maxReplicaCount") or 0))


def _by_revision(items: Iterable[Json]) -> dict[str, Json]:
    found = {}
    for item in items:
        revision = (item["metadata"].get("labels") or {}).get(names.REVISION_LABEL)
        if revision and item["metadata"].get("deletionTimestamp") is None:
            found[str(revision)] = item
    return found


def _pods(items: Iterable[Json]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for item in sorted(items, key=lambda pod: str(pod["metadata"]["name"])):
        revision = (item["metadata"].get("labels") or {}).get(names.REVISION_LABEL, "")
        found.setdefault(str(revision), []).append(item)
    return found


def _endpoints(slices: Iterable[Json]) -> dict[str, frozenset[str]]:
    """Return the ready pods behind each Service; with two address families a pod stands in two slices."""
    found: dict[str, set[str]] = {}
    for item in slices:
        name = (item["metadata"].get("labels") or {}).get(_SERVICE_OF_SLICE)
        for endpoint in item.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready"):
                target = (endpoint.get("targetRef") or {}).get("name") or ",".join(endpoint.get("addresses") or ())
                found.setdefault(str(name), set()).add(str(target))
    return {name: frozenset(targets) for name, targets in found.items()}


def _moment(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
