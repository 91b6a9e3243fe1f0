"""The `set` connector."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context


class SetConfig(ConnectorConfig):
    """The values to set."""

    values: dict[str, Any] = Field(
        description="Names and their values; the steps that follow use them by these names."
    )


class SetConnector(BaseConnector[SetConfig]):
    """Sets values for the steps that follow."""

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        return dict(self.config.values)
