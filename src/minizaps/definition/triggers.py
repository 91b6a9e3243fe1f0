"""The triggers of a definition: what starts its runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from minizaps.definition.email_trigger import EmailTriggerConfig
from minizaps.definition.poll import PollTriggerConfig
from minizaps.definition.queue_trigger import QueueTriggerConfig
from minizaps.definition.steps import Id, Model
from minizaps.definition.timing import ScheduleTriggerConfig
from minizaps.definition.webhook_trigger import WebhookTriggerConfig


class _AnyTrigger(Model):
    """What every trigger has."""

    id: Id | None = Field(
        default=None, description="Names the trigger; made from its type if left out."
    )


class ManualTrigger(_AnyTrigger):
    """A person or a program starts runs, which is always possible."""

    type: Literal["manual"]


class WebhookTrigger(_AnyTrigger):
    """A URL that starts a run when it is called."""

    type: Literal["webhook"]
    config: WebhookTriggerConfig = Field(
        default_factory=WebhookTriggerConfig, description="See `WebhookTriggerConfig`."
    )


class ScheduleTrigger(_AnyTrigger):
    """Starts runs at certain times."""

    type: Literal["schedule"]
    config: ScheduleTriggerConfig = Field(description="See `ScheduleTriggerConfig`.")


class PollTrigger(_AnyTrigger):
    """Reads a source again and again, and starts a run for each new item in it."""

    type: Literal["poll"]
    config: PollTriggerConfig = Field(description="See `PollTriggerConfig`.")


class QueueTrigger(_AnyTrigger):
    """Starts a run for each message of a queue."""

    type: Literal["queue"]
    config: QueueTriggerConfig = Field(description="See `QueueTriggerConfig`.")


class EmailTrigger(_AnyTrigger):
    """Starts a run for each new mail in a folder of a mailbox."""

    type: Literal["email"]
    config: EmailTriggerConfig = Field(description="See `EmailTriggerConfig`.")


AnyTrigger = Annotated[
    ManualTrigger | WebhookTrigger | ScheduleTrigger | PollTrigger | QueueTrigger | EmailTrigger,
    Field(discriminator="type"),
]
