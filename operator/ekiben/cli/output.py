"""-o json and -o yaml."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click
import yaml

JSON, YAML, WIDE = "json", "yaml", "wide"
_F = TypeVar("_F", bound=Callable[..., Any])


def option(*formats: str) -> Callable[[_F], _F]:
    """Return the option -o, --output with these formats besides text."""
    choice = click.Choice(formats)
    return click.option("-o", "--output", type=choice, default=None, help="Print this format instead of text.")


def write(data: Any, form: str) -> None:
    """Print data as JSON or YAML on standard output."""
    if form == YAML:
        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120), nl=False)
    else:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
