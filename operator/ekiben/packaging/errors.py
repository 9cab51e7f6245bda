"""What can go wrong between a bento and a registry, in words for the person who typed the command."""

from __future__ import annotations


class PackagingError(Exception):
    """A step failed. `str()` is plain English: what failed, the tool's own words, what to do."""


class ToolError(PackagingError):
    """A program that was called said no.

    `tool` and `output` are kept, so that a caller can recognise a failure that it knows how to get around.
    """

    def __init__(self, what: str, tool: str, output: str, advice: str) -> None:
        self.tool = tool
        self.output = output
        said = "\n".join(f"    {line}" for line in output.splitlines()) or "    (it said nothing)"
        super().__init__(f"{what} failed. {tool} said:\n{said}\n{advice}")
