from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.google_sheets import GoogleSheetsConfig, GoogleSheetsConnector
from minizaps.connectors.sheet_ranges import column_letters, first_row, start_row
from minizaps.credentials.credential import AccessToken
from minizaps.errors import ConnectorError, CredentialRefused
from tests.connectors.sheets.conftest import Sheets
from tests.connectors.sheets.server import TOKEN, SheetsServer

ROWS = [["sku", "price", "paid"], ["desk", 480, True], ["lamp", 39.5], ["desk", 12, False]]


@pytest.fixture(autouse=True)
def _filled(server: SheetsServer) -> None:
    server.book.sheets[0].write(0, 0, ROWS, "RAW")


async def test_rows_are_read_as_lists_or_objects(sheets: Sheets) -> None:
    assert (await sheets("read"))["rows"] == ROWS
    rows = (await sheets("read", header=True))["rows"]
    assert rows[1] == {"sku": "lamp", "price": 39.5, "paid": ""}
    shown = await sheets("read", header=True, value_render_option="FORMATTED_VALUE")
    assert shown["rows"][0] == {"sku": "desk", "price": "480", "paid": "TRUE"}


@pytest.mark.parametrize("header", [True, False])
async def test_an_empty_sheet_has_no_rows(sheets: Sheets, header: bool) -> None:
    assert await sheets("read", range="'Tom''s list'!A:B", header=header) == {"rows": []}


@pytest.mark.parametrize(
    ("column", "value", "numbers"),
    [
        ("sku", "desk", [2, 4]),
        ("price", "480", [2]),
        ("price", 480.0, [2]),
        ("paid", True, [2]),
        ("paid", "FALSE", [4]),
        ("sku", "chair", []),
    ],
)
async def test_rows_are_found_with_their_numbers(
    sheets: Sheets, column: str, value: object, numbers: list[int]
) -> None:
    output = await sheets("find", column=column, value=value)
    assert [each["row"] for each in output["found"]] == numbers
    if numbers == [2, 4]:
        assert output["found"][1]["values"] == {"sku": "desk", "price": 12, "paid": False}


async def test_the_most_rows_to_find_are_the_limit(sheets: Sheets) -> None:
    assert len((await sheets("find", column="sku", value="desk", limit=1))["found"]) == 1


async def test_numbers_count_from_the_sheet_s_first_row(
    sheets: Sheets, server: SheetsServer
) -> None:
    server.book.sheets[1].write(4, 2, [["id"], ["a"], ["b"]], "RAW")
    output = await sheets("find", range="'Tom''s list'!C5:C", column="id", value="b")
    assert output == {"found": [{"row": 7, "values": {"id": "b"}}]}


async def test_a_range_is_written(sheets: Sheets, server: SheetsServer) -> None:
    output = await sheets("update", range="Orders!A2:C3", values=[["x", 1], ["y", None, 0]])
    assert output["updated"] == 4
    assert server.book.sheets[0].rows()[1:3] == [["x", 1, True], ["y", 39.5, 0]]


async def test_a_range_is_not_written_by_names(sheets: Sheets) -> None:
    with pytest.raises(ConnectorError, match="set key_column") as failed:
        await sheets("update", values=[{"sku": "x"}])
    assert failed.value.type == "config"


async def test_rows_are_changed_by_their_key(sheets: Sheets, server: SheetsServer) -> None:
    changes = [{"sku": "desk", "paid": True}, {"sku": "chair", "price": 1}]
    output = await sheets("update", key_column="sku", values=changes)
    assert output == {"updated": 2, "missing": ["chair"]}
    assert server.book.sheets[0].rows()[1:] == [
        ["desk", 480, True], ["lamp", 39.5], ["desk", 12, True]
    ]  # fmt: skip
    output = await sheets("update", key_column="sku", values=[{"sku": "none", "price": 1}])
    assert output == {"updated": 0, "missing": ["none"]}


