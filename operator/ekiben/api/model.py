"""spec.model: what runs. A change of anything in here makes a new revision.

A default in this file never changes within v1alpha1: a revision is a hash of what differs from the defaults, and a new
default would make new revisions of resources that nobody touched. Defaults that may improve (resources, the security
context, the spread over nodes) belong to rendering, which a revision keeps for life.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema

from .base import ObjectName, Resource
from .pods import ContainerPath, PodOverrides
from .quantity import less_or_equal
from .rules import VALIDATIONS, Matching, Rule
from .server import Probes, Server, WarmUp

_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
_QUANTITY_MESSAGE = "write a quantity such as 500m, 2, 512Mi or 1Gi"
Quantity = Annotated[
    str,
    Field(max_length=24),
    Matching(_QUANTITY, _QUANTITY_MESSAGE),
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "maxLength": 24,
            VALIDATIONS: [
                {"rule": f"type(self) == int ? self >= 0 : self.matches(r'{_QUANTITY}')", "message": _QUANTITY_MESSAGE}
            ],
        }
    ),
]
ResourceName = Annotated[str, Field(max_length=317)]


class Runtime(StrEnum):
    """The model server in the image: it sets the port, the probes and the names of the metrics."""

    BENTOML = "bentoml"
    TENSORFLOW_SERVING = "tensorflow-serving"
    TORCHSERVE = "torchserve"
    TRITON = "triton"
    MLSERVER = "mlserver"
    HTTP = "http"
    """Any server that speaks HTTP."""


class KeyRef(Resource):
    """One key of a Secret or a ConfigMap in the resource's namespace."""

    name: ObjectName
    """Name of the object."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key within it."""
    optional: bool | None = None
    """Start the pod although the object or the key is missing."""


class EnvSource(Resource):
    """Where the value of a variable comes from. Exactly one field is set."""

    rules: ClassVar = (
        Rule(
            "has(self.secretKeyRef) != has(self.configMapKeyRef)",
            "valueFrom takes exactly one of secretKeyRef and configMapKeyRef: keep one",
            lambda self: (self.secret_key_ref is None) != (self.config_map_key_ref is None),
        ),
    )

    secret_key_ref: KeyRef | None = None
    """From a Secret."""
    config_map_key_ref: KeyRef | None = None
    """From a ConfigMap."""


class EnvVar(Resource):
    """One environment variable: a name, and either value or valueFrom."""

    rules: ClassVar = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            "a variable has either value or valueFrom: write exactly one of the two",
            lambda self: (self.value is None) != (self.value_from is None),
        ),
    )

    name: Annotated[
        str,
        Field(max_length=253),
        Matching(
            r"^[-._A-Za-z][-._A-Za-z0-9]*$",
            "write the name of a variable: letters, digits, '_', '-' and '.', not beginning with a digit",
        ),
    ]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """Its value."""
    value_from: EnvSource | None = None
    """Where its value comes from."""


class LocalRef(Resource):
    """An object in the resource's namespace."""

    name: ObjectName
    """Name of the object."""


class OptionalRef(LocalRef):
    """An object in the resource's namespace that may be allowed to be missing."""

    optional: bool | None = None
    """Start the pod although the object is missing."""


class EnvFrom(Resource):
    """All keys of a Secret or a ConfigMap as variables. Exactly one of the two is set."""

    rules: ClassVar = (
        Rule(
            "has(self.secretRef) != has(self.configMapRef)",
            "an entry of envFrom takes exactly one of secretRef and configMapRef: keep one, or write two entries",
            lambda self: (self.secret_ref is None) != (self.config_map_ref is None),
        ),
    )

    prefix: Annotated[str, Field(max_length=253)] | None = None
    """Put before each key."""
    secret_ref: OptionalRef | None = None
    """A Secret."""
    config_map_ref: OptionalRef | None = None
    """A ConfigMap."""


def _limits_cover_requests(self: Resources) -> bool:
    limits = self.limits or {}
    return all(less_or_equal(amount, limits.get(name, amount)) for name, amount in (self.requests or {}).items())


def _devices_are_whole(self: Resources) -> bool:
    limits = self.limits or {}
    return all(limits.get(name) == amount for name, amount in (self.requests or {}).items() if "/" in name)


class Resources(Resource):
    """What a replica needs, GPUs included."""

    rules: ClassVar = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits)"
            " || !isQuantity(string(self.requests[k])) || !isQuantity(string(self.limits[k]))"
            " || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)",
            "a request is larger than its limit: raise resources.limits or lower resources.requests",
            _limits_cover_requests,
        ),
        Rule(
            "!has(self.requests) || self.requests.all(k, !k.contains('/') || (has(self.limits) && k in self.limits"
            " && string(self.limits[k]) == string(self.requests[k])))",
            "a device such as nvidia.com/gpu is not shared: write it in resources.limits, and in resources.requests "
            "either the same number or nothing",
            _devices_are_whole,
        ),
    )

    requests: Annotated[dict[ResourceName, Quantity], Field(max_length=16)] | None = None
    """What the scheduler sets aside for it."""
    limits: Annotated[dict[ResourceName, Quantity], Field(max_length=16)] | None = None
    """What it may use."""


