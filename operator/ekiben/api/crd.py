"""The CustomResourceDefinitions, made from the types.

Defaults stay out of the schema: the API server would write them into `spec`, and GitOps would see a difference that
nobody made. The operator applies them when it reads; the descriptions tell them.
"""

from __future__ import annotations

import json
from typing import Any

from .base import GROUP, KIND, PLURAL, VERSION
from .modeldeployment import ModelDeployment, Spec
from .policy import POLICY_KIND, POLICY_PLURAL, PolicySpec, RolloutPolicy
from .rules import VALIDATIONS, Rule
from .status import Status

Schema = dict[str, Any]
CRD_NAME = f"{PLURAL}.{GROUP}"
POLICY_CRD_NAME = f"{POLICY_PLURAL}.{GROUP}"

# name, type, JSONPath, and whether only `kubectl get -o wide` shows it
_COLUMNS = (
    ("Phase", "string", ".status.phase", False),
    ("Stable", "string", ".status.stable.revision", False),
    ("Canary", "string", ".status.canary.revision", False),
    ("Weight", "integer", ".status.canary.acknowledgedWeight", False),
    ("Verdict", "string", ".status.verdict.verdict", False),
    ("Ready", "integer", ".status.stable.ready", False),
    ("Age", "date", ".metadata.creationTimestamp", False),
    ("Image", "string", ".status.stable.image", True),
    ("URL", "string", ".status.url", True),
)
_POLICY_COLUMNS = (
    ("Strategy", "string", ".spec.rollout.strategy", False),
    ("Bake", "string", ".spec.rollout.bake", False),
    ("Age", "date", ".metadata.creationTimestamp", False),
)
_KEPT = (
    "type",
    "enum",
    "pattern",
    "format",
    "required",
    "maxLength",
    "minLength",
    "maxItems",
    "minItems",
    "maxProperties",
    "maximum",
    "minimum",
)


def crds() -> tuple[dict[str, Any], ...]:
    """Return the CustomResourceDefinitions of all kinds."""
    return crd(), policy_crd()


def crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition of ModelDeployment."""
    scale = {
        "specReplicasPath": ".spec.scaling.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    version = {
        "subresources": {"status": {}, "scale": scale},
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
        "schema": {"openAPIV3Schema": resource_schema()},
    }
    return _definition(KIND, PLURAL, "mdep", version)


def policy_crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition of RolloutPolicy."""
    version = {
        "additionalPrinterColumns": [_column(*column) for column in _POLICY_COLUMNS],
        "schema": {"openAPIV3Schema": policy_schema()},
    }
    return _definition(POLICY_KIND, POLICY_PLURAL, "rpol", version)


def resource_schema() -> Schema:
    """Return the structural OpenAPI v3 schema of a whole ModelDeployment."""
    return _whole(
        "A model that ekiben brings to the people who call it, and keeps serving while it is replaced.",
        ModelDeployment.rules,
        spec=_structural(Spec.model_json_schema(by_alias=True)),
        status=_structural(_without_defaults(Status.model_json_schema(by_alias=True))),
    )


def policy_schema() -> Schema:
    """Return the structural OpenAPI v3 schema of a whole RolloutPolicy."""
    return _whole(
        "A spec.rollout that the ModelDeployments of its namespace share: each that names it in "
        "spec.rollout.policyRef. A change applies from the next rollout on.",
        RolloutPolicy.rules,
        spec=_structural(PolicySpec.model_json_schema(by_alias=True)),
    )


def _definition(kind: str, plural: str, short: str, version: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "ekiben"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["ekiben"],
            },
            "versions": [{"name": VERSION, "served": True, "storage": True, **version}],
        },
    }


def _whole(description: str, rules: tuple[Rule, ...], **blocks: Schema) -> Schema:
    validations = [rule.as_validation() for rule in rules]
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        **({VALIDATIONS: validations} if validations else {}),
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            **blocks,
        },
    }


def _column(name: str, kind: str, path: str, wide: bool) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return column | {"priority": 1} if wide else column


def _structural(schema: Schema, definitions: Schema | None = None) -> Schema:
    """Turn what pydantic writes (JSON Schema 2020-12) into what Kubernetes takes: no references, nulls or titles."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    schema = _resolve(schema, definitions)
    result: Schema = {"description": _description(schema)} if "description" in schema else {}
    result |= {key: schema[key] for key in _KEPT if key in schema}
    result |= {key: value for key, value in schema.items() if key.startswith("x-kubernetes-")}
    for bound in ("minimum", "maximum"):
        if f"exclusive{bound.title()}" in schema:  # draft 4, which Kubernetes speaks, has a flag here
            result |= {bound: schema[f"exclusive{bound.title()}"], f"exclusive{bound.title()}": True}
    if schema.get("x-kubernetes-int-or-string"):
        return result | {"anyOf": schema["anyOf"]}
    if "x-kubernetes-list-map-keys" in schema:
        result["x-kubernetes-list-type"] = "map"
    if "items" in schema:
        result["items"] = _structural(schema["items"], definitions)
    if "properties" in schema:
        result["properties"] = {name: _structural(inner, definitions) for name, inner in schema["properties"].items()}
    elif isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
    return result


def _resolve(schema: Schema, definitions: Schema) -> Schema:
    """Follow references and drop the null of an optional field; what stands beside a reference wins over its target."""
    while True:
        alternatives = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf", "$defs")}
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rsplit("/", 1)[-1]] | beside
        elif len(alternatives) == 1:
            schema = alternatives[0] | beside
        else:
            return schema


def _without_defaults(schema: Any) -> Any:
    """Drop the defaults of what no user writes."""
    if isinstance(schema, dict):
        return {key: _without_defaults(value) for key, value in schema.items() if key != "default"}
    return [_without_defaults(value) for value in schema] if isinstance(schema, list) else schema


def _description(schema: Schema) -> str:
    text = " ".join(str(schema["description"]).split())
    default = schema.get("default")
    # The defaults of a block are told by its fields, and null or an empty text, list or map says nothing.
    if default in (None, "", [], {}) or isinstance(default, dict):
        return text
    shown = default if isinstance(default, str) else json.dumps(default)
    return f"{text} Default: {shown}."
