"""The iris classifier as a BentoML service: POST /predict, and a form for people at /."""

from __future__ import annotations

import asyncio
from pathlib import Path

import bentoml
import numpy as np
from flowers import MOST_FLOWERS, Answer, Flower, Flowers, Prediction, Question
from form import form
from pydantic import BaseModel, ConfigDict
from version_header import ModelVersionHeader

HERE = Path(__file__).parent


class Arguments(BaseModel):
    """`bentoml build --arg model=iris:v1-1a2b3c4d` chooses which trained model is packed."""

    model_config = ConfigDict(extra="forbid")

    model: str = "iris:latest"


MODEL = bentoml.models.BentoModel(bentoml.use_arguments(Arguments).model)

# Without a distro BentoML adds no compiler and no git: everything here has wheels.
image = bentoml.images.Image(
    base_image="docker.io/library/python:3.11-slim", distro="", python_version="3.11", lock_python_packages=False
).python_packages(*(HERE / "requirements.txt").read_text().split())


@bentoml.service(
    name="iris",
    image=image,
    workers=1,
    resources={"cpu": "200m", "memory": "512Mi"},
    traffic={"timeout": 10, "concurrency": 32},
    # A line for each request, and a span that nobody collects, would cost more than the prediction.
    logging={"access": {"enabled": False}},
    tracing={"sample_rate": 0.0, "excluded_urls": ["/predict", "/livez", "/readyz", "/metrics"]},
)
class Iris:
    """Tells three species of iris apart by four lengths."""

    model = MODEL

    def __init__(self) -> None:
        stored = self.model
        self._version = str(stored.tag.version)
        self._species: list[str] = list(stored.info.metadata["species"])
        self._window = float(stored.info.metadata["batch_window_seconds"])
        self._pipeline = bentoml.sklearn.load_model(stored)
        # The first prediction pays for imports and caches: it is made before /readyz answers.
        self._classify([Flower(sepal_length=5.1, sepal_width=3.5, petal_length=1.4, petal_width=0.2)])

    def _classify(self, flowers: list[Flower]) -> list[Prediction]:
        probabilities = self._pipeline.predict_proba(np.array([flower.row() for flower in flowers]))
        return [
            Prediction(
                species=self._species[int(row.argmax())],
                probabilities=dict(zip(self._species, row.tolist(), strict=True)),
                model_version=self._version,
            )
            for row in probabilities
        ]

    # Asynchronous although it computes: a prediction takes a fraction of a millisecond, less than a thread's detour.
    @bentoml.api(
        route="/predict",
        input_spec=Question,
        output_spec=Answer,
        batchable=True,
        max_batch_size=MOST_FLOWERS,
        max_latency_ms=10_000,
    )
    async def predict(self, flowers: Flowers, /) -> list[Prediction]:
        """Species, probabilities and model version for each flower of a list, or for one flower."""
        if self._window:
            # While this batch is held, the next one grows: fewer, larger batches, and later answers.
            await asyncio.sleep(self._window)
        return self._classify(flowers)


Iris.add_asgi_middleware(ModelVersionHeader, model=MODEL)
Iris.mount_asgi_app(form, path="/", name="form")
