"""The definition format: what an author writes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from minizaps.definition.durations import Duration, Timeout

ID_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
RESERVED_ROOTS = frozenset(
    {"trigger", "steps", "item", "index", "run", "workflow", "error"}
    | {"true", "false", "none", "null", "and", "or", "not", "in", "is", "if", "else"}
)
MOST_STEPS = 500
LARGEST_DEFINITION = 256 * 1024


class Model(BaseModel):
    """A part of a definition. Unknown keys are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=False, hide_input_in_errors=True
    )


class RetryPolicy(Model):
    """How often, and after which waits, a failed attempt is tried again."""

    max_attempts: int = Field(default=3, ge=1, le=100, description="Attempts in all.")
    delay: Duration = Field(default=2.0, description="The longest first wait.")
    backoff: float = Field(default=2.0, ge=1, le=10, description="Each wait's growth.")
    max_delay: Duration = Field(default=600.0, description="No wait is drawn from beyond this.")
    jitter: bool = Field(
        default=True, description="Draw each wait evenly from 0 to its length (full jitter)."
    )


class RetryChange(Model):
    """The parts of the connector's retry policy that a step replaces."""

    max_attempts: int | None = Field(default=None, ge=1, le=100, description="Attempts in all.")
    delay: Duration | None = Field(default=None, description="The longest first wait.")
    backoff: float | None = Field(default=None, ge=1, le=10, description="Each wait's growth.")
    max_delay: Duration | None = Field(
        default=None, description="No wait is drawn from beyond this."
    )
    jitter: bool | None = Field(
        default=None, description="Draw each wait evenly from 0 to its length (full jitter)."
    )


def _check_id(value: Any) -> Any:
    if isinstance(value, str) and value in RESERVED_ROOTS:
        raise ValueError(f"{value!r} is a reserved word of expressions: take another id")
    return value


Id = Annotated[
    str,
    BeforeValidator(_check_id),
    Field(pattern=ID_PATTERN),
    WithJsonSchema(
        {"type": "string", "pattern": ID_PATTERN, "not": {"enum": sorted(RESERVED_ROOTS)}}
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Step(Model):
    """One step: `config` is the connector's own; the engine's keys stand beside it."""

    id: Id | None = Field(
        default=None,
        description="Names the step in expressions and in its path; made from `name` or `type` "
        "when the workflow is saved, if left out.",
    )
    name: Name | None = Field(default=None, description="A title for people.")
    type: str = Field(description="Which connector does the step.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="The connector's fields; strings may hold `{{ ... }}`."
    )
    if_: bool | str = Field(
        default=True,
        alias="if",
        description="An expression such as `{{ trigger.body.total > 100 }}`; where it gives "
        "false, the step is skipped.",
    )
    retry: RetryChange | None = Field(
        default=None,
        description="When a failed attempt is tried again; what is left out is the connector's.",
    )
    timeout: Timeout | None = Field(default=None, description="How long one attempt may take.")
    on_error: Literal["fail", "continue"] | OnError = Field(
        default="fail",
        description="What happens when the step has failed for good: the run fails, or goes on, "
        "or runs other steps first and goes on.",
    )


class OnError(Model):
    """Steps that run when a step has failed for good, with the root `error`."""

    steps: list[Step] = Field(min_length=1)


class WebhookTriggerConfig(Model):
    """An inbound hook. It has no fields yet."""


class Trigger(Model):
    """What starts runs."""

    id: Id | None = Field(
        default=None, description="Names the trigger; made from its type if left out."
    )
    type: Literal["webhook", "manual"] = Field(
        description="`webhook`: a URL that starts a run when it is called. `manual`: a person "
        "or a program starts it, which is always possible."
    )
    config: WebhookTriggerConfig = Field(default_factory=WebhookTriggerConfig)


class Definition(Model):
    """A workflow as its author writes it."""

    name: Name = Field(
        pattern=r"^[^/\x00-\x1f]*$", description="The workflow's name, once in a project; no `/`."
    )
    description: str | None = Field(default=None, max_length=10_000)
    triggers: list[Trigger] = Field(default_factory=list, max_length=50)
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
    steps: list[Step] = Field(min_length=1, description="The steps, in their order.")
