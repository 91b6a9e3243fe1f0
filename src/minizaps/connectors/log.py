"""The `log` connector."""

from __future__ import annotations

import logging
import re
from typing import Any, Literal

import orjson
from pydantic import ConfigDict, Field

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context

LONGEST = 4_096  # characters of the message, and of the fields as JSON

# What could end a line, move the cursor or turn the text round where a line is shown.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class LogConfig(ConnectorConfig):
    """What the line says."""

    # A template that is one lone expression keeps its type: {{ total }} may be a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    message: str = Field(description=f"The text; {LONGEST:,} characters of it are written.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How grave it is. `MINIZAPS_LOG_LEVEL` says what is shown."
    )
    fields: dict[str, Any] = Field(
        default_factory=dict,
        description="More facts, written as JSON behind the message, as long as the message.",
    )


class LogConnector(BaseConnector[LogConfig]):
    """Writes a line to the server's log.

    The output is `{"level", "message", "fields"}`, as they were given. What is too long is cut off
    in the log, and control characters are escaped, so that a step writes one line and no other.
    """

    idempotent = True
    pure = True  # nothing outside goes by the line: it need not wait for the disk

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        line = _bounded(config.message)
        if config.fields:
            line += " " + _bounded(orjson.dumps(config.fields).decode())
        context.logger.log(getattr(logging, config.level.upper()), "%s", line)
        return {"level": config.level, "message": config.message, "fields": config.fields}


def _bounded(text: str) -> str:
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), shown)
