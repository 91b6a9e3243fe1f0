"""What the connector does, Google's own client does too, and each sees what the other has done."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.connectors.sheets.conftest import Google, Sheets
from tests.connectors.sheets.server import SheetsServer

ROWS = [["sku", "price", "paid"], ["desk", 480, True], ["lamp", 39.5, False]]


class Connector:
    """The connector, with the methods of `Google`."""

    def __init__(self, sheets: Sheets) -> None:
        self._sheets = sheets

    async def append(self, cells: str, rows: list[list[Any]]) -> None:
        await self._sheets("append", range=cells, values=rows, value_input_option="USER_ENTERED")

    async def update(self, cells: str, rows: list[list[Any]]) -> None:
        await self._sheets("update", range=cells, values=rows)

    async def read(self, cells: str) -> list[list[Any]]:
        return (await self._sheets("read", range=cells))["rows"]

    async def clear(self, cells: str) -> None:
        await self._sheets("clear", range=cells)


@pytest.fixture(params=["connector", "google"])
def client(request: pytest.FixtureRequest, sheets: Sheets, google: Google) -> Connector | Google:
    return google if request.param == "google" else Connector(sheets)


async def test_rows_that_are_written_are_read(client: Any, server: SheetsServer) -> None:
    await client.update("Orders!A1:C3", ROWS)
    assert server.book.sheets[0].rows() == ROWS
    assert await client.read("Orders!A:C") == ROWS
    assert await client.read("Orders!B2:B") == [[480], [39.5]]
    assert await client.read("Orders") == ROWS
    assert await client.read("A2") == [["desk"]]


async def test_rows_are_appended_below_the_table(client: Any, server: SheetsServer) -> None:
    await client.update("'Tom''s list'!A1", [["a", "b"]])
    await client.append("'Tom''s list'!A:B", [["1", "=A1"], ["x", "TRUE"]])
    assert server.book.sheets[1].rows() == [["a", "b"], [1, "=A1"], ["x", True]]


async def test_cells_are_cleared(client: Any) -> None:
    await client.update("Orders!A1:C3", ROWS)
    await client.clear("Orders!A2:B3")
    assert await client.read("Orders!A:C") == [ROWS[0], ["", "", True], ["", "", False]]


async def test_google_s_client_sees_the_rows_and_the_mark_of_an_append(
    sheets: Sheets, google: Google
) -> None:
    await sheets("append", values=[["desk", 480, True]])
    assert await google.read("Orders!A:C") == [["desk", 480, True]]
    (mark,) = await google.marks()
    assert mark["location"] == {"sheetId": 0}
    assert mark["visibility"] == "PROJECT"


async def test_a_request_whose_mark_is_there_changes_nothing(
    sheets: Sheets, google: Google
) -> None:
    await sheets("append", values=[["desk"]])
    (mark,) = await google.marks()
    late = {"sheetId": 0, "rows": [{"values": [{}]}], "fields": "userEnteredValue"}
    with pytest.raises(HttpError) as refused:
        await google.change(
            [{"appendCells": late}, {"createDeveloperMetadata": {"developerMetadata": mark}}]
        )
    assert refused.value.status_code == 400
    assert await google.read("Orders!A:C") == [["desk"]]
