"""What the docs tell people to type exists: commands and their options, make's targets, linked files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.sim.__main__ import parser as simulation

from ekiben.cli.main import cli

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").glob("*.md"), *_ROOT.glob("bentos/*/README.md")])
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def _code(page: Path) -> Iterator[str]:
    """Lines of code blocks, indented or fenced, and inline code."""
    fenced = False
    for line in page.read_text().splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip().removeprefix("$ ")
        else:
            yield from re.findall(r"`([^`]+)`", line)


def _commands(first: str) -> list[tuple[str, str]]:
    found = {(page.name, line) for page in _PAGES for line in _code(page) if line.startswith(f"{first} ")}
    return sorted(found)


@pytest.mark.parametrize(("page", "line"), _commands("ekiben"), ids=lambda part: part[:60])
def test_ekiben_knows_the_command_and_its_options(page: str, line: str) -> None:
    words = shlex.split(line.split(" | ")[0].split(" > ")[0].rstrip("\\ "), comments=True)[1:]
    words = [word.strip("[]") for word in words if word not in ("…", "...")]
    if "|" in line and " | " not in line:
        words = words[:1]  # a list of subcommands: up|down
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0, f"{page}: {line}: {result.output}"


@pytest.mark.parametrize(("page", "line"), _commands("make"), ids=lambda part: part[:60])
def test_make_knows_the_target(page: str, line: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    words = [word for word in shlex.split(line, comments=True)[1:] if "=" not in word and word != "…"]
    assert set(words) <= targets, f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), _commands("python -m tests.sim"), ids=lambda part: part[:60])
def test_the_simulation_knows_its_options(page: str, line: str) -> None:
    found = simulation().parse_args(shlex.split(line.replace("SEED", "1"))[3:])
    assert found.histories > 0, f"{page}: {line}"


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []


def test_the_source_root_is_no_package() -> None:
    assert not (_ROOT / "operator/__init__.py").exists(), "it would shadow the standard library's operator"
    assert not list((_ROOT / "tests").rglob("__init__.py"))
