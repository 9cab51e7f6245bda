"""The commands themselves: options, the question before traffic moves at once, and exit codes."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from ekiben.api.request import Request, Verb
from ekiben.api.status import RequestStatus
from ekiben.cli import place as places
from ekiben.cli.place import Place
from ekiben.cli.seen import UnreadableError
from ekiben.cluster.errors import ClusterConfigError, ClusterError, UnavailableError

from . import silence
from .choose import Chosen, RefusedError, choose
from .send import Choice, Sender

DONE, REFUSED, NO_ANSWER = 0, 1, 3
"""Exit codes; 2 is click's, for a wrong option."""
_EXIT_CODES = """\b
Exit code 0: done. 1: refused, by ekiben or by the API server.
2: the command was typed wrong. 3: nobody answered."""
_AT_ONCE = (Verb.PROMOTE, Verb.ABORT, Verb.UNDO)

_HELP = {
    Verb.APPROVE: "Approve the step that the rollout waits at. Its time and its evidence still have to hold.",
    Verb.PROMOTE: "Give the new revision all requests now, whatever the steps and the evidence still to come.",
    Verb.SKIP: "Leave the present step now, without its time, its approval and its evidence.",
    Verb.PAUSE: "Hold the rollout where it is. A regression still rolls back. Without a rollout, the next one waits.",
    Verb.RESUME: "End a pause that `pause` asked for.",
    Verb.ABORT: "Roll the new revision back. It is not tried again until spec.model changes or somebody says `retry`.",
    Verb.RETRY: "Try the revision that was rolled back again.",
    Verb.UNDO: "Go back to the revision that served before, or to the one that --to names, until spec.model changes.",
    Verb.WAKE: "Start a model that sleeps, before anybody asks for it. It stays awake for spec.scaling.idleWindow at "
    "least.",
}


@dataclass(frozen=True)
class _Order:
    """One call of a command."""

    verb: Verb
    place: Place
    name: str
    revision: str = ""
    to: str = ""
    sure: bool = False
    wait: bool = True
    timeout: float = 30.0
    weight: int | None = None

    def choice(self, agreed: str = "") -> Choice:
        """Return the decision; `agreed` is the revision that the user was told of."""
        undo = self.verb is Verb.UNDO
        revision, to = ("", agreed or self.to) if undo else (agreed or self.revision, "")
        meant = partial(choose, self.verb, revision=revision, to=to, weight=self.weight)
        return partial(meant, prog=places.prog(), flags=self.place.flags)


async def _send(order: _Order) -> int:
    async with order.place.cluster() as cluster:
        sender = Sender(cluster, order.place.chosen, order.name)
        chosen = order.choice()(await sender.read())
        if not _agreed(order, chosen):
            _say("Nothing was done.")
            return REFUSED
        request = await sender.write(order.choice(chosen.revision), uuid.uuid4().hex[:16])
        if not order.wait:
            _say(f"Asked for, ID {request.id}: {chosen.effect}. What comes of it will be in status.requests.")
            return DONE
        with Console(stderr=True).status("Waiting for the operator's answer"):
            answer = await sender.answer(request, order.timeout)
        if answer is not None:
            return _tell(answer)
        told = (await sender.read()).told("Degraded")
        why = (silence.explain(await silence.leases(cluster), time.time()), silence.degraded(told))
        _say_silence(order, request, " ".join(filter(None, why)))
        return NO_ANSWER


def _agreed(order: _Order, chosen: Chosen) -> bool:
    if order.sure or order.verb not in _AT_ONCE or not _terminal():
        return True
    return click.confirm(f"{chosen.effect[0].upper()}{chosen.effect[1:]}?", err=True)


def _terminal() -> bool:
    return sys.stdin.isatty()


def _tell(answer: RequestStatus) -> int:
    if answer.outcome == "Done":
        _say(answer.message or answer.verb, Text("Done: ", "green"))
        return DONE
    _refuse(answer.message or answer.verb)
    return REFUSED


def _say_silence(order: _Order, request: Request, why: str) -> None:
    lines = (
        f"Nobody answered within {order.timeout:g} s. {why}",
        f"The request stands (ID {request.id}) and is carried out when an operator sees it. To take it back:",
        f"  {silence.withdraw(order.name, order.place.chosen)}",
    )
    _say("\n".join(lines), error=True)


def _refuse(reason: str) -> None:
    _say(reason, Text("Refused: ", "red"), error=True)


def _say(text: str, before: Text | str = "", *, error: bool = False) -> None:
    console = Console(stderr=error, highlight=False, soft_wrap=True)
    console.print(Text.assemble(before, text))


def _carry_out(order: _Order) -> None:
    try:
        code = asyncio.run(_send(order))
    except RefusedError as error:
        _refuse(str(error))
        code = REFUSED
    except (ClusterError, UnreadableError) as error:
        click.echo(f"Error: {error}", err=True)
        code = NO_ANSWER if isinstance(error, UnavailableError | ClusterConfigError) else REFUSED
    except KeyboardInterrupt:
        code = NO_ANSWER
    sys.exit(code)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    seconds = click.FloatRange(min=0)
    command = click.option("--no-wait", is_flag=True, help="Do not wait for the operator's answer.")(command)
    command = click.option("--timeout", type=seconds, default=30.0, show_default=True, metavar="SECONDS")(command)
    command = click.option("-y", "--yes", is_flag=True, help="Do not ask first, on a terminal.")(command)
    return click.argument("name")(places.options(command))


def _command(verb: Verb) -> click.Command:
    @_common
    @click.option("--revision", default="", metavar="N|HASH", help="Refuse if it would be about another revision.")
    def callback(name: str, place: Place, revision: str, yes: bool, timeout: float, no_wait: bool) -> None:
        _carry_out(_Order(verb, place, name, revision, "", yes, not no_wait, timeout))

    return click.command(verb.value, help=f"{_HELP[verb]}\n\n{_EXIT_CODES}", short_help=_HELP[verb])(callback)


def _approve() -> click.Command:
    percent = click.IntRange(0, 100)

    @_common
    @click.option("--weight", type=percent, metavar="PERCENT", help="Approve the step of this weight alone.")
    @click.option("--revision", default="", metavar="N|HASH", help="Refuse if it would be about another revision.")
    def callback(
        name: str, place: Place, revision: str, weight: int | None, yes: bool, timeout: float, no_wait: bool
    ) -> None:
        _carry_out(_Order(Verb.APPROVE, place, name, revision, "", yes, not no_wait, timeout, weight))

    text = _HELP[Verb.APPROVE]
    return click.command("approve", help=f"{text}\n\n{_EXIT_CODES}", short_help=text)(callback)


def _undo() -> click.Command:
    @_common
    @click.option("--to", default="", metavar="N|HASH", help="Number or name of the revision to go back to.")
    def callback(name: str, place: Place, to: str, yes: bool, timeout: float, no_wait: bool) -> None:
        _carry_out(_Order(Verb.UNDO, place, name, "", to, yes, not no_wait, timeout))

    return click.command("undo", help=f"{_HELP[Verb.UNDO]}\n\n{_EXIT_CODES}", short_help=_HELP[Verb.UNDO])(callback)


promote, skip, pause, resume = (_command(verb) for verb in (Verb.PROMOTE, Verb.SKIP, Verb.PAUSE, Verb.RESUME))
abort, retry, wake = (_command(verb) for verb in (Verb.ABORT, Verb.RETRY, Verb.WAKE))
approve, undo = _approve(), _undo()
