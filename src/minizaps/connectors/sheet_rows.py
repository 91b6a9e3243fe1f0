"""Rows of a table as lists or objects, and the keys that tell them apart."""

from __future__ import annotations

from typing import Any

from minizaps.connectors.sheets_api import Place, Spreadsheet
from minizaps.errors import ConnectorError

Scalar = str | int | float | bool
Row = list[Scalar | None] | dict[str, Scalar | None]


def has_names(rows: list[Row]) -> bool:
    """Whether a row names its columns."""
    return any(isinstance(row, dict) for row in rows)


def cells_of(row: Row, place: Place | None) -> list[Any]:
    """A row as a list of cells.

    Args:
        place: has the header; None where there is none.

    Raises:
        ConnectorError: it is an object, and its names are not in the header (type `config`).
    """
    if isinstance(row, list):
        return row
    if place is None:
        message = "to update by column names, set key_column; a range is written with lists"
        raise ConnectorError(message, type="config")
    return place.row_of(row)


def object_of(row: Row, key_column: str) -> tuple[dict[str, Any], Any]:
    """A row that is an object, and its key.

    Raises:
        ConnectorError: it is none, or has no key (type `config`).
    """
    if isinstance(row, list) or row.get(key_column) is None:
        message = f"with a key_column each row is an object with a value for {key_column!r}"
        raise ConnectorError(message, type="config")
    return row, row[key_column]


def named_cells(header: list[Any], row: list[Any]) -> dict[str, Any]:
    """A row as an object; cells that the API leaves out at its end are empty."""
    padded = row + [""] * (len(header) - len(row))
    return {text_of(name): value for name, value in zip(header, padded, strict=False) if name != ""}


def text_of(value: Any) -> str:
    """A cell as text, by which cells are compared: 5, 5.0 and "5" are the same."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


async def keys(spreadsheet: Spreadsheet, place: Place, name: str) -> list[tuple[int, str]]:
    """The number and the text of each cell in a column, below its header."""
    column = place.cells(place.index(name), place.row + 1, down=True)
    read = await spreadsheet.values(column, "UNFORMATTED_VALUE")
    rows = enumerate(read.get("values", []), place.row + 1)
    return [(number, text_of(row[0])) for number, row in rows if row]


async def without_known(
    spreadsheet: Spreadsheet, place: Place, name: str, rows: list[Row]
) -> list[Row]:
    """The rows whose key is not there yet, each key once."""
    known = {text for _, text in await keys(spreadsheet, place, name)}
    new = []
    for row in rows:
        _, key = object_of(row, name)
        if text_of(key) not in known:
            known.add(text_of(key))
            new.append(row)
    return new
