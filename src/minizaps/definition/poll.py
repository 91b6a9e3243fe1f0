"""The trigger `poll`: reads a source again and again, and starts a run for each new item."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from minizaps.definition.durations import Duration
from minizaps.definition.expressions import Reference, compile_template, compile_value
from minizaps.definition.problems import suggest
from minizaps.definition.steps import CredentialName
from minizaps.definition.timing import Timing
from minizaps.definition.tree import JsonObject
from minizaps.errors import ExpressionSyntaxError, Problem

SHORTEST = 10  # seconds
MOST_ITEMS = 1000


class PollDefaults(NamedTuple):
    """How a connector's output is read as a list of items: expressions, as in `PollTriggerConfig`.

    Attributes:
        items: the list, over the output.
        id: what tells an item from all others, over `item`.
        cursor: how far the source has been read, over the output, `items` and the last `cursor`.
    """

    items: str | None = None
    id: str | None = None
    cursor: str | None = None


class PollTriggerConfig(Timing):
    """What a poll reads, how often, and what is new in it."""

    every: Annotated[Duration, Field(ge=SHORTEST)] | None = Field(
        default=None, description=f"The time between two looks, {SHORTEST} s or more."
    )
    type: str = Field(description="The type of the step that reads the source.")
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="Its config; expressions see `cursor`, null at the first look.",
    )
    credential: CredentialName | None = Field(default=None, description="Its credential's name.")
    items: str | None = Field(
        default=None,
        description="An expression over the output that gives the list of items, "
        "`{{ body.items }}`; some step types have their own.",
    )
    id: str | None = Field(
        default=None,
        description="An expression over `item` that tells one from all others, `{{ item.id }}`; "
        "some step types have their own.",
    )
    cursor: str | None = Field(
        default=None,
        description="An expression over the output, `items` and the last `cursor` that gives the "
        "next look's `cursor`.",
    )
    start: Literal["new", "all"] = Field(
        default="new",
        description="Whether the items of the first look are only remembered, or start runs.",
    )
    max_items: int = Field(
        default=100,
        ge=1,
        le=MOST_ITEMS,
        description="Runs that a look starts at most; the rest follow at the next, at once.",
    )

    def reading(self, defaults: PollDefaults) -> PollDefaults:
        """The expressions that count: the trigger's own, else the connector's."""
        own = (self.items, self.id, self.cursor)
        return PollDefaults(
            *(a if a is not None else b for a, b in zip(own, defaults, strict=True))
        )


def poll_problems(
    config: JsonObject,
    here: str,
    known: Iterable[str],
    polls: Mapping[str, PollDefaults],
) -> list[Problem]:
    """What is wrong with a poll beside its fields, its step's config and its credential.

    Args:
        config: the trigger's, as JSON.
        here: its pointer.
        known: all step types.
        polls: the step types that may be polled.
    """
    kind = config.get("type")
    if not isinstance(kind, str) or kind not in known:
        return []  # the fields say so
    if kind not in polls:
        hint = suggest(kind, polls) or f": these can: {', '.join(sorted(polls))}"
        detail = f"{kind!r} cannot be polled: it does not read, or may not be repeated{hint}"
        return [Problem(f"{here}/type", detail)]
    problems = list[Problem]()
    for name, default in polls[kind]._asdict().items():
        source = config.get(name)
        if source is None and default is None and name != "cursor":
            problems.append(Problem(f"{here}/{name}", f"is required: {_WANTED[name]}"))
        elif isinstance(source, str):
            problems += _expression(source, f"{here}/{name}", _seen_by(name))
    compiled = compile_value(config.get("config", {}), [], f"{here}/config")
    for pointer, reference in () if compiled is None else compiled.references:
        if reference.path[0] != "cursor":
            problems.append(Problem(pointer, _stranger(reference, "cursor")))
    return problems


_WANTED = {
    "items": "an expression over the output that gives the list, such as {{ body.items }}",
    "id": "an expression that tells one item from another, such as {{ item.id }}",
}


def _seen_by(name: str) -> Callable[[Reference], str | None]:
    """What is wrong with a reference of `id`, of `items` or of `cursor`."""
    if name == "id":
        return lambda r: None if r.path[0] == "item" else _stranger(r, "item")
    strangers = {"trigger", "steps", "run", "workflow", "item", "index", "error"}
    return lambda r: _stranger(r, "the output") if r.path[0] in strangers else None


def _stranger(reference: Reference, there: str) -> str:
    at = f"(line {reference.line}, column {reference.column})"
    return f"{str(reference.path[0])!r} is not there when a source is read: only {there} is {at}"


def _expression(
    source: str, pointer: str, wrong: Callable[[Reference], str | None]
) -> list[Problem]:
    try:
        template = compile_template(source)
    except ExpressionSyntaxError as error:
        return [Problem(pointer, error.problems[0].detail)]
    if template.static:
        return [Problem(pointer, "is no expression: write it as {{ ... }}")]
    found = (wrong(reference) for reference in template.references)
    return [Problem(pointer, detail) for detail in found if detail is not None]
