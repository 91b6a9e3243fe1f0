from __future__ import annotations

import asyncio

import pytest

from minizaps.connectors import sheet_marks
from minizaps.connectors.google_sheets import GoogleSheetsConfig, GoogleSheetsConnector
from minizaps.errors import ConnectorError, NetworkFailed
from tests.connectors.sheets.conftest import Sheets
from tests.connectors.sheets.server import SheetsServer

HEADER = ["sku", "price", "paid"]


async def test_values_keep_their_kinds(sheets: Sheets, server: SheetsServer) -> None:
    rows = [["=1+1", 2, 2.5, True], ["7", None, "", "ü"]]
    output = await sheets("append", values=rows)
    assert output == {"appended": 2, "skipped": 0, "once": True}
    assert server.book.sheets[0].rows() == [["=1+1", 2, 2.5, True], ["7", "", "", "ü"]]


async def test_rows_are_named_by_the_header(sheets: Sheets, server: SheetsServer) -> None:
    server.book.sheets[0].write(1, 1, [HEADER], "RAW")
    await sheets("append", range="Orders!B2:D", values=[{"paid": True, "sku": "desk"}, ["lamp", 3]])
    assert server.book.sheets[0].rows()[2:] == [["", "desk", "", True], ["", "lamp", 3]]
    with pytest.raises(ConnectorError, match="no column 'colour': the header is sku, price") as no:
        await sheets("append", range="Orders!B2:D", values=[{"colour": "red"}])
    assert (no.value.type, no.value.retryable) == ("config", False)


async def test_a_range_is_a_sheet_too(sheets: Sheets, server: SheetsServer) -> None:
    await sheets("append", range="Tom's list", values=[["a"]])
    assert server.book.sheets[1].rows() == [["a"]]


async def test_rows_come_once_when_the_answer_is_lost(sheets: Sheets, server: SheetsServer) -> None:
    server.lost = 1
    with pytest.raises(NetworkFailed) as lost:
        await sheets("append", values=[["desk"]])
    assert lost.value.retryable
    output = await sheets("append", values=[["desk"]], attempt=2)
    assert output == {"appended": 1, "skipped": 0, "once": True}
    assert server.book.sheets[0].rows() == [["desk"]]


async def test_an_attempt_that_comes_late_adds_nothing(
    sheets: Sheets, server: SheetsServer
) -> None:
    await sheets("append", values=[["desk"]], attempt=2)
    output = await sheets("append", values=[["desk"]], attempt=1)
    assert output == {"appended": 1, "skipped": 0, "once": True}
    assert server.book.sheets[0].rows() == [["desk"]]


async def test_attempts_at_the_same_time_add_the_rows_once(
    sheets: Sheets, server: SheetsServer
) -> None:
    await asyncio.gather(*(sheets("append", values=[["desk"]], attempt=n) for n in (1, 2, 3)))
    assert server.book.sheets[0].rows() == [["desk"]]


async def test_other_steps_add_the_same_rows(sheets: Sheets, server: SheetsServer) -> None:
    await sheets("append", values=[["desk"]], key="a")
    await sheets("append", values=[["desk"]], key="b", attempt=2)
    assert server.book.sheets[0].rows() == [["desk"], ["desk"]]


async def test_the_first_attempt_takes_two_calls(sheets: Sheets, server: SheetsServer) -> None:
    await sheets("append", values=[["desk"]])
    assert server.calls == ["get", "batchUpdate"]


async def test_old_marks_are_taken_away(
    sheets: Sheets, server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_marks, "KEPT", 20)
    for number in range(200):
        await sheets("append", values=[[number]], key=f"key {number}")
    taken = [m["metadataKey"] + m["metadataValue"] for m in server.book.metadata.values()]
    assert 20 <= len(taken) < 150
    assert max(map(len, taken)) < 36  # 800 of them are within the sheet's 30,000 characters
    assert len(server.book.sheets[0].rows()) == 200
    repeated = await sheets("append", values=[[199]], key="key 199", attempt=2)
    assert repeated["appended"] == 1
    assert len(server.book.sheets[0].rows()) == 200


async def test_what_is_typed_is_not_marked(sheets: Sheets, server: SheetsServer) -> None:
    output = await sheets("append", values=[["12"]], value_input_option="USER_ENTERED")
    assert output == {"appended": 1, "skipped": 0, "once": False}
    assert server.book.sheets[0].rows() == [[12]]
    assert server.book.metadata == {}


@pytest.mark.parametrize(
    ("failures", "key_column", "retryable"),
    [
        ([], None, False),
        ([], "sku", True),
        ([(503, {})], None, False),
        ([(429, {})], None, True),
    ],
)
async def test_what_is_typed_is_not_sent_again_if_it_may_be_there(
    sheets: Sheets, server: SheetsServer, failures: list, key_column: str | None, retryable: bool
) -> None:
    server.book.sheets[0].write(0, 0, [HEADER], "RAW")
    server.lost, server.failures = 1, failures
    row = {"sku": "desk"} if key_column else ["desk"]
    with pytest.raises(ConnectorError) as failed:
        await sheets(
            "append", values=[row], value_input_option="USER_ENTERED", key_column=key_column
        )
    assert failed.value.retryable is retryable


@pytest.mark.parametrize("option", ["RAW", "USER_ENTERED"])
async def test_a_key_column_passes_over_rows_that_are_there(
    sheets: Sheets, server: SheetsServer, option: str
) -> None:
    server.book.sheets[0].write(0, 0, [HEADER, ["desk", 480], [7, 1]], "RAW")
    rows = [{"sku": "desk"}, {"sku": "lamp"}, {"sku": "lamp"}, {"sku": "7"}]
    output = await sheets("append", values=rows, key_column="sku", value_input_option=option)
    assert output == {"appended": 1, "skipped": 3, "once": option == "RAW"}
    assert [row[0] for row in server.book.sheets[0].rows()] == ["sku", "desk", 7, "lamp"]
    again = await sheets(
        "append", values=rows, key_column="sku", value_input_option=option, attempt=2
    )
    assert again["appended"] == (1 if option == "RAW" else 0)
    assert len(server.book.sheets[0].rows()) == 4


@pytest.mark.parametrize("row", [["desk"], {"price": 1}, {"sku": None}])
async def test_each_row_has_a_key(sheets: Sheets, server: SheetsServer, row: object) -> None:
    server.book.sheets[0].write(0, 0, [HEADER], "RAW")
    with pytest.raises(ConnectorError, match="a value for 'sku'") as failed:
        await sheets("append", values=[row], key_column="sku")
    assert failed.value.type == "config"


@pytest.mark.parametrize(
    ("config", "may"),
    [
        ({"action": "append", "values": [[1]]}, True),
        ({"action": "append", "values": [[1]], "value_input_option": "USER_ENTERED"}, False),
        ({"action": "append", "values": [{"a": 1}], "value_input_option": "USER_ENTERED",
          "key_column": "a"}, True),
        ({"action": "read"}, True),
        ({"action": "update", "values": [[1]], "value_input_option": "USER_ENTERED"}, True),
        ({"action": "find", "column": "a", "value": 1}, True),
        ({"action": "clear"}, True),
    ],
)  # fmt: skip
def test_only_an_append_without_mark_and_key_may_not_be_repeated(config: dict, may: bool) -> None:
    config |= {"spreadsheet_id": "book", "range": "A:B"}
    connector = GoogleSheetsConnector(GoogleSheetsConfig.model_validate(config))
    assert connector.may_repeat() is may
