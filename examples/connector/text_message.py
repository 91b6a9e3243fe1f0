"""A connector that sends a text message through a gateway with an HTTP API."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import Field

from minizaps import (
    BaseConnector,
    ConnectorConfig,
    ConnectorError,
    Context,
    RetryPolicy,
    WorkflowEngine,
)
from minizaps.connectors.responses import read_body


class TextMessageConfig(ConnectorConfig):
    """Where the message goes."""

    gateway: str = Field(description="The gateway's address, with http:// or https://.")
    to: str = Field(pattern=r"^\+\d{6,15}$", description="The number, such as +4930123456.")
    text: str = Field(min_length=1, max_length=160, description="The message.")


class TextMessageConnector(BaseConnector[TextMessageConfig]):
    """Sends a text message. The output is `{"message_id"}`, the gateway's id."""

    idempotent = True  # the gateway sends a message once for each key
    retry = RetryPolicy(max_attempts=4, delay=1)

    async def execute(self, context: Context) -> dict[str, Any]:
        response = await context.http.request(
            "POST",
            self.config.gateway,
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": context.idempotency_key,
            },
            body=orjson.dumps({"to": self.config.to, "text": self.config.text}),
            timeout=10,
        )
        if response.status >= 400:
            raise ConnectorError(
                f"the gateway answered {response.status}",
                type="gateway",
                retryable=response.status == 429 or response.status >= 500,
            )
        match read_body(response)["body"]:
            case {"id": message_id}:
                return {"message_id": message_id}
        raise ConnectorError("the gateway's answer has no id", type="gateway")


WorkflowEngine.CONNECTOR_MAP["text_message"] = (TextMessageConnector, TextMessageConfig)
