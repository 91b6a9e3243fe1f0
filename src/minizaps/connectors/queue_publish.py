"""The `queue_publish` connector."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
from pydantic import ConfigDict, Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.extras import load
from minizaps.connectors.request_rules import bad_request
from minizaps.credentials.types import Amqp, Redis
from minizaps.definition.steps import RetryPolicy

LONGEST_ID = 255  # bytes of a message's id in AMQP


class QueuePublishConfig(ConnectorConfig):
    """The message and where it goes: exactly one of `queue`, `exchange` and `stream`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    queue: str | None = Field(
        default=None, min_length=1, max_length=255, description="RabbitMQ: the queue's name."
    )
    exchange: str | None = Field(
        default=None, min_length=1, max_length=255, description="RabbitMQ: the exchange's name."
    )
    routing_key: str = Field(
        default="", max_length=255, description="RabbitMQ: the routing key, for an exchange."
    )
    stream: str | None = Field(default=None, min_length=1, description="Redis: the stream's key.")
    maxlen: int = Field(
        default=100_000,
        ge=1,
        description="Redis: about how many entries the stream keeps; the oldest go.",
    )
    json_: Any = Field(default=None, alias="json", description="The message as JSON: any value.")
    text: str | None = Field(default=None, description="The message as text.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="RabbitMQ: headers; Redis: further fields of the entry."
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> QueuePublishConfig:
        if sum(place is not None for place in (self.queue, self.exchange, self.stream)) != 1:
            raise ValueError("set exactly one of queue, exchange and stream")
        if self.has_json == (self.text is not None):
            raise ValueError("set exactly one of json and text")
        if self.routing_key and self.exchange is None:
            raise ValueError("routing_key is for an exchange")
        return self

    @property
    def has_json(self) -> bool:
        return "json_" in self.model_fields_set


class QueuePublishConnector(BaseConnector[QueuePublishConfig]):
    """Publishes a message to RabbitMQ, or adds one to a stream of Redis.

    The output is `{"message_id"}`, and for a stream also `{"entry_id"}`. The message's id is the
    same for every attempt of this step in this run, so that consumers can drop what comes twice.

    RabbitMQ: the message is persistent, and the step succeeds when the broker has confirmed that a
    queue has it; a message that no queue takes is an error. Redis: the entry has the fields
    `message_id`, `content_type` and `body`.
    """

    idempotent = True
    timeout = 90.0
    retry = RetryPolicy(max_attempts=5, delay=1, backoff=3, max_delay=300, jitter=True)
    credential = (Amqp, Redis)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        key = context.idempotency_key
        message_id = key if len(key) <= LONGEST_ID else sha256(key.encode()).hexdigest()
        body, content_type = _body(config)
        if config.stream is None:
            await self._to_rabbitmq(context, message_id, body, content_type)
            return {"message_id": message_id}
        own = {"message_id": message_id, "content_type": content_type, "body": body}
        fields = [part for field in {**config.headers, **own}.items() for part in field]
        limit = ("MAXLEN", "~", config.maxlen)
        entry = await _redis(context, "XADD", config.stream, *limit, "*", *fields)
        return {"message_id": message_id, "entry_id": entry.decode()}

    async def _to_rabbitmq(
        self, context: Context, message_id: str, body: bytes, content_type: str
    ) -> None:
        config = self.config
        url = context.opened(Amqp).url.get_secret_value()
        client = load("amqp_client", "rabbitmq")
        message = client.Message(
            body,
            headers=dict(config.headers),
            content_type=content_type,
            delivery_mode=2,  # persistent
            message_id=message_id,
            timestamp=context.now(),
        )
        key = config.routing_key if config.queue is None else config.queue
        await client.publish(url, context.dial, config.exchange or "", key, message)

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        if isinstance(context.credential, Redis):
            await _redis(context, "PING")
            return "connected, and asked for PING"
        url = context.opened(Amqp).url.get_secret_value()
        async with load("amqp_client", "rabbitmq").open_channel(url, context.dial):
            return "connected, and opened a channel"


async def _redis(context: Context, command: str, *arguments: Any) -> Any:
    url = context.opened(Redis).url.get_secret_value()
    call = load("redis_client", "redis").call
    return await call(url, context.dial, command, *arguments, repeatable=True)


def _body(config: QueuePublishConfig) -> tuple[bytes, str]:
    try:
        if config.has_json:
            return orjson.dumps(config.json_), "application/json"
        return (config.text or "").encode(), "text/plain; charset=utf-8"
    except (TypeError, ValueError) as error:  # lone surrogates, numbers beyond 64 bits
        raise bad_request(f"the message cannot be sent: {error}") from error
