"""Starts `minizaps` with one more connector and, if asked, with a promise broken."""

from __future__ import annotations

import sys

from minizaps import BaseConnector, ConnectorConfig, ConnectorError, WorkflowEngine
from minizaps.cli.main import main
from minizaps.connectors.base import Context

from .sabotage import SABOTAGES


class ChargeConfig(ConnectorConfig):
    """Where to charge."""

    url: str


class ChargeConnector(BaseConnector[ChargeConfig]):
    """Charges once: an attempt that was cut off must not be repeated."""

    async def execute(self, context: Context) -> dict[str, int]:
        headers = {
            "Idempotency-Key": context.idempotency_key,
            "X-Attempt": str(context.attempt),
        }
        response = await context.http.request("POST", self.config.url, headers=headers, body=b"")
        if response.status != 200:
            raise ConnectorError(f"the sink answered {response.status}", type="http_status")
        return {"charged": response.status}


if __name__ == "__main__":
    WorkflowEngine.CONNECTOR_MAP["charge"] = (ChargeConnector, ChargeConfig)
    command, *sabotages = sys.argv[1:]
    for name in sabotages:
        SABOTAGES[name]()
    sys.argv = ["minizaps", *command.split()]
    main()
