"""A connector that waits: the run goes on at the office's next opening hour."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from minizaps import (
    BaseConnector,
    ConnectorConfig,
    Context,
    Pause,
    WorkflowEngine,
)


class OfficeHoursConfig(ConnectorConfig):
    """When the office is open, from Monday to Friday."""

    opens: int = Field(default=9, ge=0, le=23, description="The first open hour.")
    closes: int = Field(default=17, ge=1, le=24, description="The first closed hour.")
    timezone: str = Field(default="UTC", description="An IANA time zone.")

    @model_validator(mode="after")
    def _check_hours(self) -> OfficeHoursConfig:
        if self.opens >= self.closes:
            raise ValueError("the office opens before it closes")
        return self


class OfficeHoursConnector(BaseConnector[OfficeHoursConfig]):
    """Waits until the office is open; while it is open, it does not wait."""

    pure = True
    idempotent = True

    async def execute(self, context: Context) -> Pause | None:
        now = context.now().astimezone(ZoneInfo(self.config.timezone))
        moment = now
        while not (moment.weekday() < 5 and self.config.opens <= moment.hour < self.config.closes):
            moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return None if moment == now else Pause(until=moment, output={"opened": moment.isoformat()})


WorkflowEngine.CONNECTOR_MAP["office_hours"] = (OfficeHoursConnector, OfficeHoursConfig)
