"""The definition format: what an author writes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from minizaps.definition.durations import Timeout
from minizaps.definition.steps import AnyStep, Model, Name
from minizaps.definition.triggers import AnyTrigger

MOST_STEPS = 500
LARGEST_DEFINITION = 256 * 1024
KEY = "An expression over `trigger` whose value tells runs apart; if left out, all are one."


class Concurrency(Model):
    """How many runs of the workflow, or of one key, may be under way at a time."""

    key: str | None = Field(default=None, description=KEY)
    limit: int = Field(ge=1, le=10_000, description="Runs under way, waits included.")
    on_limit: Literal["queue", "skip", "cancel_running"] = Field(
        default="queue",
        description="`queue`: a further run waits for its turn. `skip`: it is cancelled at once. "
        "`cancel_running`: the oldest one under way is cancelled for it.",
    )


class Rate(Model):
    """How many runs may start in a time; further ones start later."""

    limit: int = Field(ge=1, le=1000, description="Starts in any span of `per`.")
    per: Timeout = Field(description="The span.")
    key: str | None = Field(default=None, description=KEY)


class Debounce(Model):
    """Of runs that come in quick succession only the last one starts."""

    key: str | None = Field(default=None, description=KEY)
    for_: Timeout = Field(
        alias="for",
        description="How long nothing has to come; each further run cancels the one before.",
    )

    @field_validator("for_")
    @classmethod
    def _not_for_ever(cls, value: float) -> float:
        if value > 86_400:
            raise ValueError("a day at most")
        return value


class Definition(Model):
    """A workflow as its author writes it."""

    name: Name = Field(
        pattern=r"^[^/\x00-\x1f]*$", description="The workflow's name, once in a project; no `/`."
    )
    description: str | None = Field(default=None, max_length=10_000)
    triggers: list[AnyTrigger] = Field(default_factory=list, max_length=50)
    input_schema: dict[str, Any] | bool | None = Field(
        default=None,
        description="A JSON Schema (2020-12) that the input, `trigger.body`, must meet.",
    )
    timeout: Timeout | None = Field(
        default=None, description="How long a run may take, waits included."
    )
    priority: int = Field(
        default=0,
        ge=-100,
        le=100,
        description="Of the project's runs that wait for a free worker, those of the highest "
        "priority go first.",
    )
    concurrency: Concurrency | None = Field(
        default=None, description="How many runs may be under way at a time."
    )
    rate: Rate | None = Field(default=None, description="How many runs may start in a time.")
    debounce: Debounce | None = Field(
        default=None, description="Whether runs in quick succession become one."
    )
    steps: list[AnyStep] = Field(min_length=1, description="The steps, in their order.")
    on_failure: list[AnyStep] | None = Field(
        default=None,
        min_length=1,
        description="Steps that run when the run has failed, with the root `error`; it fails "
        "afterwards all the same.",
    )
