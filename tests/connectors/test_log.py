from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.cli.logs import JsonFormatter
from minizaps.connectors.base import Context
from minizaps.connectors.log import LogConfig, LogConnector


@pytest.fixture
def write(context: Context, caplog: pytest.LogCaptureFixture) -> Any:
    async def execute(**config: Any) -> tuple[dict[str, Any], logging.LogRecord]:
        with caplog.at_level("DEBUG", "minizaps.step"):
            output = await LogConnector(LogConfig.model_validate(config)).execute(context)
        return output, caplog.records[-1]

    return execute


async def test_it_writes_a_line_that_names_the_run_and_the_step(write) -> None:
    output, record = await write(message="Late: 7", level="error", fields={"total": 12.5})
    assert output == {"level": "error", "message": "Late: 7", "fields": {"total": 12.5}}
    line = json.loads(JsonFormatter().format(record))
    assert line.pop("at")
    assert line == {
        "level": "error",
        "logger": "minizaps.step",
        "message": 'Late: 7 {"total":12.5}',
        "run": "run",
        "step": "send",
    }


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
async def test_levels(write, level: str) -> None:
    assert (await write(message="x", level=level))[1].levelname == level.upper()


async def test_a_percent_sign_is_no_format_and_a_number_is_a_message(write) -> None:
    assert (await write(message="100 %s"))[1].getMessage() == "100 %s"
    assert (await write(message=7))[1].getMessage() == "7"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("a\nERROR forged", r"a\nERROR forged"),
        ("a\r\x1b[31mred\x07", r"a\r\x1b[31mred\x07"),
        ("a\u2028b\x85c\u202ed", r"a\u2028b\x85c\u202ed"),
        ("half \ud800", r"half \ud800"),
        ("Grüße 👋", "Grüße 👋"),
    ],
    ids=ascii,
)
async def test_a_message_cannot_forge_a_line(write, message: str, line: str) -> None:
    output, record = await write(message=message)
    assert record.getMessage() == line
    assert output["message"] == message


async def test_fields_cannot_forge_a_line(write) -> None:
    _, record = await write(message="x", fields={"a\nb": "c\u2028d"})
    assert record.getMessage() == r'x {"a\nb":"c\u2028d"}'


async def test_what_is_too_long_is_cut_off_in_the_log_alone(write) -> None:
    output, record = await write(message="x" * 10_000, fields={"a": "y" * 10_000})
    assert len(record.getMessage()) == 2 * 4096 + 1
    assert "…" in record.getMessage()
    assert len(output["message"]) == 10_000


@pytest.mark.parametrize("config", [{}, {"message": "x", "level": "fatal"}, {"message": ["x"]}])
def test_what_is_no_line_is_refused(config: dict) -> None:
    with pytest.raises(ValidationError):
        LogConfig.model_validate(config)
