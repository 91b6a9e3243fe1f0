"""The steps of a definition: those that a connector does, and the engine's own blocks."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic import WithJsonSchema as Schema
from pydantic.config import JsonDict

from minizaps.definition.durations import Duration, Timeout

ID_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
ROOTS = frozenset({"trigger", "steps", "item", "index", "run", "workflow", "error", "callback"})
_WORDS = {"true", "false", "none", "null", "and", "or", "not", "in", "is", "if", "else"}
RESERVED = ROOTS | _WORDS | {"on_failure"}


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
    if isinstance(value, str) and value in RESERVED:
        raise ValueError(f"{value!r} is a reserved word of expressions: take another id")
    return value


Id = Annotated[
    str,
    BeforeValidator(_check_id),
    Field(pattern=ID_PATTERN),
    Schema({"type": "string", "pattern": ID_PATTERN, "not": {"enum": sorted(RESERVED)}}),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
CREDENTIAL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
CredentialName = Annotated[str, Field(pattern=CREDENTIAL_NAME)]
Condition = bool | str


class _AnyStep(Model):
    """What every step has."""

    id: Id | None = Field(
        default=None,
        description="Names the step in expressions and in its path; made from `name` or `type` "
        "when the workflow is saved, if left out.",
    )
    name: Name | None = Field(default=None, description="A title for people.")
    if_: Condition = Field(
        default=True,
        alias="if",
        description="An expression such as `{{ trigger.body.total > 100 }}`; where it gives "
        "false, the step is skipped.",
    )
    on_error: Literal["fail", "continue"] | OnError = Field(
        default="fail",
        description="What happens when the step has failed for good: the run fails, or goes on, "
        "or runs other steps first and goes on.",
    )


class _Attempted(_AnyStep):
    """What a step that makes attempts has beside."""

    retry: RetryChange | None = Field(
        default=None,
        description="When a failed attempt is tried again; what is left out is the connector's.",
    )
    timeout: Timeout | None = Field(default=None, description="How long one attempt may take.")


class Step(_Attempted):
    """One step: `config` is the connector's own; the engine's keys stand beside it."""

    type: str = Field(description="Which connector does the step.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="The connector's fields; strings may hold `{{ ... }}`."
    )
    credential: CredentialName | None = Field(
        default=None, description="The name of the credential that the connector uses."
    )
    until: str | None = Field(
        default=None,
        description="An expression over the output, such as `{{ body.state == 'done' }}`; while "
        "it gives false, the attempt counts as failed and `retry` decides.",
    )


class Foreach(_AnyStep):
    """Runs its steps once for each item of a list."""

    type: Literal["foreach"]
    config: dict[str, Any] = Field(description="See `ForeachConfig`.")
    steps: list[AnyStep] = Field(min_length=1, description="With the roots `item` and `index`.")


class Parallel(_AnyStep):
    """Runs its branches beside each other; goes on when all have ended."""

    type: Literal["parallel"]
    config: dict[str, Any] = Field(default_factory=dict, description="See `ParallelConfig`.")
    branches: list[Branch] = Field(min_length=1, max_length=100)


class Branch(Model):
    """One of several sequences that run beside each other."""

    id: Id = Field(description="Names the branch in the block's result.")
    steps: list[AnyStep] = Field(min_length=1)


class Switch(_AnyStep):
    """Runs the steps of the first case whose `if` is true, else those of `default`."""

    type: Literal["switch"]
    cases: list[Case] = Field(min_length=1, max_length=100)
    default: list[AnyStep] | None = Field(default=None, min_length=1)


class Case(Model):
    """Steps under a condition."""

    if_: Condition = Field(alias="if")
    steps: list[AnyStep] = Field(min_length=1)


class Call(_Attempted):
    """Runs another workflow of the project."""

    type: Literal["workflow"]
    config: dict[str, Any] = Field(description="See `CallConfig`.")


class Wait(_AnyStep):
    """Pauses until its callback URL is called, or until its timeout."""

    type: Literal["wait"]
    config: dict[str, Any] = Field(default_factory=dict, description="See `WaitConfig`.")
    steps: list[AnyStep] | None = Field(
        default=None,
        min_length=1,
        description="Run first, with the root `callback`: they send the URL to whoever answers.",
    )


class OnError(Model):
    """Steps that run when a step has failed for good, with the root `error`."""

    steps: list[AnyStep] = Field(min_length=1)


def _tag(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) and kind in BLOCKS else "step"


AnyStep = Annotated[
    Annotated[Step, Tag("step")]
    | Annotated[Foreach, Tag("foreach")]
    | Annotated[Parallel, Tag("parallel")]
    | Annotated[Switch, Tag("switch")]
    | Annotated[Call, Tag("workflow")]
    | Annotated[Wait, Tag("wait")],
    Discriminator(_tag),
]


class ForeachConfig(Model):
    """The list, and how it is gone through."""

    items: list[Any] = Field(
        max_length=10_000, description="The list: an expression that gives one, or a list."
    )
    concurrency: int = Field(
        default=1, ge=1, le=100, description="How many items are under way at a time."
    )
    on_item_error: Literal["fail", "continue"] = Field(
        default="fail",
        description="`fail`: the first item that fails ends the others and fails the step. "
        '`continue`: its result is `{"error": ...}` and the others go on.',
    )


class ParallelConfig(Model):
    """What a failing branch does to the others."""

    on_branch_error: Literal["fail", "continue"] = Field(
        default="fail",
        description="`fail`: the first branch that fails ends the others and fails the step. "
        '`continue`: its result is `{"error": ...}` and the others go on.',
    )


class SwitchConfig(Model):
    """A switch has no fields."""


# Marks a field of a config that takes no expression.
FIXED: JsonDict = {"template": False}


def fixed_fields(model: type[BaseModel]) -> list[str]:
    """The fields of a config that are marked with `FIXED`, as they are written."""
    return [
        field.alias or name
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("template") is False
    ]


class CallConfig(Model):
    """Which workflow, with what, and whether to wait for it."""

    workflow: str = Field(
        min_length=1,
        max_length=200,
        description="The workflow's name; no expression.",
        json_schema_extra=FIXED,
    )
    input: Any = Field(default=None, description="Its input, there `trigger.body`.")
    wait: bool = Field(
        default=True, description="Whether the step waits for the run's end and has its output."
    )


class WaitConfig(Model):
    """How long to wait, and for what."""

    timeout: Timeout | None = Field(
        default=None, description="How long to wait; then the step fails with `wait_timeout`."
    )
    approve: bool = Field(
        default=False,
        description="Ask a person: `callback` has two links, `approve_url` and `reject_url`, "
        "each with a page and a button.",
    )
    message: str | None = Field(
        default=None,
        max_length=2000,
        pattern=r"^[^\x00]*$",
        description="What the page says, for whoever is asked.",
    )
    secret: CredentialName | None = Field(
        default=None,
        description="The credential, of the type `hmac`, whose secret signs the call (Standard "
        "Webhooks).",
        json_schema_extra=FIXED,
    )

    @model_validator(mode="after")
    def _no_signed_page(self) -> WaitConfig:
        if self.approve and self.secret:
            raise ValueError("a person who clicks signs nothing: set one of approve and secret")
        return self


class Takes(NamedTuple):
    """Which credentials a step type takes, by their types, and whether it needs one."""

    types: tuple[str, ...]
    required: bool


# The engine's own step types, and the models of their `config`.
BLOCKS: dict[str, type[Model]] = {
    "foreach": ForeachConfig,
    "parallel": ParallelConfig,
    "switch": SwitchConfig,
    "workflow": CallConfig,
    "wait": WaitConfig,
}

for _model in (Step, Foreach, Parallel, Branch, Switch, Case, Call, Wait, OnError):
    _model.model_rebuild()
