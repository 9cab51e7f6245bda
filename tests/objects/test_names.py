import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.api.model import Model
from ekiben.objects import names

IMAGE = "registry.example.com/iris:1"


def test_key_order_and_explicit_defaults_make_no_new_revision():
    model = {"image": IMAGE, "env": [{"name": "A", "value": "1"}], "resources": {"limits": {"cpu": 1, "memory": "2Gi"}}}
    spelled_out = {
        "resources": {"limits": {"memory": "2Gi", "cpu": "1"}},
        "probes": {"period": "5s", "failures": 3},
        "env": [{"value": "1", "name": "A"}],
        "runtime": "bentoml",
        "image": IMAGE,
    }
    assert names.revision_of(Model.model_validate(model)) == names.revision_of(Model.model_validate(spelled_out))


@pytest.mark.parametrize(
    "change",
    [
        {"image": "registry.example.com/iris:2"},
        {"concurrency": 4},
        {"env": [{"name": "A", "value": "1"}]},
        {"probes": {"failures": 4}},
        {"podOverrides": {"labels": {"team": "a"}}},
    ],
)
def test_a_change_makes_a_new_revision(change):
    assert names.revision_of(Model.model_validate({"image": IMAGE} | change)) != names.revision_of(
        Model.model_validate({"image": IMAGE})
    )


@pytest.mark.parametrize(
    ("model", "revision"),
    [
        ({"image": IMAGE}, "32pm6k2x"),
        ({"image": IMAGE, "concurrency": 8, "probes": {"startupTimeout": "10m"}}, "cvvw5mrz"),
    ],
)
def test_revisions_never_change_with_a_version_of_ekiben(model, revision):
    """A changed name here restarts every model that runs: a default of spec.model has changed, or the hash has."""
    assert names.revision_of(Model.model_validate(model)) == revision


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=49), st.integers(0, 10**6))
def test_children_have_valid_names(tail, seed):
    name = f"a{tail}"
    revision = names.revision_of(Model.model_validate({"image": f"iris:{seed}"}))
    child = names.child_name(name, revision)
    assert len(child) <= 63
    assert revision.isalnum()
    assert revision == revision.lower()
    assert names.revision_from(name, child) == revision


def test_the_stable_service_is_no_revision():
    assert names.revision_from("iris", "iris") is None
    assert names.revision_from("iris", "iris-blue") is None


def test_selector_text_is_what_kubectl_takes():
    assert names.selector_text("iris", "bcd") == "ekiben.dev/modeldeployment=iris,ekiben.dev/revision=bcd"


def test_the_defaults_of_spec_model_never_change_within_an_api_version():
    """A new default would change the revision of who wrote the old one out, or the old one of who wrote nothing."""
    defaults = Model.model_validate({"image": IMAGE}).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert defaults == {
        "image": IMAGE,
        "runtime": "bentoml",
        "resources": {},
        "probes": {"startupTimeout": "5m", "period": "5s", "timeout": "5s", "failures": 3},
    }
