"""The `google_sheets` connector."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar, Literal

from pydantic import Field

from minizaps.connectors.actions import ActionConfig, Fields
from minizaps.connectors.base import BaseConnector, Context
from minizaps.connectors.sheet_marks import Mark, append_once
from minizaps.connectors.sheet_ranges import start_row
from minizaps.connectors.sheet_rows import (
    Row,
    Scalar,
    cells_of,
    has_names,
    keys,
    named_cells,
    object_of,
    text_of,
    without_known,
)
from minizaps.connectors.sheets_api import Place, Spreadsheet
from minizaps.credentials.types import GoogleServiceAccount, OAuth2
from minizaps.definition.poll import PollDefaults
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError


class GoogleSheetsConfig(ActionConfig):
    """What to do in which part of a spreadsheet."""

    actions: ClassVar = {
        "append": Fields(needs=("values",), takes=("value_input_option", "key_column")),
        "read": Fields(takes=("header", "value_render_option")),
        "update": Fields(needs=("values",), takes=("value_input_option", "key_column")),
        "find": Fields(needs=("column", "value"), takes=("value_render_option", "limit")),
        "clear": Fields(),
    }

    action: Literal["append", "read", "update", "find", "clear"] = Field(description="What to do.")
    spreadsheet_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="What stands in the spreadsheet's address between `/d/` and `/edit`.",
    )
    range: str = Field(
        min_length=1,
        description="The cells in A1 notation, such as `Orders!A:D`; without a sheet's name, of "
        "the first sheet. Where columns have names, its first row is the header.",
    )
    values: list[Row] | None = Field(
        default=None,
        description="append, update: the rows. A row is a list of cells, or an object of cells "
        "by the names in the header. Null leaves a cell as it is.",
    )
    key_column: str | None = Field(
        default=None,
        description="append, update: the name of a column whose values tell rows apart, where "
        "rows are objects. An append skips rows whose key is there; an update changes the rows "
        "that have the key.",
    )
    value_input_option: Literal["RAW", "USER_ENTERED"] = Field(
        default="RAW",
        description="append, update: `RAW` writes values as they are; `USER_ENTERED` reads texts "
        "as if typed: dates, and also formulas, which others' data must not bring in.",
    )
    header: bool = Field(
        default=False, description="read: the first row is the header, and rows are objects."
    )
    column: str | None = Field(default=None, description="find: the name of a column.")
    value: Scalar | None = Field(default=None, description="find: what the column is to have.")
    value_render_option: Literal["UNFORMATTED_VALUE", "FORMATTED_VALUE", "FORMULA"] = Field(
        default="UNFORMATTED_VALUE",
        description="read, find: numbers as numbers, texts as they are shown, or formulas.",
    )
    limit: int = Field(default=100, ge=1, le=10_000, description="find: the most rows to return.")


class GoogleSheetsConnector(BaseConnector[GoogleSheetsConfig]):
    """Appends, reads, updates, finds and clears rows of a Google spreadsheet.

    The outputs are, for append `{"appended", "skipped", "once"}`, how many rows were added and how
    many were there before; for read `{"rows"}`; for update `{"updated", "missing"}`, how many cells
    were written and which keys no row has; for find `{"found": [{"row", "values"}]}`, with the
    rows' numbers; for clear `{"cleared"}`, the range.

    An append of `RAW` values is made once, also if the worker dies in the middle of it: a mark is
    written in the same request as the rows, as developer metadata that only this credential's
    project sees. Its rows come below the last row of the sheet. Then `once` is true. A
    `USER_ENTERED` append goes below the table that the range has, and cannot be marked, so an
    attempt that was cut off or not answered is not repeated; with a `key_column` it is, and rows
    that are there are skipped. All other actions may be repeated.

    Google's quotas (60 requests a minute for a user) are answered with 429, which is retried.
    """

    api: ClassVar[str] = "https://sheets.googleapis.com"
    poll = PollDefaults(items="{{ rows }}")
    timeout = 120.0
    retry = RetryPolicy(max_attempts=8, delay=4, backoff=2, max_delay=120, jitter=True)
    credential = (GoogleServiceAccount, OAuth2)
    credential_required = True

    def may_repeat(self) -> bool:
        return self.config.action != "append" or self._once or self.config.key_column is not None

    @property
    def _once(self) -> bool:
        return self.config.value_input_option == "RAW"

    async def execute(self, context: Context) -> dict[str, Any]:
        spreadsheet = Spreadsheet(context, self.api, self.config.spreadsheet_id)
        match self.config.action:
            case "append":
                return await self._append(spreadsheet)
            case "read":
                return await self._read(spreadsheet)
            case "update":
                return await self._update(spreadsheet)
            case "find":
                return await self._find(spreadsheet)
        cleared = await spreadsheet.clear(self.config.range)
        return {"cleared": cleared["clearedRange"]}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        """See `BaseConnector`. Of a spreadsheet that is not there, Google says so if it may."""
        try:
            await Spreadsheet(context, cls.api, "none").values("A1")
        except ConnectorError as error:
            if error.details.get("status") != HTTPStatus.NOT_FOUND:
                raise
        return "Google Sheets accepts the token"

    async def _append(self, spreadsheet: Spreadsheet) -> dict[str, Any]:
        config, given = self.config, self.config.values or []
        mark = Mark.of(spreadsheet.context.idempotency_key)
        if self._once and spreadsheet.context.attempt > 1:
            made = await mark.rows(spreadsheet)
            if made is not None:
                return self._appended(made)
        place = None
        if self._once or config.key_column is not None or has_names(given):
            place = await spreadsheet.place(config.range)
        new = given
        if place is not None and config.key_column is not None:
            new = await without_known(spreadsheet, place, config.key_column, given)
        rows = [cells_of(row, place) for row in new]
        if rows and self._once and place is not None:
            return self._appended(await append_once(spreadsheet, place, rows, mark))
        if rows:
            await self._append_typed(spreadsheet, rows)
        return self._appended(len(rows))

    async def _append_typed(self, spreadsheet: Spreadsheet, rows: list[list[Any]]) -> None:
        try:
            await spreadsheet.append(self.config.range, rows, "USER_ENTERED")
        except ConnectorError as error:
            # Only of a request over the quota is it sure that its rows are not there.
            unmade = error.details.get("status") == HTTPStatus.TOO_MANY_REQUESTS
            error.retryable = error.retryable and (unmade or self.may_repeat())
            raise

    def _appended(self, rows: int) -> dict[str, Any]:
        skipped = len(self.config.values or ()) - rows
        return {"appended": rows, "skipped": skipped, "once": self._once}

    async def _read(self, spreadsheet: Spreadsheet) -> dict[str, Any]:
        config = self.config
        read = await spreadsheet.values(config.range, config.value_render_option)
        rows: list[Any] = read.get("values", [])
        if config.header:
            rows = [named_cells(rows[0], row) for row in rows[1:]]
        return {"rows": rows}

    async def _update(self, spreadsheet: Spreadsheet) -> dict[str, Any]:
        config, given = self.config, self.config.values or []
        if config.key_column is None:
            rows = [cells_of(row, None) for row in given]
            written = await spreadsheet.write(config.range, rows, config.value_input_option)
            return {"updated": written.get("updatedCells", 0), "missing": []}
        place = await spreadsheet.place(config.range)
        known = await keys(spreadsheet, place, config.key_column)
        cells: dict[str, Any] = {}
        missing = []
        for row in given:
            changes, key = object_of(row, config.key_column)
            numbers = [number for number, found in known if found == text_of(key)]
            if not numbers:
                missing.append(key)
            for number in numbers:
                for name, value in changes.items():
                    if name != config.key_column:
                        cells[place.cells(place.index(name), number)] = value
        if cells:
            await spreadsheet.write_cells(cells, config.value_input_option)
        return {"updated": len(cells), "missing": missing}

    async def _find(self, spreadsheet: Spreadsheet) -> dict[str, Any]:
        config = self.config
        read = await spreadsheet.values(config.range, config.value_render_option)
        header, *rows = read.get("values") or [[]]
        place = Place(0, "", start_row(read["range"]), 0, tuple(map(text_of, header)))
        index, wanted = place.index(config.column or ""), text_of(config.value)
        found = [
            {"row": number, "values": named_cells(header, row)}
            for number, row in enumerate(rows, place.row + 1)
            if index < len(row) and text_of(row[index]) == wanted
        ]
        return {"found": found[: config.limit]}
