"""The pictures in docs/commands.md are what the program shows."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from tests.cli.conftest import in_utc
from tests.cli.statuses import NOW, one

from ekiben.cli.explain.options import Commands
from ekiben.cli.explain.render import render
from ekiben.cli.explain.tell import tell
from ekiben.cli.status import detail

pytestmark = pytest.mark.usefixtures(in_utc.__name__)
_PAGE = (Path(__file__).resolve().parents[2] / "docs/commands.md").read_text()
_STATUS_WIDTH, _EXPLAIN_WIDTH = 94, 100


def _shown(what: RenderableType, width: int) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(what, crop=False)
    return [line.rstrip() for line in console.export_text().splitlines()]


def _block(first: str) -> list[str]:
    """Return the indented block that begins with this sign, without its indentation."""
    found = re.search(rf"^    {first}.*(?:\n(?:    .*)?)*", _PAGE, re.MULTILINE)
    assert found is not None
    return [line.removeprefix("    ").rstrip() for line in found[0].rstrip().splitlines()]


def test_the_live_status() -> None:
    assert _block("╭") == _shown(detail(one("step"), NOW.timestamp(), live=True), _STATUS_WIDTH)


def test_the_story() -> None:
    story = tell(one("rolled-back-errors"), NOW.timestamp(), Commands("ekiben", "iris", "shop"))
    shown = _shown(render(story, NOW.timestamp()), _EXPLAIN_WIDTH)
    left = iter(shown)
    missing = [line for line in _block("✘") if line.strip() != "…" and line not in left]
    assert missing == [], "every line but '…' stands in the story, in this order"
