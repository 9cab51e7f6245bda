"""What the API server knows about each kind that ekiben touches: subresources, generation, merge rules, defaults.

The merge rules are those of the published OpenAPI schema (x-kubernetes-list-type, -list-map-keys, -map-type) of
Kubernetes 1.36 and Gateway API 1.5; tests/sim/semantics.py holds this table to a real API server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ekiben.cluster import kinds
from ekiben.cluster.kinds import Kind

from . import defaults

ATOMIC = "atomic"
SET = "set"


@dataclass(frozen=True)
class Keyed:
    """A list whose items are told apart by keys; `absent` are the keys' defaults."""

    keys: tuple[str, ...]
    items: object = None
    """Rules of an item; ATOMIC where it is replaced as a whole."""
    absent: Mapping[str, object] = field(default_factory=dict)


_META = {"ownerReferences": Keyed(("uid",), ATOMIC), "finalizers": SET}
_NAMED = Keyed(("name",))
_CONTAINER = {
    "env": Keyed(("name",), {"valueFrom": {"secretKeyRef": ATOMIC, "configMapKeyRef": ATOMIC, "fieldRef": ATOMIC}}),
    "ports": Keyed(("containerPort", "protocol"), absent={"protocol": "TCP"}),
    "volumeMounts": Keyed(("mountPath",)),
}
_POD_SPEC = {
    "containers": Keyed(("name",), _CONTAINER),
    "initContainers": Keyed(("name",), _CONTAINER),
    "imagePullSecrets": Keyed(("name",), ATOMIC),
    "nodeSelector": ATOMIC,
    "topologySpreadConstraints": Keyed(("topologyKey", "whenUnsatisfiable"), {"labelSelector": ATOMIC}),
    "volumes": _NAMED,
}


@dataclass(frozen=True)
class Info:
    """One kind."""

    kind: Kind
    rules: Mapping[str, object] = field(default_factory=dict)
    """Merge rules: what is not named here is a map by field, or a list that is replaced as a whole."""
    default: Callable[[dict], None] = defaults.none
    namespaced: bool = True
    status: bool = True
    """It has a /status subresource."""
    scale: bool = False
    generation: bool = True
    custom: bool = False
    """From a CustomResourceDefinition."""
    tracked: bool = True
    """Who owns which field is kept: left out where nobody asks for it."""
    label: str = ""
    """Plural with its group, as error messages have it."""


def _info(kind: Kind, **given: object) -> Info:
    rules = {"metadata": _META, **given.pop("rules", {})}
    label = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    return Info(kind, rules=rules, label=label, **given)


REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
POLICY = Kind("ekiben.dev", "v1alpha1", "RolloutPolicy", "rolloutpolicies")
DISRUPTION_BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
GATEWAY_CLASS = Kind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses")

INFOS = (
    _info(kinds.MODEL_DEPLOYMENT, custom=True, tracked=False),
    _info(POLICY, custom=True, tracked=False, status=False),
    _info(
        kinds.DEPLOYMENT,
        scale=True,
        default=defaults.deployment,
        rules={"spec": {"selector": ATOMIC, "template": {"metadata": _META, "spec": _POD_SPEC}}},
    ),
    _info(
        kinds.SERVICE,
        generation=False,
        default=defaults.service,
        rules={"spec": {"ports": Keyed(("port", "protocol"), absent={"protocol": "TCP"}), "selector": ATOMIC}},
    ),
    _info(kinds.AUTOSCALER, generation=False, default=defaults.autoscaler),
    _info(kinds.HTTP_ROUTE, custom=True, default=defaults.httproute),
    _info(kinds.GATEWAY, custom=True, tracked=False),
    _info(GATEWAY_CLASS, custom=True, tracked=False, namespaced=False),
    _info(DISRUPTION_BUDGET, rules={"spec": {"selector": ATOMIC}}),
    _info(REPLICA_SET, tracked=False),
    _info(kinds.POD, tracked=False),
    _info(kinds.ENDPOINT_SLICE, tracked=False, status=False),
    _info(kinds.EVENT, tracked=False, status=False, generation=False),
    _info(kinds.LEASE, tracked=False, status=False, generation=False),
    _info(NAMESPACE, tracked=False, generation=False, namespaced=False),
    _info(CONFIG_MAP, status=False, generation=False),
)
BY_PATH = {(info.kind.group, info.kind.version, info.kind.plural): info for info in INFOS}
BY_PLURAL = {info.kind.plural: info for info in INFOS}
