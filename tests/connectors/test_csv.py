from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.csv import CsvConfig, CsvConnector
from minizaps.errors import ConnectorError


@pytest.fixture
def run(context: Context) -> Any:
    async def execute(action: str, **config: Any) -> dict[str, Any]:
        model = CsvConfig.model_validate({"action": action} | config)
        return await CsvConnector(model).execute(context)

    return execute


@pytest.mark.parametrize(
    ("config", "columns", "rows"),
    [
        ({"text": "a,b\r\n1,2\r\n"}, ["a", "b"], [{"a": "1", "b": "2"}]),
        ({"text": "\ufeffa\n1"}, ["a"], [{"a": "1"}]),
        ({"text": "a,b\r1,2\r"}, ["a", "b"], [{"a": "1", "b": "2"}]),
        ({"text": ' a , b \n"x,""y""\nz",'}, ["a", "b"], [{"a": 'x,"y"\nz', "b": ""}]),
        ({"text": 'size\n5" pipe'}, ["size"], [{"size": '5" pipe'}]),
        ({"text": "a,,\n1,2,3"}, ["a", "column_2", "column_3"], [
            {"a": "1", "column_2": "2", "column_3": "3"}]),
        ({"text": "a\n\n1\n\n\n2\n"}, ["a"], [{"a": "1"}, {"a": "2"}]),
        ({"text": "1,2\n3", "header": False}, None, [["1", "2"], ["3"]]),
        ({"text": "1\n\n", "header": False, "skip_empty_lines": False}, None, [["1"], []]),
        ({"text": "1,2", "header": False, "columns": ["x", "y"]}, ["x", "y"], [
            {"x": "1", "y": "2"}]),
        ({"text": "a,b\n1,2", "columns": ["x", "y"]}, ["x", "y"], [{"x": "1", "y": "2"}]),
        ({"text": "a,b\n1\n1,2,3", "uneven": "allow"}, ["a", "b"], [
            {"a": "1", "b": None}, {"a": "1", "b": "2"}]),
        ({"text": "a;b\n1,5;2", "delimiter": "auto"}, ["a", "b"], [{"a": "1,5", "b": "2"}]),
        ({"text": "a\tb\n1\t2", "delimiter": "auto"}, ["a", "b"], [{"a": "1", "b": "2"}]),
        ({"text": 'a|b\n"x,y,z"|2', "delimiter": "auto"}, ["a", "b"], [{"a": "x,y,z", "b": "2"}]),
        ({"text": "a\n1", "delimiter": "auto"}, ["a"], [{"a": "1"}]),
        ({"text": ""}, None, []),
        ({"text": "a,b\n"}, ["a", "b"], []),
    ],
)  # fmt: skip
async def test_parse(run, config: dict, columns: list | None, rows: list) -> None:
    output = await run("parse", **config)
    assert output == {"rows": rows, "columns": columns, "count": len(rows)}


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"text": 'a\nx\n"open\nand more\n'}, "line 3: a quote does not close"),
        ({"text": 'a\n"x"y\n'}, "line 2: ',' expected after '\"'"),
        ({"text": "a,b\n1,2\n1,2,3"}, 'line 3: 3 cells, but 2 columns; `"uneven": "allow"`'),
        ({"text": "a,b\n1"}, "line 2: 1 cells, but 2 columns"),
        ({"text": "a,b,a\n"}, "line 1: the header names 'a' twice; give names of your own"),
        ({"text": "a\n" + "x" * 131_073}, r"line 2: field larger than field limit \(131072\)"),
        ({"text": "x" * 131_073, "delimiter": "auto"}, "field larger than field limit"),
    ],
)
async def test_text_that_is_no_csv_is_refused_with_its_line(run, config: dict, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await run("parse", **config)
    assert (failed.value.type, failed.value.retryable) == ("bad_input", False)


@pytest.mark.parametrize(
    "text",
    ["x" * 100_000 + "\n" + "1\n" * 200, "," * 50_000 + "\n" + "1\n" * 300],
    ids=["a long name in every row", "many columns, empty in every row"],
)
async def test_a_small_text_cannot_make_a_huge_output(run, text: str) -> None:
    with pytest.raises(ConnectorError) as failed:
        await run("parse", text=text, uneven="allow")
    assert failed.value.type == "output_too_large"


async def test_many_keys_cannot_make_a_huge_text(run) -> None:
    with pytest.raises(ConnectorError) as failed:
        await run("format", rows=[{f"key{n}": 1} for n in range(5_000)])
    assert failed.value.type == "output_too_large"


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"rows": [{"a": 1, "b": None}, {"b": "x", "c": True}]}, "a,b,c\r\n1,,\r\n,x,true\r\n"),
        ({"rows": [{"a": 'x,"y"\nz'}]}, 'a\r\n"x,""y""\nz"\r\n'),
        ({"rows": [{"a": {"k": [1]}}]}, 'a\r\n"{""k"":[1]}"\r\n'),
        ({"rows": [{"b": 1, "a": 2}], "columns": ["a", "b"]}, "a,b\r\n2,1\r\n"),
        ({"rows": [{"a": 1, "b": 2}], "columns": ["b", "z"]}, "b,z\r\n2,\r\n"),
        ({"rows": [{"a": 1}], "header": False}, "1\r\n"),
        ({"rows": [[1, 2.5], ["x"]]}, "1,2.5\r\nx\r\n"),
        ({"rows": [[1, 2]], "columns": ["a", "b"], "delimiter": ";"}, "a;b\r\n1;2\r\n"),
        ({"rows": [{"ü": 1}], "bom": True}, "\ufeffü\r\n1\r\n"),
        ({"rows": []}, ""),
        ({"rows": [], "columns": ["a"]}, "a\r\n"),
    ],
)
async def test_format(run, config: dict, text: str) -> None:
    assert await run("format", **config) == {"text": text, "count": len(config["rows"])}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+49 30 1", "'+49 30 1"),
        ("-x", "'-x"),
        ("@SUM", "'@SUM"),
        ("  =1+1", "'  =1+1"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("-5", "-5"),
        ("+1.5", "+1.5"),
        (-5, "-5"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
async def test_formulas_can_be_neutralized(run, value: Any, cell: str) -> None:
    rows = [["x", value]]
    output = await run("format", rows=rows, neutralize_formulas=True)
    assert output["text"] == f"x,{cell}\r\n"
    assert (await run("format", rows=rows))["text"] == f"x,{value}\r\n"


async def test_what_is_formatted_is_parsed_to_the_same(run) -> None:
    rows = [{"a": 'q"', "b": "x\r\ny"}, {"a": ";,", "b": " s "}]
    text = (await run("format", rows=rows, delimiter="|"))["text"]
    assert (await run("parse", text=text, delimiter="auto"))["rows"] == rows


async def test_rows_that_cannot_be_written_are_refused(run) -> None:
    for rows, columns, says in (
        ([{"a": 1}, [1]], None, "objects and lists"),
        ([[1], [1, 2]], ["a"], "rows/1: 2 cells, but 1 columns"),
    ):
        with pytest.raises(ConnectorError, match=says) as failed:
            await run("format", rows=rows, columns=columns)
        assert failed.value.type == "bad_input"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "action"),
        ({"action": "parse"}, "parse needs text"),
        ({"action": "parse", "text": "", "rows": []}, "parse takes no rows"),
        ({"action": "format", "text": ""}, "format takes no text"),
        ({"action": "format", "rows": [1]}, "valid dictionary"),
        ({"action": "format", "rows": [], "delimiter": "auto"}, "needs a delimiter"),
        ({"action": "parse", "text": "", "delimiter": ",,"}, "pattern"),
        ({"action": "parse", "text": "", "delimiter": '"'}, "pattern"),
        ({"action": "parse", "text": "", "delimiter": "\n"}, "pattern"),
        ({"action": "parse", "text": "", "columns": ["a", "a"]}, "twice"),
        ({"action": "parse", "text": "", "columns": []}, "at least 1"),
    ],
)
def test_what_is_no_config_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        CsvConfig.model_validate(config)