async def test_cells_are_cleared(sheets: Sheets, server: SheetsServer) -> None:
    assert await sheets("clear", range="Orders!A2:C4") == {"cleared": "Orders!A2:C4"}
    assert server.book.sheets[0].rows() == ROWS[:1]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"spreadsheet_id": "private"}, "share the spreadsheet with .* client_email"),
        ({"spreadsheet_id": "absent"}, "between /d/ and /edit"),
        ({"range": "Nowhere!A:B"}, "Unable to parse range: Nowhere!A:B; .* A1 notation"),
    ],
)
async def test_what_is_refused_says_what_to_do(sheets: Sheets, config: dict, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await sheets("read", **config)
    assert (failed.value.type, failed.value.retryable) == ("http_status", False)


@pytest.mark.parametrize(
    ("status", "headers", "after"),
    [(429, {}, None), (429, {"Retry-After": "30"}, 30), (500, {}, None), (503, {}, None)],
)
async def test_a_quota_or_an_outage_is_waited_for(
    sheets: Sheets, server: SheetsServer, status: int, headers: dict, after: float | None
) -> None:
    server.failures = [(status, headers)]
    with pytest.raises(ConnectorError) as failed:
        await sheets("read")
    assert failed.value.retryable
    assert failed.value.retry_after == after


async def test_a_token_that_is_not_accepted_is_an_error_of_its_own(
    sheets: Sheets, server: SheetsServer
) -> None:
    server.failures = [(401, {})]
    with pytest.raises(CredentialRefused):
        await sheets("read")


async def test_a_token_is_tried_without_a_spreadsheet(
    context: Context, server: SheetsServer
) -> None:
    shown = replace(context, credential=AccessToken(token=TOKEN))
    assert "accepts" in await GoogleSheetsConnector.try_credential(shown)
    assert server.calls == ["values.get"]
    with pytest.raises(CredentialRefused):
        await GoogleSheetsConnector.try_credential(
            replace(context, credential=AccessToken(token="other"))
        )
    server.failures = [(403, {})]
    with pytest.raises(ConnectorError, match="enable the Google Sheets API"):
        await GoogleSheetsConnector.try_credential(shown)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"action": "append"}, "needs values"),
        ({"action": "find", "column": "a"}, "needs value"),
        ({"action": "read", "values": [[1]]}, "takes no values"),
        ({"action": "clear", "header": True}, "takes no header"),
        ({"action": "delete"}, "Input should be"),
        ({"action": "read", "spreadsheet_id": "https://docs.google.com/x"}, "pattern"),
        ({"action": "append", "values": [[{}]]}, "valid"),
    ],
)
def test_what_does_not_fit_the_action_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        GoogleSheetsConfig.model_validate({"spreadsheet_id": "x", "range": "A:B", **config})


def test_the_schema_says_what_each_action_needs() -> None:
    rules = GoogleSheetsConfig.model_json_schema()["allOf"]
    needs = {r["if"]["properties"]["action"]["const"]: r["then"]["required"] for r in rules}
    assert needs == {"append": ["values"], "update": ["values"], "find": ["column", "value"]}


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        ("A:B", "A1:B1"),
        ("Orders!B3:D", "Orders!B3:D3"),
        ("'Tom''s list'!A2", "'Tom''s list'!A2:A2"),
        ("Orders!2:9", "Orders!2:2"),
        ("$A$2:$C$9", "A2:C2"),
        ("Orders", "'Orders'!1:1"),
        ("Tom's list", "'Tom''s list'!1:1"),
        ("'Tom''s list'", "'Tom''s list'!1:1"),
    ],
)
def test_the_first_row_of_a_range(cells: str, row: str) -> None:
    assert first_row(cells) == row


def test_places() -> None:
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]
    assert [start_row(c) for c in ("S!A1:B9", "'x!y'!C12", "S!A:B")] == [1, 12, 1]
