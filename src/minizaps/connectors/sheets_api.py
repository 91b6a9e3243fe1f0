"""A small client of the Google Sheets API, version 4.

Requests and answers are those of the API's discovery document,
https://sheets.googleapis.com/$discovery/rest?version=v4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from minizaps.connectors.base import Context
from minizaps.connectors.json_calls import read_object, send_json
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.request_rules import QueryValue
from minizaps.connectors.responses import read_body, status_error
from minizaps.connectors.sheet_ranges import column_letters, first_row, quoted
from minizaps.credentials.credential import HttpCredential
from minizaps.errors import ConnectorError, ResponseRefused

_HINTS: dict[int, str] = {
    400: "the range is in A1 notation, such as Orders!A:D",
    403: "share the spreadsheet with the credential's account (of a service account: the "
    "client_email of its key file), and enable the Google Sheets API in its project",
    404: "no spreadsheet has this spreadsheet_id: it stands in the address, between /d/ and /edit",
}
_PLACE = (
    "sheets(properties(sheetId,title),data(startRow,startColumn,rowData(values(formattedValue))))"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table is.

    Attributes:
        title: the sheet's.
        row: the number of the row with the header, from 1.
        column: the index of the first column, from 0.
        header: the texts of the table's first row.
    """

    sheet_id: int
    title: str
    row: int
    column: int
    header: tuple[str, ...]

    def index(self, name: str) -> int:
        """Which of the header's columns has a name.

        Raises:
            ConnectorError: none has it (type `config`).
        """
        if name not in self.header:
            known = ", ".join(filter(None, self.header)) or "empty"
            raise ConnectorError(
                f"there is no column {name!r}: the header is {known}", type="config"
            )
        return self.header.index(name)

    def row_of(self, values: Mapping[str, Any]) -> list[Any]:
        """The cells of a row whose columns are given by their names."""
        cells: list[Any] = [None] * len(self.header)
        for name, value in values.items():
            cells[self.index(name)] = value
        return cells

    def cells(self, index: int, row: int, *, down: bool = False) -> str:
        """The range of a cell in one of the table's columns; with `down`, of all below it too."""
        letters = column_letters(self.column + index)
        return f"{quoted(self.title)}!{letters}{row}" + (f":{letters}" if down else "")


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """One spreadsheet, seen by an attempt."""

    context: Context
    address: str
    spreadsheet_id: str

    async def place(self, cells: str) -> Place:
        """Where the table of a range is, and what its first row says."""
        query = {"ranges": first_row(cells), "fields": _PLACE}
        sheet = (await self._call("GET", "", query=query))["sheets"][0]
        data = (sheet.get("data") or [{}])[0]
        row = (data.get("rowData") or [{}])[0].get("values", [])
        return Place(
            sheet_id=sheet["properties"].get("sheetId", 0),
            title=sheet["properties"]["title"],
            row=data.get("startRow", 0) + 1,
            column=data.get("startColumn", 0),
            header=tuple(cell.get("formattedValue", "") for cell in row),
        )

    async def values(self, cells: str, render: str = "FORMATTED_VALUE") -> dict[str, Any]:
        """The values of a range: `{"range", "values"}`, rows without their empty ends."""
        query = {"valueRenderOption": render, "dateTimeRenderOption": "FORMATTED_STRING"}
        return await self._call("GET", f"/values/{quote(cells, safe='')}", query=query)

    async def write(self, cells: str, rows: list[list[Any]], option: str) -> dict[str, Any]:
        """Write rows into a range."""
        query = {"valueInputOption": option}
        path = f"/values/{quote(cells, safe='')}"
        return await self._call("PUT", path, query=query, body={"values": rows})

    async def write_cells(self, cells: dict[str, Any], option: str) -> dict[str, Any]:
        """Write single cells, all in one request."""
        data = [{"range": place, "values": [[value]]} for place, value in cells.items()]
        body = {"valueInputOption": option, "data": data}
        return await self._call("POST", "/values:batchUpdate", body=body)

    async def append(self, cells: str, rows: list[list[Any]], option: str) -> dict[str, Any]:
        """Add rows below the table that a range has."""
        query = {"valueInputOption": option, "insertDataOption": "INSERT_ROWS"}
        path = f"/values/{quote(cells, safe='')}:append"
        return await self._call("POST", path, query=query, body={"values": rows})

    async def clear(self, cells: str) -> dict[str, Any]:
        """Empty the cells of a range."""
        return await self._call("POST", f"/values/{quote(cells, safe='')}:clear", body={})

    async def change(self, requests: list[dict[str, Any]]) -> None:
        """Make changes: all of them, or none."""
        await self._call("POST", ":batchUpdate", body={"requests": requests})

    async def metadata(self, lookup: dict[str, Any]) -> list[dict[str, Any]]:
        """The developer metadata that a lookup finds."""
        body = {"dataFilters": [{"developerMetadataLookup": lookup}]}
        found = await self._call("POST", "/developerMetadata:search", body=body)
        return [each["developerMetadata"] for each in found.get("matchedDeveloperMetadata", ())]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, QueryValue] | None = None,
        body: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        name, value = self.context.opened(HttpCredential).header()
        url = f"{self.address}/v4/spreadsheets/{self.spreadsheet_id}{path}"
        headers = {name: value}
        response = await send_json(self.context, method, url, body, headers=headers, query=query)
        if response.status != HTTPStatus.OK:
            reason = "; ".join(filter(None, (_message(response), _HINTS.get(response.status))))
            raise status_error(response, self.context.now(), self.context.credential, reason)
        answer = read_body(response)["body"]
        if not isinstance(answer, dict):
            raise ResponseRefused("Google Sheets answered what is no JSON object")
        return answer


def _message(response: HttpResponse) -> str:
    """What the API says about an error (https://cloud.google.com/apis/design/errors)."""
    error = read_object(response).get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""
