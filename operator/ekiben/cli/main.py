"""The command line: `ekiben`, also reachable as `kubectl ekiben`.

Each command lives in a module of its own and is imported only when it is called, so that `ekiben status`
works without BentoML and `ekiben push` without kopf.
"""

from __future__ import annotations

import importlib
import sys

import click

# name -> (module, attribute, the line shown by --help, the extra that it needs)
_COMMANDS: dict[str, tuple[str, str, str, str]] = {
    "cluster": ("ekiben.cli.cluster", "cluster", "A local Kubernetes for trying ekiben and for its tests.", ""),
    "crd": ("ekiben.cli.crd", "crd", "Print the CustomResourceDefinition that this version serves.", ""),
    "demo": ("ekiben.cli.demo", "demo", "Show the whole product on a local cluster.", "demo"),
    "operator": ("ekiben.cli.operator", "operator", "Run the operator.", "operator"),
    "push": ("ekiben.cli.push", "push", "Build a bento's image, push it and write modeldeployment.yaml.", "packaging"),
    "status": ("ekiben.cli.status", "status", "What is serving, and what the evidence says.", "operator"),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _help, extra = _COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if not extra or (error.name or "").startswith("ekiben"):
                raise
            raise click.ClickException(
                f"`ekiben {cmd_name}` needs the package {error.name!r}, which is not installed. "
                f"Install it with: pip install 'ekiben[{extra}]'"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The help lines stand here, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ekiben")
def cli() -> None:
    """Take models packed by BentoML to production on Kubernetes."""


def main() -> None:
    """Entry point of the console scripts `ekiben` and `kubectl-ekiben`."""
    cli(prog_name="ekiben" if not sys.argv[0].endswith("kubectl-ekiben") else "kubectl ekiben")
