"""The trigger `email`: starts a run for each new mail in a folder of a mailbox."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from minizaps.definition.steps import CredentialName, Model


class EmailTriggerConfig(Model):
    """Which folder, and what is done with its mails."""

    credential: CredentialName = Field(
        description="The name of the mailbox's credential, of the type `imap`."
    )
    folder: str = Field(
        default="INBOX",
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="The folder.",
    )
    start: Literal["new", "all"] = Field(
        default="new",
        description="Whether the mails that are there at first are only remembered, or start runs.",
    )
    mark: Literal["none", "seen"] = Field(
        default="none", description="Whether mails that have started runs become seen."
    )
    max_attachment_bytes: int = Field(
        default=65_536,
        ge=0,
        le=262_144,
        description="Of each mail, how many bytes of attachments are in `trigger.body`.",
    )
