"""Places in a spreadsheet, in A1 notation."""

from __future__ import annotations

import re

_CELLS = re.compile(r"\$?([A-Za-z]{1,3})?\$?(\d+)?(?::\$?([A-Za-z]{1,3})?\$?(\d+)?)?")


def column_letters(index: int) -> str:
    """The letters of a column, counted from 0: `A`, `Z`, `AA`."""
    letters = ""
    index += 1
    while index:
        index, place = divmod(index - 1, 26)
        letters = chr(ord("A") + place) + letters
    return letters


def quoted(title: str) -> str:
    """A sheet's title as it stands before the `!`."""
    return "'" + title.replace("'", "''") + "'"


def first_row(cells: str) -> str:
    """The range of the first row of a range: `Orders!A2:D` has `Orders!A2:D2`.

    A text that is neither cells nor has a `!` is a sheet's title.
    """
    sheet, mark, place = cells.rpartition("!")
    match = _CELLS.fullmatch(place)
    if match is None:
        return f"{cells if cells.startswith(chr(39)) else quoted(cells)}!1:1"
    left, top, right, _ = match.groups()
    row = top or "1"
    if left is None:
        return f"{sheet}{mark}{row}:{row}"
    return f"{sheet}{mark}{left}{row}:{right or left}{row}"


def start_row(cells: str) -> int:
    """The number of the first row of a range with its sheet, as the API gives it."""
    match = _CELLS.fullmatch(cells.rpartition("!")[2])
    return int(match[2]) if match and match[2] else 1
