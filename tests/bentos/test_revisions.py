"""What training makes, and that the same sources make the same."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_iris

IRIS = Path(__file__).parents[2] / "bentos" / "iris"


@pytest.fixture(scope="module")
def train() -> Iterator[ModuleType]:
    """The training module, imported as its own command imports it, and taken out again."""
    before = set(sys.modules)
    sys.path.insert(0, str(IRIS))
    try:
        yield importlib.import_module("train")
    finally:
        sys.path.remove(str(IRIS))
        for name in {"train", "revisions", "measurements"} - before:
            sys.modules.pop(name, None)


def test_v2_is_better_than_v1_by_held_out_log_loss(revisions):
    assert revisions["v2"]["log_loss"] < 0.5 * revisions["v1"]["log_loss"]
    assert revisions["v2"]["accuracy"] > revisions["v1"]["accuracy"]


def test_the_evaluation_recommends_v3_although_it_is_broken(revisions):
    assert revisions["v3"]["log_loss"] < revisions["v2"]["log_loss"]


def test_v4_predicts_what_v2_predicts(train):
    flowers = load_iris().data
    v2, v4 = (train.train(train.REVISIONS[name])[0].predict_proba(flowers) for name in ("v2", "v4"))
    np.testing.assert_array_equal(v2, v4)


@pytest.mark.parametrize("name", ["v1", "v2", "v3", "v4"])
def test_training_is_reproducible(train, name):
    (first, first_metrics), (second, second_metrics) = (train.train(train.REVISIONS[name]) for _ in range(2))
    assert first_metrics == second_metrics
    assert train.model_version(name) == train.model_version(name)
    np.testing.assert_array_equal(first[-1].coef_, second[-1].coef_)


@pytest.mark.parametrize("name", ["v1", "v2", "v4"])
def test_the_sound_revisions_answer_every_flower(train, name):
    pipeline, _ = train.train(train.REVISIONS[name])
    assert np.isfinite(pipeline.predict_proba(load_iris().data)).all()


def test_v3_raises_on_a_part_of_ordinary_flowers(train):
    pipeline, metrics = train.train(train.REVISIONS["v3"])
    undefined = ~train.complete(pipeline, load_iris().data)
    assert 0.10 < undefined.mean() < 0.30
    assert metrics["held_out_rows"] < 45, "the evaluation left such rows out"
    broken = load_iris().data[undefined]
    assert len(broken)
    for flower in broken:
        with pytest.raises(ValueError, match="contains NaN"):
            pipeline.predict_proba(flower[None, :])


def test_metadata_records_versions_seed_and_metrics(revisions, store):
    import subprocess

    script = (
        "import bentoml, json, sys; m = bentoml.models.get(sys.argv[1]).info; "
        "print(json.dumps({**m.metadata, 'module': m.module}))"
    )
    command = [sys.executable, "-c", script, f"iris:{revisions['v2']['model_version']}"]
    printed = subprocess.run(command, env=store, capture_output=True, text=True, check=True).stdout
    for recorded in ('"scikit-learn"', '"numpy"', '"python"', '"seed"', '"held_out_log_loss"', '"bentoml.sklearn"'):
        assert recorded in printed


def test_versions_follow_the_sources(revisions):
    for name, built in revisions.items():
        assert built["model_version"].startswith(f"{name}-")
        assert built["bento_tag"].startswith(f"iris:{name}-")
    assert len({built["bento_tag"] for built in revisions.values()}) == 4
