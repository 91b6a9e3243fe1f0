"""Walking over the steps of a definition as JSON, which may still be wrong in any way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

JsonObject = dict[str, Any]


class Sequence(NamedTuple):
    """A list of steps inside a step, or of the whole definition.

    Attributes:
        pointer: from the step, or the definition, that has it.
        role: `steps`, `branch`, `case`, `on_error` or `on_failure`.
    """

    pointer: str
    role: str
    steps: Any


def sequences(step: JsonObject) -> Iterator[Sequence]:
    """The lists of steps inside a step, in the order in which they may run."""
    if isinstance(step.get("steps"), list):
        yield Sequence("/steps", "steps", step["steps"])
    for key, role in (("branches", "branch"), ("cases", "case")):
        for index, part in enumerate(_list(step.get(key))):
            if isinstance(part, dict):
                yield Sequence(f"/{key}/{index}/steps", role, part.get("steps"))
    if isinstance(step.get("default"), list):
        yield Sequence("/default", "case", step["default"])
    on_error = step.get("on_error")
    if isinstance(on_error, dict):
        yield Sequence("/on_error/steps", "on_error", on_error.get("steps"))


def walk(definition: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Every step with its pointer, nested ones too, in the order of the text."""
    for key in ("steps", "on_failure"):
        yield from _walk(definition.get(key), f"/{key}")


def _walk(steps: Any, pointer: str) -> Iterator[tuple[str, JsonObject]]:
    for here, step in members(steps, pointer):
        yield here, step
        for sequence in sequences(step):
            yield from _walk(sequence.steps, here + sequence.pointer)


def members(steps: Any, pointer: str) -> Iterator[tuple[str, JsonObject]]:
    """The steps of a list, with their pointers."""
    for index, step in enumerate(_list(steps)):
        if isinstance(step, dict):
            yield f"{pointer}/{index}", step


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
