"""spec.model: what runs. A change of anything in here makes a new revision."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from .base import Duration, ObjectName, Resource

Quantity = Annotated[
    str | int,
    Field(
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$",
        json_schema_extra={"x-kubernetes-int-or-string": True},
    ),
]
LabelKey = Annotated[str, Field(max_length=317)]
Path = Annotated[str, Field(pattern=r"^/[-A-Za-z0-9._~/]*$", max_length=512)]


class Runtime(StrEnum):
    """The model server in the image: it sets the port, the probes and the names of the metrics."""

    BENTOML = "bentoml"


class SecretKeyRef(Resource):
    """One key of a Secret or a ConfigMap in the resource's namespace."""

    name: ObjectName
    """Name of the object."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key within it."""
    optional: bool | None = None
    """Start the pod although the object or the key is missing."""


class EnvSource(Resource):
    """Where the value of a variable comes from. Exactly one field is set."""

    secret_key_ref: SecretKeyRef | None = None
    """From a Secret."""
    config_map_key_ref: SecretKeyRef | None = None
    """From a ConfigMap."""


class EnvVar(Resource):
    """One environment variable."""

    name: Annotated[str, Field(pattern=r"^[-._A-Za-z][-._A-Za-z0-9]*$", max_length=253)]
    """Name of the variable."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """Its value."""
    value_from: EnvSource | None = None
    """Where its value comes from."""


class LocalRef(Resource):
    """An object in the resource's namespace."""

    name: ObjectName
    """Name of the object."""
    optional: bool | None = None
    """Start the pod although the object is missing."""


class EnvFrom(Resource):
    """All keys of a Secret or a ConfigMap as variables. Exactly one of the two is set."""

    prefix: Annotated[str, Field(max_length=253)] | None = None
    """Put before each key."""
    secret_ref: LocalRef | None = None
    """A Secret."""
    config_map_ref: LocalRef | None = None
    """A ConfigMap."""


class Resources(Resource):
    """What a replica needs, GPUs included."""

    requests: Annotated[dict[LabelKey, Quantity], Field(max_length=16)] | None = None
    """What the scheduler sets aside for it."""
    limits: Annotated[dict[LabelKey, Quantity], Field(max_length=16)] | None = None
    """What it may use."""


class Volume(Resource):
    """A volume from the resource's namespace. Exactly one of the sources is set."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    """Name of the volume."""
    mount_path: Path
    """Where the container sees it."""
    read_only: bool = True
    """Whether the container may only read it."""
    persistent_volume_claim: ObjectName | None = None
    """Name of a PersistentVolumeClaim."""
    config_map: ObjectName | None = None
    """Name of a ConfigMap."""
    secret: ObjectName | None = None
    """Name of a Secret."""
    empty_dir_size: Quantity | None = None
    """Size of an empty folder that lives as long as the pod."""


class Probes(Resource):
    """How long a replica may take to start, and when it counts as hung."""

    startup_timeout: Duration = "5m"
    """The longest that a replica may take to load the model."""
    period: Duration = "5s"
    """How often readiness and liveness are asked for."""
    timeout: Duration = "5s"
    """The longest that a probe may take to answer."""
    failures: Annotated[int, Field(ge=1, le=100)] = 3
    """How many failures in a row make a replica unready; three times as many restart it."""


class PodOverrides(Resource):
    """What may be changed about the pods: where they run and how they are labelled, nothing that weakens them."""

    node_selector: Annotated[dict[LabelKey, Annotated[str, Field(max_length=63)]], Field(max_length=32)] | None = None
    """Labels that a node must have."""
    tolerations: Annotated[list[dict[str, Any]], Field(max_length=32)] | None = None
    """Taints that the pods tolerate."""
    affinity: dict[str, Any] | None = None
    """Where the scheduler puts the pods."""
    priority_class_name: ObjectName | None = None
    """Priority of the pods."""
    runtime_class_name: ObjectName | None = None
    """Container runtime of the pods."""
    topology_spread_constraints: Annotated[list[dict[str, Any]], Field(max_length=16)] | None = None
    """How the pods spread; over nodes by default."""
    labels: Annotated[dict[LabelKey, Annotated[str, Field(max_length=63)]], Field(max_length=64)] | None = None
    """Labels outside ekiben's prefix."""
    annotations: Annotated[dict[LabelKey, Annotated[str, Field(max_length=4096)]], Field(max_length=64)] | None = None
    """Annotations outside ekiben's prefix."""


class Model(Resource):
    """What runs."""

    image: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$", min_length=1, max_length=1024)]
    """The image that `ekiben push` printed. A digest (…@sha256:…) is preferred: a tag may change under a revision."""
    runtime: Runtime = Runtime.BENTOML
    """The model server in the image."""
    concurrency: Annotated[int, Field(ge=1, le=10000)] | None = None
    """How many requests a replica answers at once, from the bento."""
    env: Annotated[list[EnvVar], Field(max_length=128)] | None = None
    """Environment variables."""
    env_from: Annotated[list[EnvFrom], Field(max_length=32)] | None = None
    """Environment variables from Secrets and ConfigMaps."""
    resources: Resources = Resources()
    """What a replica needs. By default: 250m of CPU and 512Mi of memory requested, 1Gi of memory as the limit."""
    volumes: Annotated[list[Volume], Field(max_length=32)] | None = None
    """Volumes."""
    image_pull_secrets: Annotated[list[LocalRef], Field(max_length=16)] | None = None
    """Secrets for pulling the image."""
    probes: Probes = Probes()
    """How long a replica may take to start, and when it counts as hung."""
    pod_overrides: PodOverrides | None = None
    """What may be changed about the pods."""
