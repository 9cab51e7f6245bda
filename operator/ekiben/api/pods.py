"""spec.model.podOverrides: what may be changed about the pods. An allow-list: nothing in it weakens a pod."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from .base import ObjectName, Resource
from .rules import Matching, Rule

ContainerPath = Annotated[
    str,
    Field(max_length=512),
    Matching(r"^(/[-A-Za-z0-9._~]+)+$", "write an absolute path in the container, such as /data"),
]
LabelKey = Annotated[str, Field(max_length=317)]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    Matching(
        r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "write the value of a label: at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter "
        "or a digit",
    ),
]
_KEY = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
# ekiben's own, the recommended labels that ekiben sets, and annotations by which a node agent would loosen the
# confinement of a pod or attach it to further networks.
RESERVED_PREFIXES = (
    "ekiben.dev",
    "app.kubernetes.io",
    "container.apparmor.security.beta.kubernetes.io",
    "seccomp.security.alpha.kubernetes.io",
    "container.seccomp.security.alpha.kubernetes.io",
    "k8s.v1.cni.cncf.io",
)
_RESERVED = "^(" + "|".join(prefix.replace(".", "[.]") for prefix in RESERVED_PREFIXES) + ")/"


def is_reserved(key: str) -> bool:
    """Whether a label or an annotation with this key is not the user's to set on a pod."""
    return re.match(_RESERVED, key) is not None


def _keys_are_valid(keys: Iterable[str]) -> bool:
    return all(re.fullmatch(_KEY, key) for key in keys)


def _key_rules(field: str, attribute: str) -> tuple[Rule, Rule]:
    return (
        Rule(
            f"!has(self.{field}) || self.{field}.all(k, !k.matches(r'{_RESERVED}'))",
            f"podOverrides.{field}: keys that begin with {', '.join(f'{p}/' for p in RESERVED_PREFIXES[:2])} or a "
            "confinement or network prefix (apparmor, seccomp, cni) are reserved: use a prefix of your own",
            lambda self: not any(is_reserved(key) for key in getattr(self, attribute) or ()),
            f".{field}",
        ),
        Rule(
            f"!has(self.{field}) || self.{field}.all(k, k.size() <= 317 && k.matches(r'{_KEY}'))",
            f"podOverrides.{field}: write keys such as team or example.com/team",
            lambda self: _keys_are_valid(getattr(self, attribute) or ()),
            f".{field}",
        ),
    )


# One toleration, one constraint: as Kubernetes defines them; the API server checks them in the pods.
PodField = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]


class PodOverrides(Resource):
    """What may be changed about the pods: where they run and how they are labelled, nothing that weakens them."""

    rules: ClassVar = (*_key_rules("labels", "labels"), *_key_rules("annotations", "annotations"))

    node_selector: Annotated[dict[LabelKey, LabelValue], Field(max_length=32)] | None = None
    """Labels that a node must have."""
    tolerations: Annotated[list[PodField], Field(max_length=32)] | None = None
    """Taints that the pods tolerate."""
    affinity: PodField | None = None
    """Where the scheduler puts the pods."""
    priority_class_name: ObjectName | None = None
    """Priority of the pods."""
    runtime_class_name: ObjectName | None = None
    """Container runtime of the pods."""
    topology_spread_constraints: Annotated[list[PodField], Field(max_length=16)] | None = None
    """How the pods spread; over nodes by default."""
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=64)] | None = None
    """Labels with a prefix that is not ekiben's."""
    annotations: Annotated[dict[LabelKey, Annotated[str, Field(max_length=1024)]], Field(max_length=64)] | None = None
    """Annotations with a prefix that is not ekiben's."""
