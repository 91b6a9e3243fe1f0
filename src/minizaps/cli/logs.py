"""How log lines are written."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

from minizaps.credentials.redact import redact_logged
from minizaps.settings import Settings


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_logged(record.getMessage()),
        }
        for name in ("run", "step"):
            if (value := getattr(record, name, None)) is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = redact_logged(self.formatException(record.exc_info))
        return orjson.dumps(line).decode()


class TextFormatter(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        return redact_logged(super().format(record))


def configure_logs(settings: Settings) -> None:
    """Send the process's log lines to standard error, as the settings say."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s")
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else text)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel("WARNING")
    logging.getLogger("python_multipart").setLevel("ERROR")  # the caller is told, not the log
