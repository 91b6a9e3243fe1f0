"""The `delay` connector."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context, Pause
from minizaps.definition.durations import Duration


def parse_timestamp(value: Any) -> datetime:
    """The UTC time of an ISO 8601 timestamp with a zone.

    Raises:
        ValueError: not such a timestamp.
    """
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value[:64]!r} is not an ISO 8601 timestamp") from None
    elif isinstance(value, datetime):
        time = value
    else:
        raise ValueError("a timestamp is ISO 8601 text such as 2030-01-31T09:00:00Z")
    if time.utcoffset() is None:
        raise ValueError("the timestamp has no zone: add Z for UTC, or an offset such as +02:00")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("the timestamp is outside the years 1 to 9999") from None


Timestamp = Annotated[
    datetime,
    BeforeValidator(parse_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class DelayConfig(ConnectorConfig):
    """How long to wait: exactly one of `seconds` and `until`."""

    seconds: Duration | None = Field(
        default=None,
        description="How long to wait: seconds, or an ISO 8601 duration such as PT5M or P1D.",
    )
    until: Timestamp | None = Field(
        default=None,
        description="The time to wait for, with its zone, such as 2030-01-31T09:00:00+01:00. "
        "A time in the past does not wait.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> DelayConfig:
        if (self.seconds is None) == (self.until is None):
            raise ValueError("set exactly one of seconds and until")
        return self


class DelayConnector(BaseConnector[DelayConfig]):
    """Waits for a time or until a moment. A waiting run takes no memory and no worker."""

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> Pause:
        if self.config.until is not None:
            return Pause(until=self.config.until)
        return Pause(until=context.now() + timedelta(seconds=self.config.seconds or 0))
