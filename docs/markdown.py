"""Small pieces of Markdown: tables, and parts of a page between two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a pipe or a line break in a cell does not break it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")


def code(text: object) -> str:
    """The text as code, or nothing where there is none."""
    return f"`{text}`" if str(text) else ""


def fill(page: str, name: str, body: str) -> str:
    """The page with `body` between the markers `<!-- begin NAME -->` and `<!-- end NAME -->`.

    Raises:
        ValueError: the page has not exactly one such pair.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    filled, count = pattern.subn(lambda _: f"{begin}\n\n{body.strip()}\n\n{end}", page)
    if count != 1:
        raise ValueError(f"the page has {count} places {begin} ... {end}, not one")
    return filled


def fenced(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```"
