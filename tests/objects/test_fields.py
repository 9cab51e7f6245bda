"""Paths of fields and who set them, as the API server tells it."""

from hypothesis import given
from hypothesis import strategies as st

from ekiben.objects import compare, fields

_MODEL = 'k:{"name":"model"}'
_DEBUG = 'k:{"name":"DEBUG"}'
EDITED = {
    "f:spec": {
        "f:template": {
            "f:spec": {
                "f:containers": {
                    _MODEL: {"f:image": {}, "f:env": {_DEBUG: {".": {}, "f:name": {}, "f:value": {}}}},
                },
                "f:affinity": {".": {}, "f:nodeAffinity": {"f:required": {}}},
                "f:tolerations": {},
            }
        }
    }
}
RENDERED = {"spec": {"template": {"spec": {"containers": [{"name": "model", "image": "x:1", "env": []}]}}}}


def live(*entries):
    """Return an object with these (manager, subresource, fields)."""
    told = [
        {"manager": manager, "operation": "Update", "fieldsV1": tree, **({"subresource": sub} if sub else {})}
        for manager, sub, tree in entries
    ]
    return {"kind": "Deployment", "metadata": {"name": "iris-bcdfghjk", "managedFields": told}}


def test_paths_in_words():
    path = ("f:spec", "f:template", "f:spec", "f:containers", _MODEL, "f:env", _DEBUG, "f:value")
    assert fields.words(path) == "spec.template.spec.containers[model].env[DEBUG].value"
    assert fields.words(("f:metadata", "f:annotations", "f:ekiben.dev/model")) == (
        "metadata.annotations[ekiben.dev/model]"
    )
    assert fields.words(("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}')) == "spec.ports[80,TCP]"


def test_what_others_added_is_named_by_the_block_that_they_made():
    found = [fields.words(path) for path in fields.foreign(EDITED, RENDERED)]
    assert found == [
        "spec.template.spec.containers[model].env[DEBUG]",
        "spec.template.spec.affinity",
        "spec.template.spec.tolerations",
    ]


def test_without_a_rendering_all_that_others_set_is_theirs():
    found = [fields.words(path) for path in fields.foreign(EDITED, {})]
    assert "spec.template.spec.containers[model].image" in found


def test_who_set_a_field():
    path = ("f:spec", "f:template", "f:spec", "f:containers", _MODEL, "f:image")
    both = live(("ekiben", "", EDITED), ("kubectl-edit", "", EDITED), ("somebody", "status", EDITED))
    assert fields.owners(both, path) == {"ekiben", "kubectl-edit"}
    assert fields.owners(both, (*path[:-1], "f:args")) == set()
    assert fields.owners({"metadata": {}}, path) == set()


def test_what_is_written_as_a_whole_has_one_owner():
    path = ("f:spec", "f:template", "f:spec", "f:tolerations", "f:anything", "f:below")
    assert fields.owners(live(("kubectl-edit", "", EDITED)), path) == {"kubectl-edit"}


_NAMES = st.text(alphabet="abc./", min_size=1, max_size=3)
_ITEMS = st.lists(st.fixed_dictionaries({"name": _NAMES, "value": st.integers()}), unique_by=lambda item: item["name"])
_BLOCKS = st.recursive(
    st.integers() | st.fixed_dictionaries({"env": _ITEMS}),
    lambda inner: st.dictionaries(_NAMES, inner, min_size=1, max_size=3),
    max_leaves=10,
)


def tree_of(value):
    """Return the tree of managedFields of whoever set everything."""
    if isinstance(value, list):
        return {fields.key_element(item, ("name",)): {".": {}, **tree_of(item)} for item in value}
    return {f"f:{key}": tree_of(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


@given(st.dictionaries(_NAMES, _BLOCKS, min_size=1))
def test_what_somebody_set_is_all_of_it_his_and_nothing_else(body):
    tree = tree_of(body)
    assert list(fields.foreign(tree, body)) == []
    for path in fields.foreign(tree, {}):
        assert fields.owners(live(("somebody", "", tree)), path) == {"somebody"}


@given(st.dictionaries(_NAMES, _BLOCKS, min_size=1), _ITEMS)
def test_items_that_others_add_to_a_list_with_keys_are_no_difference(body, added):
    def grown(value):
        if isinstance(value, list):
            return [*[item for item in added if item["name"] not in {one["name"] for one in value}], *value]
        return {key: grown(inner) for key, inner in value.items()} if isinstance(value, dict) else value

    assert compare.differences(body, grown(body)) == []
