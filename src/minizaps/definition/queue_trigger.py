"""The trigger `queue`: starts a run for each message of a queue."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from minizaps.definition.steps import CredentialName, Model


class QueueTriggerConfig(Model):
    """Where messages come from: either a `queue` of RabbitMQ or a `stream` of Redis."""

    credential: CredentialName = Field(
        description="The credential's name: of the type `amqp` for a queue, `redis` for a stream."
    )
    queue: str | None = Field(
        default=None, min_length=1, max_length=255, description="RabbitMQ: the queue's name."
    )
    stream: str | None = Field(default=None, min_length=1, description="Redis: the stream's key.")
    group: str | None = Field(
        default=None,
        min_length=1,
        description="Redis: the consumer group, which is made if it is not there.",
    )
    start: Literal["all", "new"] = Field(
        default="all",
        description="Redis: whether a group that is made begins with the entries that are there.",
    )
    prefetch: int = Field(
        default=20,
        ge=1,
        le=500,
        description="Messages that a process takes before their runs are on disk, at most.",
    )
    format: Literal["auto", "json", "text", "base64"] = Field(
        default="auto",
        description="What `trigger.body` is made of; `auto` goes by the content type.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> QueueTriggerConfig:
        if (self.queue is None) == (self.stream is None):
            raise ValueError("set exactly one of queue and stream")
        if (self.group is None) != (self.stream is None):
            raise ValueError("set group with stream, and only there")
        if self.start == "new" and self.stream is None:
            raise ValueError("start is for a stream")
        return self
