"""A workflow as an outline: rows inside rows, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from minizaps.definition.graph.words import BY_HAND, condition, facts, limits, one_line, title
from minizaps.definition.tree import JsonObject

Kind = Literal["trigger", "step", "way", "error"]


@dataclass(frozen=True)
class Row:
    """A step, or one of the ways that lead on from it.

    Attributes:
        kind: what it is; a `way` is a branch, a case, or what runs before a wait.
        label: the id of a trigger or a step; else what the way is.
        type: of a trigger or a step.
        name: a step's title for people.
        condition: what has to be true for the step to run.
        facts: what else is worth knowing.
        rows: what is inside.
    """

    kind: Kind
    label: str
    type: str = ""
    name: str = ""
    condition: str | None = None
    facts: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Outline:
    """A whole workflow."""

    name: str
    description: str
    limits: tuple[str, ...]
    triggers: tuple[Row, ...]
    steps: tuple[Row, ...]
    on_failure: tuple[Row, ...]


def outline(definition: JsonObject) -> Outline:
    """The outline of a definition that has been checked.

    Args:
        definition: as it is stored, with an id for every step and trigger.
    """
    return Outline(
        one_line(definition["name"]),
        one_line(definition.get("description") or ""),
        tuple(limits(definition)),
        tuple(_triggers(definition)),
        _rows(definition["steps"]),
        _rows(definition.get("on_failure")),
    )


def _triggers(definition: JsonObject) -> Iterator[Row]:
    for trigger in definition.get("triggers") or ():
        yield Row("trigger", trigger["id"], trigger["type"])
    if not definition.get("triggers"):
        yield Row("trigger", BY_HAND)


def _rows(steps: Any) -> tuple[Row, ...]:
    return tuple(map(_row, steps or ()))


def _row(step: JsonObject) -> Row:
    on_error = step.get("on_error", "fail")
    going_on = ("goes on if it fails",) if on_error == "continue" else ()
    return Row(
        "step",
        step["id"],
        one_line(step["type"]),
        title(step),
        condition(step),
        (*facts(step), *going_on),
        (*_inside(step), *_after_error(on_error)),
    )


def _inside(step: JsonObject) -> Iterator[Row]:
    match step["type"]:
        case "foreach":
            yield from _rows(step["steps"])
        case "parallel":
            for branch in step["branches"]:
                yield Row("way", branch["id"], rows=_rows(branch["steps"]))
        case "switch":
            for case in step["cases"]:
                yield Row("way", f"if {condition(case) or 'true'}", rows=_rows(case["steps"]))
            if step.get("default"):
                yield Row("way", "else", rows=_rows(step["default"]))
        case "wait" if step.get("steps"):
            yield Row("way", "before it waits", rows=_rows(step["steps"]))


def _after_error(on_error: Any) -> Iterator[Row]:
    if isinstance(on_error, dict):
        yield Row("error", "on error", rows=_rows(on_error["steps"]))
