"""Bars, for shares and for evidence."""

from __future__ import annotations

from rich.text import Text

_FULL, _HALF, _REST = "━", "╸", "╺"
_GROUND = "bright_black"


def bar(value: float, width: int, colour: str) -> Text:
    """Return a bar of `width` characters, filled to `value` (0 to 1) to half a character; any value above 0 shows."""
    share = max(0.0, min(1.0, value))
    halves = max(round(share * width * 2), 1 if share > 0 else 0)
    whole, half = divmod(halves, 2)
    text = Text(_FULL * whole + _HALF * half, style=colour)
    rest = width - whole - half
    # The empty part begins with half a sign where the full one ends with a whole one, so that the two do not touch.
    gap = _REST if rest and not half and whole else _FULL * min(rest, 1)
    text.append(gap + _FULL * (rest - 1) if rest else "", style=_GROUND)
    return text
