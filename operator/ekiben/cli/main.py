"""The command line: `ekiben`, also reachable as `kubectl ekiben`.

Each command lives in a module of its own and is imported only when it is called, so that `ekiben status`
works without BentoML and `ekiben push` without kopf.
"""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

import click


class _Entry(NamedTuple):
    section: str
    """Heading in --help."""
    module: str
    attribute: str
    line: str
    """What --help says about it."""
    extra: str = ""
    """The extra of the package that it needs."""


_REQUESTS = "ekiben.cli.requests.commands"
_SEE, _STEER, _SHIP, _RUN = "See what happens", "Steer a rollout", "Ship a model", "Run ekiben"

# In the order of --help.
_COMMANDS: dict[str, _Entry] = {
    "status": _Entry(_SEE, "ekiben.cli.status", "status", "What is serving, and what the evidence says.", "operator"),
    "explain": _Entry(
        _SEE, "ekiben.cli.explain", "explain", "Why a rollout went as it did, in plain words.", "operator"
    ),
    "history": _Entry(_SEE, "ekiben.cli.history", "history", "Every rollout, and how it ended.", "operator"),
    "replay": _Entry(
        _SEE, "ekiben.cli.replay", "replay", "What a policy would have decided on past data in Prometheus.", "operator"
    ),
    "analyze": _Entry(
        _SEE, "ekiben.cli.analyze", "analyze", "Judge blocks of counts from a file or a pipe.", "operator"
    ),
    "approve": _Entry(_STEER, _REQUESTS, "approve", "Let a step that waits for approval be left.", "operator"),
    "promote": _Entry(_STEER, _REQUESTS, "promote", "Give the new revision all requests now.", "operator"),
    "skip": _Entry(_STEER, _REQUESTS, "skip", "Leave the present step now.", "operator"),
    "pause": _Entry(_STEER, _REQUESTS, "pause", "Hold the rollout where it is.", "operator"),
    "resume": _Entry(_STEER, _REQUESTS, "resume", "Go on after a pause.", "operator"),
    "abort": _Entry(_STEER, _REQUESTS, "abort", "Roll the new revision back.", "operator"),
    "retry": _Entry(_STEER, _REQUESTS, "retry", "Try the revision that was rolled back again.", "operator"),
    "undo": _Entry(_STEER, _REQUESTS, "undo", "Go back to an earlier revision.", "operator"),
    "wake": _Entry(_STEER, _REQUESTS, "wake", "Start a model that sleeps, before anybody asks for it.", "operator"),
    "push": _Entry(
        _SHIP, "ekiben.cli.push", "push", "Build a bento's image, push it and write modeldeployment.yaml.", "packaging"
    ),
    "demo": _Entry(_RUN, "ekiben.cli.demo", "demo", "Show the whole product on a local cluster.", "demo"),
    "cluster": _Entry(_RUN, "ekiben.cli.cluster", "cluster", "A local Kubernetes for trying ekiben and for its tests."),
    "operator": _Entry(_RUN, "ekiben.cli.operator", "operator", "Run the operator.", "operator"),
    "activator": _Entry(_RUN, "ekiben.cli.activator", "activator", "Hold requests while a model wakes.", "operator"),
    "crd": _Entry(_RUN, "ekiben.cli.crd", "crd", "Print the CustomResourceDefinition that this version serves."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        if entry is None:
            return None
        try:
            command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        except ModuleNotFoundError as error:
            if not entry.extra or (error.name or "").startswith("ekiben"):
                raise
            raise click.ClickException(
                f"`ekiben {cmd_name}` needs the package {error.name!r}, which is not installed. "
                f"Install it with: pip install 'ekiben[{entry.extra}]'"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The help lines stand here, so that --help imports no command.
        for section in dict.fromkeys(entry.section for entry in _COMMANDS.values()):
            with formatter.section(section):
                lines = [(name, entry.line) for name, entry in _COMMANDS.items() if entry.section == section]
                formatter.write_dl(lines, col_max=10)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ekiben")
def cli() -> None:
    """Take models packed by BentoML to production on Kubernetes."""


def main() -> None:
    """Entry point of the console scripts `ekiben` and `kubectl-ekiben`."""
    cli(prog_name="ekiben" if not sys.argv[0].endswith("kubectl-ekiben") else "kubectl ekiben")
