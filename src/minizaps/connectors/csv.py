"""The `csv` connector."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import Field, model_validator

from minizaps.connectors.actions import ActionConfig, Fields
from minizaps.connectors.base import BaseConnector, Context
from minizaps.connectors.computing import Room, bad_input, computed

BOM = "\ufeff"

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 65_536  # characters that the delimiter is found in
_FORMULA = re.compile(r"[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]")  # OWASP, "CSV Injection"
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*")

Row = dict[str, Any] | list[Any]
Columns = Annotated[list[str], Field(min_length=1, max_length=10_000)]


class CsvConfig(ActionConfig):
    """Which way, and how the text is written."""

    actions: ClassVar = {"parse": Fields(needs=("text",)), "format": Fields(needs=("rows",))}

    action: Literal["parse", "format"] = Field(
        description="`parse`: text to rows. `format`: rows to text."
    )
    text: str | None = Field(default=None, description="For `parse`: the text.")
    rows: list[Row] | None = Field(
        default=None, description="For `format`: a list of objects, or of lists of cells."
    )
    delimiter: str = Field(
        default=",",
        pattern=r'^([^"\r\n\x00]|auto)$',
        description="One character; `auto` finds it when it parses: a comma, a semicolon, a tab "
        "or a bar.",
    )
    header: bool = Field(
        default=True, description="Whether the first line names the columns; else rows are lists."
    )
    columns: Columns | None = Field(
        default=None,
        description="For `parse`: names in place of the header's, or where there is none. For "
        "`format`: which columns to write, in this order; else all, in the order of the rows.",
    )
    skip_empty_lines: bool = Field(default=True, description="Whether empty lines are no rows.")
    uneven: Literal["fail", "allow"] = Field(
        default="fail",
        description="For `parse`, rows with more or fewer cells than columns: `allow` drops the "
        "cells that are too many, and those that are missing are null.",
    )
    neutralize_formulas: bool = Field(
        default=False,
        description="For `format`: put an apostrophe before texts that a spreadsheet would run "
        "as a formula.",
    )
    bom: bool = Field(
        default=False, description="For `format`: begin with a byte order mark, as Excel likes it."
    )

    @model_validator(mode="after")
    def _has_a_delimiter(self) -> CsvConfig:
        if self.action == "format" and self.delimiter == "auto":
            raise ValueError("format needs a delimiter; auto is for parse")
        if self.columns and len(set(self.columns)) < len(self.columns):
            raise ValueError("a name stands twice in columns")
        return self


class CsvConnector(BaseConnector[CsvConfig]):
    """Reads CSV text into rows, or writes rows as CSV text (RFC 4180).

    The output of `parse` is `{"rows", "columns", "count"}`. Rows are objects if the columns have
    names, from the header or from `columns`, else lists. All cells are text. Quotes that do not
    close, or a row that does not fit its columns, fail the step as `bad_input`, with the line.

    The output of `format` is `{"text", "count"}`. Null is an empty cell; objects and lists are
    written as JSON. A header needs names: of objects, or from `columns`.
    """

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        if config.action == "parse":
            text = config.text or ""
            return await computed(len(text), _parse, text.removeprefix(BOM), config)
        rows = config.rows or []
        return await computed(100 * len(rows), _format, rows, config)


def _parse(text: str, config: CsvConfig) -> dict[str, Any]:
    records = _records(text, config)
    columns = config.columns
    if config.header and (first := next(records, None)) is not None:
        columns = columns or _names(*first)
    room = Room()
    width = sum(map(len, columns or ()))
    rows: list[Row] = []
    for line, cells in records:
        room.take(width + 4 * max(len(cells), len(columns or ())) + sum(map(len, cells)))
        if columns is None:
            rows.append(cells)
            continue
        if len(cells) != len(columns) and config.uneven == "fail":
            raise bad_input(
                f"line {line}: {len(cells)} cells, but {len(columns)} columns; "
                '`"uneven": "allow"` takes such rows'
            )
        rows.append(dict.fromkeys(columns) | dict(zip(columns, cells, strict=False)))
    return {"rows": rows, "columns": columns, "count": len(rows)}


def _records(text: str, config: CsvConfig) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins on, from 1."""
    delimiter = _found_delimiter(text) if config.delimiter == "auto" else config.delimiter
    # Not strict, the module would take all that follows an open quote as one cell.
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            hint = "a quote does not close" if "unexpected end" in str(error) else error
            raise bad_input(f"line {line}: {hint}") from None
        if cells or not config.skip_empty_lines:
            yield line, cells


def _found_delimiter(text: str) -> str:
    """The one that cuts most of the first lines into the same number of cells."""

    def score(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(StringIO(text[:_SAMPLE], newline=""), delimiter=delimiter)
        widths = Counter(len(cells) for cells in islice(reader, 20) if len(cells) > 1)
        return max(((count, width) for width, count in widths.items()), default=(0, 0))

    try:
        return max(_DELIMITERS, key=score)
    except csv.Error as error:
        raise bad_input(f"the delimiter cannot be found: {error}") from None


def _names(line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
    if len(set(names)) < len(names):
        name, _ = Counter(names).most_common(1)[0]
        raise bad_input(
            f"line {line}: the header names {name[:64]!r} twice; give names of your own in columns"
        )
    return names


def _format(rows: list[Row], config: CsvConfig) -> dict[str, Any]:
    columns = config.columns or _columns(rows)
    room = Room()
    text = StringIO(BOM if config.bom else "", newline="")
    text.seek(0, 2)
    writer = csv.writer(text, delimiter=config.delimiter)
    if config.header and columns:
        writer.writerow([_cell(name, config) for name in columns])
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            room.take(len(columns))
            row = [row.get(name) for name in columns]
        elif config.columns and len(row) > len(columns):
            raise bad_input(f"rows/{index}: {len(row)} cells, but {len(columns)} columns")
        cells = [_cell(value, config) for value in row]
        room.take(sum(map(len, cells)))
        writer.writerow(cells)
    return {"text": text.getvalue(), "count": len(rows)}


def _columns(rows: list[Row]) -> list[str]:
    """The keys of all objects, each where it is first met."""
    kinds = {type(row) for row in rows}
    if kinds == {dict, list}:
        raise bad_input("rows has objects and lists: give the names of the lists' cells in columns")
    return list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))


def _cell(value: Any, config: CsvConfig) -> str:
    match value:
        case None:
            return ""
        case str():
            risky = config.neutralize_formulas and _FORMULA.match(value.lstrip(" "))
            return f"'{value}" if risky and not _NUMBER.fullmatch(value) else value
        case _:
            return orjson.dumps(value).decode()
