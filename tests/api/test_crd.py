"""The CRD: structural, bounded, without defaults, and with the rules of the types."""

import pytest
import yaml
from click.testing import CliRunner

from ekiben.api.crd import crd, crds, policy_schema, resource_schema
from ekiben.cli.crd import crd as crd_command

_FREE = "x-kubernetes-preserve-unknown-fields"


def walk(schema, path=""):
    """Yield (path, schema) for each block of a schema."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


BLOCKS = dict(walk(resource_schema())) | {f"policy{path}": schema for path, schema in walk(policy_schema())}
SPEC = {path: one for path, one in BLOCKS.items() if path.startswith((".spec", ".status", "policy.spec"))}


def test_the_schema_is_structural():
    for path, schema in BLOCKS.items():
        assert not {"$ref", "$defs", "title", "default", "const", "oneOf", "allOf", "examples"} & set(schema), path
        assert "type" in schema or "x-kubernetes-int-or-string" in schema, path
        assert not ("properties" in schema and "additionalProperties" in schema), path


def test_everything_is_bounded():
    """The API server estimates what a rule costs from these bounds."""
    for path, schema in SPEC.items():
        if schema.get("type") == "array":
            assert "maxItems" in schema, path
        if schema.get("type") == "string":
            assert schema.keys() & {"maxLength", "enum", "format", "pattern"}, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path
        if schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties"}:
            assert schema[_FREE], path


def test_what_users_write_is_described():
    for path, schema in SPEC.items():
        if ".status" not in path and not path.endswith(("[]", "{}")):
            assert schema.get("description"), path


def test_defaults_are_told_and_not_set():
    assert BLOCKS[".spec.traffic.timeout"]["description"].endswith("Default: 60s.")
    assert BLOCKS[".spec.rollout.paused"]["description"].endswith("Default: false.")
    assert all("default" not in schema for schema in BLOCKS.values())
    assert not any("Default:" in schema.get("description", "") for path, schema in SPEC.items() if ".status" in path)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        (".status.conditions", ["type"]),
        (".spec.model.env", ["name"]),
        (".spec.model.volumes", ["name"]),
        (".spec.model.imagePullSecrets", ["name"]),
    ],
)
def test_lists_of_named_things_are_maps(path, keys):
    assert BLOCKS[path]["x-kubernetes-list-type"] == "map"
    assert BLOCKS[path]["x-kubernetes-list-map-keys"] == keys


def test_what_kubernetes_defines_is_let_through():
    assert BLOCKS[".spec.model.podOverrides.affinity"][_FREE]
    assert BLOCKS[".spec.model.podOverrides.tolerations[]"][_FREE]
    assert BLOCKS[".status.rollout.policy"][_FREE]


def test_every_rule_says_what_to_write():
    rules = [rule for schema in BLOCKS.values() for rule in schema.get("x-kubernetes-validations", ())]
    assert len(rules) > 30
    for rule in rules:
        assert 20 < len(rule["message"]) < 300
        assert "\n" not in rule["message"] + rule["rule"]


def test_columns_answer_is_it_fine():
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns if not column.get("priority")] == [
        "Phase",
        "Stable",
        "Canary",
        "Weight",
        "Verdict",
        "Ready",
        "Age",
    ]
    for column in columns:
        assert column["jsonPath"] in BLOCKS or column["jsonPath"].startswith(".metadata"), column


def test_scale_points_at_fields_that_exist():
    scale = crd()["spec"]["versions"][0]["subresources"]["scale"]
    assert all(path in BLOCKS for path in scale.values())


def test_a_policy_has_the_fields_of_spec_rollout():
    of_a_resource = {path.removeprefix(".spec") for path in BLOCKS if path.startswith(".spec.rollout")}
    assert {path.removeprefix("policy.spec") for path in BLOCKS if path.startswith("policy.spec.")} == of_a_resource


def test_names_differ():
    names = [one["spec"]["names"] for one in crds()]
    assert [one["shortNames"] for one in names] == [["mdep"], ["rpol"]]
    assert all(one["categories"] == ["ekiben"] for one in names)


def test_the_command_prints_them():
    result = CliRunner().invoke(crd_command)
    assert result.exit_code == 0
    assert list(yaml.safe_load_all(result.output)) == list(crds())
    assert "&id" not in result.output
