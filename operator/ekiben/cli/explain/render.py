"""Story -> what a terminal shows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ekiben.cli import words
from ekiben.cli.bars import bar
from ekiben.cli.colours import colour

from .story import Figure, Story, Tone

_SIGNS = {
    Tone.GOOD: ("✔", "green"),
    Tone.BAD: ("✘", "red"),
    Tone.WAITING: ("●", "cyan"),
    Tone.PLAIN: ("●", "default"),
}
_BAR = 16
_COMMAND = 50
"""Characters of a command that leave room for what it does beside it."""


def render(story: Story, now: float) -> RenderableType:
    """Return the story for a terminal."""
    parts: list[RenderableType] = [headline(story)]
    parts.append(Padding(_subject(story), (0, 0, 0, 2), expand=False))
    if story.asked:
        parts += _section("What was asked", Text(story.asked))
    if story.beats:
        parts += _section("What happened", _beats(story, now))
    if story.figures:
        parts += _section("What the requests say", _figures(story.figures))
    if story.decided:
        parts += _section("What decided", Text(story.decided))
    if story.waits:
        parts += _section("Now", _waits(story, now))
    if story.notes:
        parts += _section("Also", Group(*(Text(note) for note in story.notes)))
    if story.options:
        parts += [Text(), Text("  What you can do", style="bold"), *_options(story)]
    return Group(*parts)


def headline(story: Story) -> RenderableType:
    """Return the one sentence, with its sign."""
    sign, colour = _SIGNS[story.tone]
    line = Table.grid(padding=(0, 1))
    line.add_row(Text(sign, style=colour), Text(story.headline, style=f"bold {colour}"))
    return line


def _subject(story: Story) -> Text:
    who = Text.assemble((f"{story.namespace}/{story.name}", "bold"), style="default")
    if story.number:
        who.append(f"  revision {story.number} ({story.revision})", style="dim")
    if story.image:
        who.append(f"  {words.short_image(story.image)}", style="dim")
    return who


def _section(title: str, body: RenderableType) -> list[RenderableType]:
    return [Text(), Text(f"  {title}", style="bold"), Padding(body, (0, 0, 0, 2), expand=False)]


def _beats(story: Story, now: float) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column()
    begin = words.moment(story.beats[0].at)
    for beat in story.beats:
        after = words.moment(beat.at) - begin
        text = Text(beat.text, style=colour(beat.decision))
        if beat.by_then and beat.figures != story.figures:  # those follow below, with their bars
            text.append(f"\n{beat.by_then}", style="dim")
        table.add_row(words.clock(beat.at, now), f"+{words.span(after)}" if after >= 1 else "", text)
    return table


def _figures(figures: tuple[Figure, ...]) -> Group:
    parts: list[RenderableType] = []
    for figure in figures:
        table = Table.grid(padding=(0, 2))
        table.add_row("that it is worse", bar(figure.worse, _BAR, "red"), _share(figure.worse, "rolls it back"))
        table.add_row(
            "that it is not worse", bar(figure.not_worse, _BAR, "green"), _share(figure.not_worse, "lets it go on")
        )
        parts += [Text(figure.text[0].upper() + figure.text[1:]), Padding(table, (0, 0, 0, 2))]
    return Group(*parts)


def _share(value: float, what: str) -> Text:
    reached = "bold" if value >= 1 else "default"
    return Text(f"{words.evidence(value)} of what {what}", style=reached)


def _waits(story: Story, now: float) -> Text:
    text = Text(story.waits)
    if story.until:
        then = f": {story.then}" if story.then else ""
        text.append(f"\nAt {words.clock(story.until, now)}, ")
        text.append(words.until(story.until, now), style="bold")
        text.append(f"{then}.")
    return text


def _options(story: Story) -> Iterator[RenderableType]:
    """Yield the commands, never broken into lines: they are there to be copied."""
    longest = max(len(option.command) for option in story.options)
    for option in story.options:
        line = Text("  ", no_wrap=True, overflow="ignore")
        if longest <= _COMMAND:
            line.append(option.command.ljust(longest + 3), style="cyan").append(option.what, style="dim")
        else:
            line.append(f"{option.what}:\n    ", style="dim").append(option.command, style="cyan")
        yield line
