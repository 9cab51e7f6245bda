"""A resource with revisions and pods on the API server in memory, for tests of what moves requests."""

from tests.sim.apiserver import ApiServer
from tests.sim.client import SimCluster

from ekiben.api.modeldeployment import ModelDeployment
from ekiben.cluster import kinds
from ekiben.objects import deployment, service
from ekiben.objects.names import child_name, labels
from ekiben.objects.settings import Settings as Rendering
from ekiben.operator.gateways import Gateways
from ekiben.operator.observe import Observer, observation
from ekiben.operator.traffic.write import Traffic
from ekiben.operator.writes import Writer
from ekiben.rollout.plan import SetWeights

SPACE, NAME = "shop", "iris"
STABLE, CANARY, THIRD = "bcdfghjk", "mnpqrstv", "wxz23456"
WORKS = {"conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]}


class Stage:
    def __init__(self, **spec):
        self.server = ApiServer(clock=lambda: "2026-11-21T12:00:00Z")
        self.writes = []
        self.cluster = SimCluster(lambda _method: self.server)
        rendering = Rendering()
        self.observer = Observer(self.cluster, rendering, Gateways(self.cluster, rendering, 0))
        self.traffic = Traffic(Writer(self.cluster, self.writes.append), rendering)
        for namespace in (SPACE, "ekiben-gateway"):
            self.server.put(kinds.NAMESPACE, {"metadata": {"name": namespace}})
        gateway = {"namespace": "ekiben-gateway", "name": "ekiben"}
        listeners = {"gatewayClassName": "any", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}
        self.server.put(kinds.GATEWAY, {"metadata": gateway, "spec": listeners, "status": WORKS})
        self.server.put(kinds.GATEWAY, {"metadata": gateway, "spec": listeners, "status": WORKS}, subresource="status")
        self.apply(**spec)

    def apply(self, **spec):
        """Write the resource; its status stays."""
        body = {
            "apiVersion": "ekiben.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"namespace": SPACE, "name": NAME},
            "spec": {"model": {"image": "x:1"}, **spec},
        }
        self.server.put(kinds.MODEL_DEPLOYMENT, body)
        self.resource = ModelDeployment.parse(self.get(kinds.MODEL_DEPLOYMENT, NAME))

    def begin(self, **policy):
        """Write a running rollout into the status."""
        raw = self.get(kinds.MODEL_DEPLOYMENT, NAME)
        running = {"revision": CANARY, "state": "Step", "policy": policy, "startedAt": "2026-11-21T12:00:00Z"}
        status = {"observedGeneration": 1, "phase": "Canary", "rollout": running}
        self.server.put(kinds.MODEL_DEPLOYMENT, {**raw, "status": status}, subresource="status")

    def get(self, kind, name):
        return self.server.peek(kind, SPACE, name)

    def revision(self, revision, pods=2, *, replicas=None):
        """Make a revision with ready pods."""
        body = deployment.render(self.resource, revision, 1, {"image": "x:1"}, pods if replicas is None else replicas)
        if self.get(kinds.DEPLOYMENT, child_name(NAME, revision)) is None:
            self.server.put(kinds.DEPLOYMENT, body)
            self.server.put(kinds.SERVICE, service.render(self.resource, revision))
        for number in range(pods):
            meta = {"namespace": SPACE, "name": f"{revision}-{number}", "labels": labels(NAME, revision)}
            self.server.put(kinds.POD, {"metadata": meta, "spec": {}, "status": {"phase": "Running"}})
        self.follow()

    def follow(self, *names):
        """The EndpointSlices follow the Services: all of them, or those that are named."""
        for one in list(self.server.all(kinds.SERVICE)):
            if names and one["metadata"]["name"] not in names:
                continue
            chosen = one["spec"]["selector"].items()
            pods = [pod for pod in self.server.all(kinds.POD) if chosen <= pod["metadata"]["labels"].items()]
            ready = [
                {
                    "addresses": ["10.0.0.1"],
                    "conditions": {"ready": pod["metadata"].get("deletionTimestamp") is None},
                    "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]},
                }
                for pod in pods
            ]
            name = one["metadata"]["name"]
            meta = {
                "namespace": SPACE,
                "name": name,
                "labels": {**one["metadata"]["labels"], "kubernetes.io/service-name": name},
            }
            self.server.put(kinds.ENDPOINT_SLICE, {"metadata": meta, "endpoints": ready})

    def users_route(self, *backends, name="mine", **spec):
        rules = [{"backendRefs": [dict(backend) for backend in backends or ({"name": NAME, "port": 80},)]}]
        body = {
            "metadata": {"namespace": SPACE, "name": name},
            "spec": {
                "parentRefs": [{"name": "ekiben", "namespace": "ekiben-gateway"}],
                "hostnames": ["iris.example.com"],
                "rules": rules,
                **spec,
            },
        }
        self.server.put(kinds.HTTP_ROUTE, body, "people")
        self.accept()

    def accept(self):
        """The gateway takes over every route as it is."""
        for one in list(self.server.all(kinds.HTTP_ROUTE)):
            generation = one["metadata"]["generation"]
            conditions = [{"type": "Accepted", "status": "True", "observedGeneration": generation}]
            parents = [{"parentRef": ref, "conditions": conditions} for ref in one["spec"]["parentRefs"]]
            self.server.put(kinds.HTTP_ROUTE, {**one, "status": {"parents": parents}}, subresource="status")

    async def read(self):
        raw = await self.cluster.get(kinds.MODEL_DEPLOYMENT, SPACE, NAME)
        return await self.observer.read(raw, ModelDeployment.parse(raw))

    async def seen(self):
        return observation(await self.read(), None, {})

    async def set_weights(self, *weights, mirror=None, preview=None, select=None):
        """One look's writes; the Service NAME selects the first revision, or the one that is named."""
        world = await self.read()
        before = len(self.writes)
        await self.traffic.set_weights(world, SetWeights(weights, mirror, preview))
        await self.traffic.select(world, select or weights[0][0])
        return self.writes[before:]

    def backends(self, name, rule=-1):
        route = self.get(kinds.HTTP_ROUTE, name)
        return {one["name"]: one["weight"] for one in route["spec"]["rules"][rule]["backendRefs"]}
