"""Business metrics that the platform team has defined: which counters they are, and by which label a revision is told.

Nobody writes a query. A definition names two counters and labels; ekiben adds the namespace and the revisions, and
quotes everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from ekiben.api.base import Duration, seconds

from .promql import is_label, is_metric, quoted

_TAKEN = frozenset({"errors", "latency", "rejected"})


class QueriesError(ValueError):
    """The definitions cannot be used; the message says which one, and what to write."""


class _Block(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class Counter(_Block):
    """A counter in Prometheus."""

    metric: Annotated[str, Field(max_length=256)]
    """Its name, such as orders_total."""
    labels: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=16)] = {}
    """Labels that its series must have, with these very values."""

    @field_validator("metric")
    @classmethod
    def _is_metric(cls, value: str) -> str:
        if not is_metric(value):
            raise ValueError(f"{value!r} is not the name of a metric: functions such as rate() are not written here")
        return value

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, value: dict[str, str]) -> dict[str, str]:
        for label, text in value.items():
            if not is_label(label) or label == "__name__":
                raise ValueError(f"{label!r} is not the name of a label")
            quoted(text)
        return value


class Query(_Block):
    """One business metric: events among trials."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=32)]
    """The name by which resources refer to it."""
    description: Annotated[str, Field(max_length=256)] = ""
    """What it is, for people."""
    events: Counter
    """What is counted: each trial has at most one of them."""
    trials: Counter
    """What it is counted among. In the same process as the events, if possible."""
    revision_by: Literal["pod", "revision"] = "pod"
    """Whether a label holds the name of the pod that served, or the name of its revision."""
    revision_label: Annotated[str, Field(max_length=128)] = ""
    """That label; by default the operator's label for pods, or `revision`."""
    namespace_label: Annotated[str, Field(max_length=128)] = ""
    """Label with the namespace of the model; the operator's by default. "-" where the series have none."""
    delay: Duration = "0s"
    """How long after its trial an event may come. So long after each change of weights nothing counts."""
    interval: Duration | None = None
    """Time between two scrapes; the operator's setting by default."""

    @field_validator("name")
    @classmethod
    def _is_free(cls, value: str) -> str:
        if value in _TAKEN:
            raise ValueError(f"{value} is a metric of ekiben's own: choose another name")
        return value

    @field_validator("revision_label", "namespace_label")
    @classmethod
    def _is_label(cls, value: str) -> str:
        if value and value != "-" and not is_label(value):
            raise ValueError(f"{value!r} is not the name of a label")
        return value

    @model_validator(mode="after")
    def _can_tell_revisions(self) -> Query:
        if self.namespace_label == "-" and self.revision_by == "revision":
            raise ValueError(
                "the same revision may run in two namespaces: with revisionBy revision the series need a namespace"
            )
        return self

    @property
    def delay_seconds(self) -> float:
        """`delay` in seconds."""
        return seconds(self.delay)


def load(path: Path) -> dict[str, Query]:
    """Return the definitions of a file by name.

    Raises:
        QueriesError: the file cannot be read or used.
    """
    try:
        return parse(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise QueriesError(f"{path} cannot be read: {error}") from error
    except QueriesError as error:
        raise QueriesError(f"{path}: {error}") from error


def parse(data: Any) -> dict[str, Query]:
    """Return the definitions by name.

    Raises:
        QueriesError: one of them cannot be used.
    """
    entries = data.get("queries") if isinstance(data, Mapping) else None
    if not isinstance(entries, list) or set(data) != {"queries"}:
        raise QueriesError("it has one key, queries, with a list of definitions")
    found: dict[str, Query] = {}
    for number, entry in enumerate(entries, 1):
        shown = f"query {number}" + (f" ({entry['name']})" if isinstance(entry, Mapping) and "name" in entry else "")
        try:
            query = Query.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise QueriesError(f"{shown}: {where + ': ' if where else ''}{first['msg']}") from error
        if query.name in found:
            raise QueriesError(f"{shown}: the name is there twice")
        found[query.name] = query
    return found
