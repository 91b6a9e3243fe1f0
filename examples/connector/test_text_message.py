"""The standard suite for the connector that sends text messages."""

from __future__ import annotations

from typing import Any

from text_message import TextMessageConfig, TextMessageConnector

from minizaps.testing import Answer, Call, ConnectorSuite, Partner


class TestTextMessage(ConnectorSuite):
    entry = (TextMessageConnector, TextMessageConfig)

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"gateway": f"{partner.url}/messages", "to": "+4930123456", "text": "Disk full"}

    def respond(self, call: Call) -> Answer:
        return Answer({"id": f"m-{call.headers['idempotency-key']}"})
