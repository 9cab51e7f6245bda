"""Validation that stands beside the types and is said once: the CEL that the API server runs, the check that Python
runs, and one message for both, which tells what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True)
class Rule:
    """What types cannot say about a block."""

    cel: str
    """Expression over `self`, the block as it stands in YAML."""
    message: str
    """What to write instead."""
    holds: Callable[[Any], bool]
    """The same over the parsed block."""
    field: str = ""
    """The field that an error names, such as ".steps"; the block itself where it is empty."""

    def as_validation(self) -> dict[str, str]:
        """Return the entry of x-kubernetes-validations."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | {"fieldPath": self.field} if self.field else entry


@dataclass(frozen=True)
class Matching:
    """The text has this form, and where it has not, a message says which one to write.

    A plain `pattern` in the schema would answer with the regular expression alone.
    """

    pattern: str
    """A regular expression of both RE2 and Python, anchored, without a single quote."""
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Add the check to the schema of the text."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Add the CEL rule to the JSON schema of the text."""
        validation = {"rule": f"self.matches(r'{self.pattern}')", "message": self.message}
        return handler(schema) | {VALIDATIONS: [validation]}

    def _check(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise ValueError(f"{text!r}: {self.message}")
        return text
