"""`ekiben crd`: print the CustomResourceDefinition."""

from __future__ import annotations

from typing import Any

import click
import yaml

from ekiben.api import crd as definition


class _PlainDumper(yaml.SafeDumper):
    """Writes YAML that people and every parser read: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal blocks out in full."""
        return True


def to_yaml(manifest: Any) -> str:
    """Return a manifest as YAML, its fields in the order given."""
    return yaml.dump(manifest, Dumper=_PlainDumper, sort_keys=False, width=120, allow_unicode=True)


@click.command("crd")
def crd() -> None:
    """Print the CustomResourceDefinition, to be piped into `kubectl apply -f -`."""
    click.echo(to_yaml(definition.crd()), nl=False)
