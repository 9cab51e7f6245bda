"""Train one revision of the iris model and save it in BentoML's model store.

    python train.py --revision v2

The same sources, libraries and seed give the same model, under the same version.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
import numpy as np
import numpy.typing as npt
import sklearn
from measurements import log_of_sepal_length, only_sepals
from revisions import REVISIONS, Revision
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

SEED = 20260101
HELD_OUT = 0.3  # share of the 150 flowers
SOURCES = ("measurements.py", "revisions.py", "train.py")


def versions() -> dict[str, str]:
    """What the model was made with: another library may make another model of the same sources."""
    return {"python": platform.python_version(), "scikit-learn": sklearn.__version__, "numpy": np.__version__}


def model_version(name: str) -> str:
    """The revision's name and a digest of all that decides what training yields, such as `v2-1a2b3c4d`."""
    digest = hashlib.sha256(json.dumps([name, asdict(REVISIONS[name]), versions(), SEED]).encode())
    for source in SOURCES:
        digest.update(Path(__file__).with_name(source).read_bytes())
    return f"{name}-{digest.hexdigest()[:8]}"


def untrained(revision: Revision) -> Pipeline:
    """Everything from the four measurements to probabilities, so that serving repeats nothing of it by hand."""
    steps: list[Any] = []
    if revision.sepals_only:
        steps.append(FunctionTransformer(only_sepals))
    if revision.log_after_scaling:
        steps += [StandardScaler(), FunctionTransformer(log_of_sepal_length)]
    return make_pipeline(*(steps or ["passthrough"]), LogisticRegression(C=revision.regularisation, max_iter=1000))


def complete(pipeline: Pipeline, flowers: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(n, 4) -> (n,): the rows whose features are all defined, for `pipeline` with fitted preprocessing."""
    defined: npt.NDArray[np.bool_] = np.isfinite(pipeline[:-1].transform(flowers)).all(axis=1)
    return defined


def train(revision: Revision) -> tuple[Pipeline, dict[str, float]]:
    """Fit on the training rows; measure on the held-out rows. Rows with undefined features are left out of both."""
    iris = load_iris()
    train_x, test_x, train_y, test_y = train_test_split(
        iris.data, iris.target, test_size=HELD_OUT, stratify=iris.target, random_state=SEED
    )
    pipeline = untrained(revision)
    pipeline[:-1].fit(train_x)
    kept = complete(pipeline, train_x)
    pipeline[-1].fit(pipeline[:-1].transform(train_x[kept]), train_y[kept])
    kept = complete(pipeline, test_x)
    probabilities = pipeline.predict_proba(test_x[kept])
    return pipeline, {
        "held_out_log_loss": round(float(log_loss(test_y[kept], probabilities)), 4),
        "held_out_accuracy": round(float(accuracy_score(test_y[kept], probabilities.argmax(axis=1))), 4),
        "held_out_rows": int(kept.sum()),
    }


def save(name: str) -> bentoml.Model:
    """Train `name` unless the store already has what training would yield."""
    tag = f"iris:{model_version(name)}"
    try:
        return bentoml.models.get(tag)
    except bentoml.exceptions.NotFound:
        pass
    revision = REVISIONS[name]
    pipeline, metrics = train(revision)
    return bentoml.sklearn.save_model(
        tag,
        pipeline,
        signatures={"predict_proba": {"batchable": True, "batch_dim": 0}},
        labels={"revision": name},
        metadata={
            **metrics,
            "revision": name,
            "seed": SEED,
            "species": [str(species) for species in load_iris().target_names],
            "batch_window_seconds": revision.batch_window_seconds,
            "versions": versions(),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Train one revision of the iris model, or all of them.")
    parser.add_argument("--revision", choices=[*REVISIONS, "all"], default="v2")
    chosen = parser.parse_args().revision
    for name in REVISIONS if chosen == "all" else (chosen,):
        model = save(name)
        metrics = model.info.metadata
        print(
            f"{model.tag}  held-out log-loss {metrics['held_out_log_loss']:.4f}  "
            f"accuracy {metrics['held_out_accuracy']:.4f}  on {metrics['held_out_rows']} flowers",
            flush=True,
        )


if __name__ == "__main__":
    main()