_SOURCES = ("persistent_volume_claim", "config_map", "secret", "empty_dir_size")


class Volume(Resource):
    """A volume from the resource's namespace. Exactly one of the sources is set."""

    rules: ClassVar = (
        Rule(
            "[has(self.persistentVolumeClaim), has(self.configMap), has(self.secret), has(self.emptyDirSize)]"
            ".filter(x, x).size() == 1",
            "a volume has exactly one source: write one of persistentVolumeClaim, configMap, secret and emptyDirSize",
            lambda self: sum(getattr(self, source) is not None for source in _SOURCES) == 1,
        ),
    )

    name: Annotated[
        str,
        Field(max_length=63),
        Matching(
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "write the name of a volume: lower-case letters, digits and '-', beginning and ending with a letter or a "
            "digit",
        ),
    ]
    """Name of the volume."""
    mount_path: ContainerPath
    """Where the container sees it."""
    read_only: bool = True
    """Whether the container may only read it. An empty folder is always writable."""
    persistent_volume_claim: ObjectName | None = None
    """Name of a PersistentVolumeClaim."""
    config_map: ObjectName | None = None
    """Name of a ConfigMap."""
    secret: ObjectName | None = None
    """Name of a Secret."""
    empty_dir_size: Quantity | None = None
    """Size of an empty folder that lives as long as the pod."""


IMAGE_PATTERN = (
    r"^([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?"  # registry
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"  # repository
    r"(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(@sha256:[a-f0-9]{64})?$"  # tag, digest
)


_ENV_LIMIT = 96 * 1024


class Model(Resource):
    """What runs."""

    rules: ClassVar = (
        Rule(
            "!has(self.volumes) || self.volumes.all(a, self.volumes.exists_one(b, a.mountPath == b.mountPath))",
            "two volumes have the same mountPath: give each its own",
            lambda self: len({volume.mount_path for volume in self.volumes or ()}) == len(self.volumes or ()),
            ".volumes",
        ),
        Rule(
            # The model is kept in an annotation of its Deployment; Kubernetes allows 256 KiB for all of them.
            f"!has(self.env) || self.env.map(e, has(e.value) ? e.value.size() : 0).sum() <= {_ENV_LIMIT}",
            "the values of model.env have more than 98304 characters together: put the long ones into a ConfigMap and "
            "use envFrom, valueFrom or a volume",
            lambda self: sum(len(variable.value or "") for variable in self.env or ()) <= _ENV_LIMIT,
            ".env",
        ),
        Rule(
            "!has(self.server) || (has(self.runtime) && self.runtime == 'http')",
            "model.server is of runtime http: the other runtimes have ports and paths of their own",
            lambda self: self.server is None or self.runtime is Runtime.HTTP,
            ".server",
        ),
        Rule(
            "!has(self.warmUp) || !has(self.runtime) || self.runtime == 'bentoml'",
            "model.warmUp is of runtime bentoml: the other servers warm up by files beside the model, as their "
            "documentation says",
            lambda self: self.warm_up is None or self.runtime is Runtime.BENTOML,
            ".warmUp",
        ),
    )

    image: Annotated[
        str,
        Field(max_length=512),
        Matching(
            IMAGE_PATTERN,
            "write the image that `ekiben push` printed, such as registry.example.com/iris@sha256:..., or one with a "
            "tag, such as registry.example.com/iris:1.2",
        ),
    ]
    """The image that `ekiben push` printed. A digest (…@sha256:…) is preferred: a tag may change under a revision."""
    runtime: Runtime = Runtime.BENTOML
    """The model server in the image."""
    server: Server | None = None
    """How it is asked. Of runtime http only."""
    concurrency: Annotated[int, Field(ge=1, le=10000)] | None = None
    """How many requests a replica answers at once, from the bento."""
    env: (
        Annotated[list[EnvVar], Field(max_length=128, json_schema_extra={"x-kubernetes-list-map-keys": ["name"]})]
        | None
    ) = None
    """Environment variables."""
    env_from: Annotated[list[EnvFrom], Field(max_length=32)] | None = None
    """Environment variables from Secrets and ConfigMaps."""
    resources: Resources = Resources()
    """What a replica needs. By default: 250m of CPU and 512Mi of memory requested, 1Gi of memory as the limit."""
    volumes: (
        Annotated[list[Volume], Field(max_length=32, json_schema_extra={"x-kubernetes-list-map-keys": ["name"]})] | None
    ) = None
    """Volumes."""
    image_pull_secrets: (
        Annotated[list[LocalRef], Field(max_length=16, json_schema_extra={"x-kubernetes-list-map-keys": ["name"]})]
        | None
    ) = None
    """Secrets for pulling the image."""
    probes: Probes = Probes()
    """How long a replica may take to start, and when it counts as hung."""
    warm_up: WarmUp | None = None
    """A request that each replica answers before its first caller's."""
    pod_overrides: PodOverrides | None = None
    """What may be changed about the pods."""

    @property
    def gpu(self) -> bool:
        """Whether a replica asks for a GPU."""
        asked = {**(self.resources.requests or {}), **(self.resources.limits or {})}
        return any(name.endswith("/gpu") for name in asked)
