"""The base of every type that stands in YAML: camelCase outside, snake_case inside, unknown fields refused."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from .rules import VALIDATIONS, Matching, Rule

GROUP = "ekiben.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"

DURATION_PATTERN = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$"
_DURATION_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

# The duration format of Gateway API (GEP-2257), so that one format serves every field of a manifest.
Duration = Annotated[
    str,
    Field(max_length=24, examples=["60s", "1h30m"]),
    Matching(DURATION_PATTERN, "write a duration in whole numbers with h, m, s or ms, such as 90s or 1h30m"),
]
# Names of Kubernetes objects: DNS-1123 subdomains.
ObjectName = Annotated[
    str,
    Field(max_length=253),
    Matching(
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        "write the name of an object: lower-case letters, digits, '-' and '.', beginning and ending with a letter or "
        "a digit",
    ),
]

Hostname = Annotated[
    str,
    Field(max_length=253),
    Matching(
        r"^([*][.])?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
        "write a hostname in lower case, such as iris.example.com or *.example.com: no scheme, port or path",
    ),
]


def seconds(duration: str) -> float:
    """Return a Duration in seconds.

    Raises:
        ValueError: the text is not a Duration, such as "90" (no unit) or "1.5h" (not whole).
    """
    if not re.fullmatch(DURATION_PATTERN, duration):
        raise ValueError(
            f"{duration!r} is not a duration: write whole numbers with h, m, s or ms, such as 90s or 1h30m"
        )
    return sum(int(amount) * _UNIT_SECONDS[unit] for amount, unit in _DURATION_PART.findall(duration))


class Resource(BaseModel):
    """A block of YAML."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    """What the types of the fields cannot say."""

    @model_validator(mode="after")
    def _obeys_rules(self) -> Self:
        broken = [rule.message for rule in self.rules if not rule.holds(self)]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """Add the rules to the JSON schema of the block."""
        reference = handler(core_schema)
        if cls.rules:
            handler.resolve_ref_schema(reference)[VALIDATIONS] = [rule.as_validation() for rule in cls.rules]
        return reference
