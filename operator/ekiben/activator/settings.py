"""The activator's settings: environment variables EKIBEN_ACTIVATOR_…"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_PREFIX = "EKIBEN_ACTIVATOR_"


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, its value and what it means."""


class Settings(BaseModel):
    """Every field has a default that suits the chart's zero values."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    namespace: str = ""
    """Namespace of the table that the operator writes; the pod's own by default."""
    address: str = "0.0.0.0"  # noqa: S104 - callers and probes come from outside of the pod
    """Address that the models' ports are opened on."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Port of /metrics, /queues, /livez and /readyz; 0 takes a free one."""
    max_body: Annotated[int, Field(ge=1024)] = 1024 * 1024 * 1024
    """Bytes of a request's body; more are answered with 413."""
    memory: Annotated[int, Field(ge=1024 * 1024)] = 256 * 1024 * 1024
    """Bytes that the requests of all models may take; more are answered with 503. The pod needs some 70 MiB beside."""
    header_seconds: Annotated[float, Field(ge=1, le=300)] = 30.0
    """Seconds that a caller has to send a request's header."""
    linger: Annotated[float, Field(ge=0, le=120)] = 15.0
    """Seconds after SIGTERM in which new requests are still taken: gateways and nodes need the time to hear of it."""
    finish: Annotated[float, Field(ge=0, le=3600)] = 165.0
    """Seconds after that in which what is held is finished."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is logged."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Read the environment.

        Raises:
            SettingsError: a value cannot be used, or a variable is the name of no setting.
        """
        given = {key.removeprefix(_PREFIX).lower(): value for key, value in environ.items() if key.startswith(_PREFIX)}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0])
            known = cls.model_fields.get(field)
            meaning = " ".join(((known.description if known else "") or "there is no such setting").split())
            raise SettingsError(
                f"{_PREFIX}{field.upper()}={first['input']!r} cannot be used: {first['msg']}. It means: {meaning}"
            ) from error
