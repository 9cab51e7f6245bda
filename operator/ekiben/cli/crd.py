"""`ekiben crd`: print the CustomResourceDefinitions."""

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
    """Print the CustomResourceDefinitions, to be piped into `kubectl apply --server-side -f -`."""
    click.echo("---\n".join(to_yaml(one) for one in definition.crds()), nl=False)
