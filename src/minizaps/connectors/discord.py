"""The `discord` connector."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.json_calls import read_object, send_json
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.responses import status_error
from minizaps.credentials.types import DiscordWebhook
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError, CredentialRefused


class DiscordConfig(ConnectorConfig):
    """The message: `content`, `embeds`, or both."""

    content: str | None = Field(
        default=None, min_length=1, max_length=2000, description="The message in Markdown."
    )
    embeds: list[dict[str, Any]] | None = Field(
        default=None, min_length=1, max_length=10, description="Embeds, as Discord describes them."
    )
    username: str | None = Field(
        default=None, min_length=1, max_length=80, description="The name that is shown as sender."
    )
    thread_id: str | None = Field(
        default=None, pattern=r"^\d+$", description="The thread of the channel to post to."
    )
    mentions: bool = Field(
        default=False, description="Whether `@everyone`, roles and people in the text are notified."
    )

    @model_validator(mode="after")
    def _says_something(self) -> DiscordConfig:
        if self.content is None and self.embeds is None:
            raise ValueError("set content, embeds or both")
        return self


class DiscordConnector(BaseConnector[DiscordConfig]):
    """Posts a message to a channel of Discord, by its webhook.

    The output is `{"message_id", "channel_id"}`.

    A webhook has no key by which Discord knows a message again, so an attempt that was cut off is
    not repeated. One that Discord answered with an error of its own (5xx) is, and so is one whose
    connection broke: then the message may come twice.
    """

    timeout = 60.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=60, jitter=True)
    credential = (DiscordWebhook,)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        message = config.model_dump(exclude={"thread_id", "mentions"}, exclude_none=True)
        if not config.mentions:
            message["allowed_mentions"] = {"parse": []}
        query = {"wait": "true"}  # for the message's id, and for its errors
        if config.thread_id is not None:
            query["thread_id"] = config.thread_id
        webhook = context.opened(DiscordWebhook).url.get_secret_value()
        response = await send_json(context, "POST", webhook, message, query=query)
        if response.status != 200:
            raise _error(context, response)
        answer = read_object(response)
        return {"message_id": answer.get("id"), "channel_id": answer.get("channel_id")}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        """See `BaseConnector`."""
        webhook = context.opened(DiscordWebhook).url.get_secret_value()
        response = await send_json(context, "GET", webhook)
        if response.status != 200:
            raise _error(context, response)
        return f"Discord has the webhook {read_object(response).get('name')!r}"


def _error(context: Context, response: HttpResponse) -> ConnectorError:
    answer = read_object(response)
    reason = str(answer.get("message", ""))
    # 10015: unknown webhook; 50027: invalid webhook token.
    if response.status == 401 or answer.get("code") in (10015, 50027):
        return CredentialRefused(f"Discord does not accept the webhook: {reason}", details=answer)
    error = status_error(response, context.now(), context.credential, reason)
    asked = answer.get("retry_after")
    if response.status == 429 and isinstance(asked, int | float):
        error.retry_after = float(asked)
    return error
