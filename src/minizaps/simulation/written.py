"""The format of a test file: what an author writes beside a workflow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from minizaps.connectors.delay import Timestamp
from minizaps.definition.durations import Duration
from minizaps.definition.steps import Model, Name
from minizaps.simulation.matching import check_markers

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PASSING = frozenset({"network", "timeout"})

Object = dict[str, Any]


def _checked(value: Any) -> Any:
    check_markers(value)
    return value


Expected = Annotated[Any, BeforeValidator(_checked), WithJsonSchema({})]
ExpectedParts = Annotated[Object, BeforeValidator(_checked), WithJsonSchema({"type": "object"})]
Path = Annotated[str, Field(min_length=1)]
RunStatus = Literal["succeeded", "failed", "cancelled", "refused"]
StepOutcome = Literal[
    "succeeded", "failed", "caught", "skipped", "cancelled", "interrupted", "waiting"
]


class MockError(Model):
    """How a mocked attempt fails."""

    type: str = Field(min_length=1, description="The error's type, such as `network`.")
    message: str = Field(default="a mocked error", description="The error's message.")
    retryable: bool = Field(
        default_factory=lambda data: data.get("type") in PASSING,
        description="Whether a later attempt may succeed; if left out, true for `network` and "
        "`timeout`, false for all others.",
    )
    retry_after: Duration | None = Field(
        default=None, description="How long the other side asks to wait."
    )
    details: Object = Field(default_factory=dict, description="More facts, at `error.details`.")


class Mock(Model):
    """What a step gives in place of what it would do: exactly one of `output` and `error`."""

    output: Object | list[Any] | None = Field(
        default=None,
        description="The step's output, an object; of a `workflow` step, the called run's output, "
        "which the step has at `output`, beside `run_id`.",
    )
    error: MockError | None = Field(
        default=None,
        description="How the attempt fails; of a `workflow` step, how the called run has failed.",
    )
    takes: Duration = Field(
        default=0.0,
        description="How long the attempt takes; more than the step's `timeout` makes it fail.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Mock:
        if (self.output is None) == (self.error is None):
            raise ValueError("give exactly one of output and error")
        return self


class Answer(Model):
    """What somebody says to a `wait` step."""

    after: Duration = Field(default=0.0, description="How long after the step's start.")
    approved: bool | None = Field(
        default=None, description="Of a step that asks for approval: approved, or rejected."
    )
    by: str | None = Field(default=None, description="Who has decided.")
    comment: str | None = Field(default=None, description="What they say about it.")
    body: Any = Field(
        default=None, description="Of a step that waits for a call: the call's JSON body."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Answer:
        if self.approved is not None and self.body is not None:
            raise ValueError("give approved where the step asks for approval, else body")
        if self.approved is None and (self.by is not None or self.comment is not None):
            raise ValueError("by and comment belong to an approval: give approved too")
        return self


class Start(Model):
    """What starts the run, as the root `trigger` shows it."""

    type: Literal["webhook", "manual", "schedule", "poll"] = Field(
        default="webhook", description="The trigger's type."
    )
    id: str | None = Field(
        default=None,
        description="The trigger's id; if left out, that of the workflow's first trigger of the "
        "type.",
    )
    body: Any = Field(default=None, description="`trigger.body`, the run's input.")
    headers: dict[str, str] = Field(
        default_factory=dict, description="`trigger.headers`; their names in small letters."
    )
    query: dict[str, str | list[str]] = Field(default_factory=dict, description="`trigger.query`.")


class ExpectedStep(Model):
    """What is expected of a step; what is left out is not looked at."""

    status: StepOutcome | None = Field(
        default=None,
        description="`caught`: it failed and its `on_error` took over; `failed`: it failed "
        "without one; `cancelled`, `interrupted`: what failed beside it ended it.",
    )
    attempts: int | None = Field(default=None, ge=0, description="How many were made.")
    input: Expected = Field(
        default=None,
        description="The last attempt's config with its expressions computed: at least what is "
        "written here.",
    )
    output: Expected = Field(default=None, description="The output, exactly.")
    error: ExpectedParts | None = Field(
        default=None, description="The last attempt's error: at least what is written here."
    )


class Expect(Model):
    """What is expected of the run; what is left out is not looked at, but for `status`."""

    status: RunStatus | None = Field(
        default=None,
        description="How the run ends; if left out, `failed` where an `error` is expected, else "
        "`succeeded`. `refused`: the input does not meet the `input_schema`, and no run starts.",
    )
    output: Expected = Field(default=None, description="The run's output, exactly.")
    error: ExpectedParts | None = Field(
        default=None,
        description="The run's error, such as its `type`, `message` and `step`: at least what is "
        "written here.",
    )
    took: Duration | None = Field(
        default=None, description="How long the run took in virtual time, to a tenth of a second."
    )
    steps: dict[Path, ExpectedStep] = Field(
        default_factory=dict, description="Steps by their names, and what is expected of each."
    )
    order: list[Path] = Field(
        default_factory=list,
        description="These steps started in this order; others may have started between them.",
    )
    calls: dict[Path, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description="How many attempts were made of a step, or of all that a name stands for.",
    )
    never: list[Path] = Field(default_factory=list, description="These steps did not start.")


Attempts = Annotated[
    Annotated[Mock, Tag("a mock")] | Annotated[list[Mock], Field(min_length=1), Tag("a list")],
    Discriminator(lambda given: "a list" if isinstance(given, list) else "a mock"),
]
Mocks = dict[Path, Attempts]
Answers = dict[Path, Answer | None]
MOCKS = (
    "What steps give instead of being executed, by their names. A list has an entry for each "
    "attempt; its last one holds for all that follow."
)
ANSWERS = "Who answers which `wait` step; nobody answers one that is left out, or null."


class Scenario(Model):
    """One test: a run, and what is expected of it."""

    name: Name = Field(description="What the test shows, as a sentence.")
    trigger: Start | None = Field(default=None, description="What starts the run.")
    input: Any = Field(
        default=None,
        description="In place of `trigger`: the input of a run that is started by hand.",
    )
    now: Timestamp | None = Field(
        default=None, description="Where the virtual clock begins; if left out, as for all tests."
    )
    mocks: Mocks = Field(default_factory=dict, description=MOCKS)
    answers: Answers = Field(default_factory=dict, description=ANSWERS)
    expect: Expect = Field(default_factory=Expect, description="What the run has to do.")

    @model_validator(mode="after")
    def _one_start(self) -> Scenario:
        if self.trigger is not None and "input" in self.model_fields_set:
            raise ValueError("give one of trigger and input")
        return self


class Suite(Model):
    """The tests of one workflow."""

    schema_: str | None = Field(
        default=None, alias="$schema", description="The URL of this format's schema, for editors."
    )
    workflows: list[str] = Field(
        default_factory=list,
        description="Files of workflows that this one calls, beside this file: they are run too. "
        "The others have to be mocked.",
    )
    now: Timestamp = Field(
        default=BEGIN, description="Where the virtual clock begins in every test."
    )
    mocks: Mocks = Field(
        default_factory=dict,
        description="Mocks for every test; a test's own one of the same name goes first.",
    )
    answers: Answers = Field(
        default_factory=dict,
        description="Answers for every test; a test's own one of the same name goes first.",
    )
    tests: list[Scenario] = Field(min_length=1, description="The tests.")
