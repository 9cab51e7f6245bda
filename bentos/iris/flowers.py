"""What /predict takes and answers."""

from __future__ import annotations

from typing import Annotated, Any, Self

from _bentoml_sdk.io_models import IORootModel
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, TypeAdapter
from starlette.responses import Response

MOST_FLOWERS = 100  # in one request; also the largest batch

# Longer than any iris ever measured: beyond it the unit is wrong, and an answer would be nonsense.
Centimetres = Annotated[float, Field(strict=True, gt=0, le=30, allow_inf_nan=False)]


class Flower(BaseModel):
    """One iris, measured in centimetres."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
        },
    )

    sepal_length: Centimetres
    sepal_width: Centimetres
    petal_length: Centimetres
    petal_width: Centimetres

    def row(self) -> tuple[float, float, float, float]:
        return (self.sepal_length, self.sepal_width, self.petal_length, self.petal_width)


class Prediction(BaseModel):
    """The answer for one flower."""

    model_config = ConfigDict(protected_namespaces=())

    species: str
    probabilities: dict[str, float]
    model_version: str


def _as_list(body: Any) -> Any:
    """One flower is a list of one."""
    return [body] if isinstance(body, dict) else body


Flowers = Annotated[list[Flower], Field(min_length=1, max_length=MOST_FLOWERS), BeforeValidator(_as_list)]


class _Body(RootModel[Flowers]):
    model_config = ConfigDict(title="flowers")  # what an error message calls it


_PREDICTIONS = TypeAdapter(list[Prediction])


class Question(IORootModel[Flowers]):
    """The body of a request.

    BentoML's own reading of a root value generates its JSON schema anew for each request, a third of a request's
    CPU time, and takes a body that is no JSON for an error of the server (500). Here it is the caller's (400).
    """

    __root_input__ = True
    media_type = "application/json"

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> Self:
        return cls.model_construct(root=_Body.model_validate_json(json_data).root)


class Answer(IORootModel[list[Prediction]]):
    """The body of an answer: one prediction for each flower, in the order asked."""

    media_type = "application/json"

    @classmethod
    async def to_http_response(cls, obj: list[Prediction], _serde: Any) -> Response:
        return Response(_PREDICTIONS.dump_json(obj), media_type=cls.media_type)
