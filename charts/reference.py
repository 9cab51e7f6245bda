"""docs/resource.md: every field that a user writes, from the schema of the CRD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ekiben.api.crd import policy_schema, resource_schema
from ekiben.api.rules import VALIDATIONS

_HEAD = """\
# The resource: ModelDeployment

Every field of `spec`, generated from the types (`make generate`). `kubectl explain mdep.spec.rollout` shows the same.
The shortest useful resource is:

```yaml
apiVersion: ekiben.dev/v1alpha1
kind: ModelDeployment
metadata: {name: iris}
spec:
  model: {image: registry.example.com/iris:1}
```

Defaults are applied by the operator when it reads the resource. They are never written into `spec`: GitOps sees no
difference. Durations are whole numbers with `h`, `m`, `s` or `ms`, such as `90s` or `1h30m`. The API server refuses
what cannot work, and says what to write instead.

A **revision** is a distinct `spec.model`. Its name is a hash of what differs from the defaults, so that leaving a field
out and writing its default make the same revision, and the order of the keys does not matter. The defaults of
`spec.model` never change within `v1alpha1`: a new version of ekiben restarts nothing.
"""


_POLICY = """\
# Shared: RolloutPolicy

{description} Short name `rpol`.

```yaml
apiVersion: ekiben.dev/v1alpha1
kind: RolloutPolicy
metadata: {{name: careful}}
spec:
  rollout:
    steps: [{{weight: 1, duration: 10m}}, {{weight: 10, duration: 1h}}, {{weight: 50, duration: 1h}}]
    bake: 24h
```

`spec.rollout` is that of a ModelDeployment, with the same defaults, but without what belongs to one resource: `paused`
and `policyRef`. What a ModelDeployment writes in its own `spec.rollout` goes before what the policy says, block by
block: with its own `analysis: {{deadline: 3h}}` it keeps the rest of the policy's `analysis`. A new revision waits,
with condition `PolicyUsable=False`, where the policy does not exist or the two do not fit together; what serves goes
on.
"""


def reference() -> str:
    """Return the page as Markdown."""
    root = resource_schema()
    parts = [_HEAD, "## Rules for the whole resource\n", *_rules(root)]
    for path, schema in _blocks("spec", root["properties"]["spec"]):
        parts += [f"## {path}\n", schema.get("description", "") + "\n", *_table(schema), *_rules(schema)]
    parts.append(_POLICY.format(description=policy_schema()["description"]))
    return "\n".join(parts).rstrip() + "\n"


def _blocks(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "properties" in schema:
        yield path, schema
        for name, inner in schema["properties"].items():
            yield from _blocks(f"{path}.{name}", inner)
    elif "items" in schema:
        yield from _blocks(f"{path}[]", schema["items"])


def _table(schema: dict[str, Any]) -> list[str]:
    rows = ["| field | type | what |", "|---|---|---|"]
    for name, inner in schema["properties"].items():
        required = " **Required.**" if name in schema.get("required", ()) else ""
        described = inner.get("description", "").replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(inner)} | {described}{required}{_forms(inner)} |")
    return [*rows, ""]


def _type(schema: dict[str, Any]) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return str(schema["type"]) + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    lower, upper = schema.get("minimum"), schema.get("maximum")
    if lower is None and upper is None:
        return ""
    left = ("over " if schema.get("exclusiveMinimum") else "") + str(lower)
    right = ("under " if schema.get("exclusiveMaximum") else "") + str(upper)
    return f", {left} to {right}"


def _forms(schema: dict[str, Any]) -> str:
    if "properties" in schema:
        return ""
    messages = [str(rule["message"]) for rule in schema.get(VALIDATIONS, ())]
    return "".join(f" {message[0].upper()}{message[1:]}." for message in messages if "duration in whole" not in message)


def _rules(schema: dict[str, Any]) -> list[str]:
    messages = [rule["message"] for rule in schema.get(VALIDATIONS, ())]
    if not messages:
        return []
    return ["Refused, with this message:\n", *(f"- {message}" for message in messages), ""]
