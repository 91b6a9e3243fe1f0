"""Checks a definition when it is saved: all problems at once, each with its JSON pointer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from minizaps.definition.expressions import Reference, compile_condition, compile_value
from minizaps.definition.input_schema import schema_problems
from minizaps.definition.problems import suggest, validation_problems
from minizaps.definition.strict_json import check_json
from minizaps.definition.workflow import (
    LARGEST_DEFINITION,
    MOST_STEPS,
    RESERVED_ROOTS,
    Definition,
)
from minizaps.errors import DefinitionInvalid, ExpressionSyntaxError, JsonInvalid, Problem

ConfigModels = Mapping[str, type[BaseModel]]
JsonObject = dict[str, Any]

_ROOTS = frozenset({"trigger", "steps", "run", "workflow"})


def check_definition(raw: Any, config_models: ConfigModels) -> JsonObject:
    """The definition as it is stored: checked, with an id for every step and trigger.

    Args:
        raw: the definition as JSON.
        config_models: the config model of each step type.

    Raises:
        DefinitionInvalid: with every problem.
    """
    if problems := _limit_problems(raw):
        raise DefinitionInvalid(problems)
    definition = _with_ids(raw)
    try:
        Definition.model_validate(definition)
    except ValidationError as error:
        problems += validation_problems(error, Definition, definition)
    problems += _Checker(config_models).check(definition)
    if problems:
        raise DefinitionInvalid(sorted(set(problems), key=lambda p: _order(p.pointer)))
    return definition


def _limit_problems(raw: Any) -> list[Problem]:
    if not isinstance(raw, dict):
        return [Problem("", "a definition is a JSON object")]
    try:
        check_json(raw)
        size = len(orjson.dumps(raw))
    except JsonInvalid as error:
        return list(error.problems)
    except (TypeError, RecursionError) as error:
        return [Problem("", f"not JSON: {error}")]
    if size > LARGEST_DEFINITION:
        return [Problem("", f"{size} bytes: a definition has {LARGEST_DEFINITION} at most")]
    count = sum(1 for _ in _walk(raw.get("steps"), "/steps"))
    if count > MOST_STEPS:
        return [Problem("/steps", f"{count} steps: a definition has {MOST_STEPS} at most")]
    return []


def _walk(steps: Any, pointer: str) -> Iterator[tuple[str, JsonObject]]:
    """Every step with its pointer, nested ones too, in the order of the text."""
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict):
            here = f"{pointer}/{index}"
            yield here, step
            yield from _walk(_handlers(step), f"{here}/on_error/steps")


def _handlers(step: JsonObject) -> Any:
    on_error = step.get("on_error")
    return on_error.get("steps") if isinstance(on_error, dict) else None


def _with_ids(raw: JsonObject) -> JsonObject:
    """A copy in which each step and trigger has an id."""
    definition: JsonObject = orjson.loads(orjson.dumps(raw))
    steps = [step for _, step in _walk(definition.get("steps"), "/steps")]
    triggers = definition.get("triggers")
    listed = [t for t in triggers if isinstance(t, dict)] if isinstance(triggers, list) else []
    for entries in (steps, listed):
        taken = {entry.get("id") for entry in entries if isinstance(entry.get("id"), str)}
        for entry in entries:
            if entry.get("id") is None:
                entry_id = _new_id(entry, taken | RESERVED_ROOTS)
                taken.add(entry_id)
                fields = {key: value for key, value in entry.items() if key != "id"}
                entry.clear()
                entry.update({"id": entry_id, **fields})
    return definition


def _new_id(entry: JsonObject, taken: set[Any] | frozenset[Any]) -> str:
    name = _slug(entry.get("name") or "")
    if name and name[0].isalpha() and name not in taken:
        return name
    kind = _slug(entry.get("type") or "step")
    stem = name if name and name[0].isalpha() else kind if kind[:1].isalpha() else "step"
    number = 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def _slug(text: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]


def _order(pointer: str) -> list[Any]:
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pointer.split("/")]


@dataclass
class _Checker:
    """Checks what the format alone cannot: types, configs, ids and references."""

    config_models: ConfigModels
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)  # every step's id -> its pointer

    def check(self, definition: JsonObject) -> list[Problem]:
        if (schema := definition.get("input_schema")) is not None:
            self.problems += schema_problems(schema, "/input_schema")
        for pointer, step in _walk(definition.get("steps"), "/steps"):
            self._unique(step.get("id"), f"{pointer}/id", self.places)
        triggers: dict[str, str] = {}
        listed = definition.get("triggers")
        for index, trigger in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(trigger, dict):
                self._unique(trigger.get("id"), f"/triggers/{index}/id", triggers)
        self._steps(definition.get("steps"), "/steps", earlier=set(), handling=False)
        return self.problems

    def _say(self, pointer: str, detail: str) -> None:
        self.problems.append(Problem(pointer, detail))

    def _unique(self, entry_id: Any, pointer: str, places: dict[str, str]) -> None:
        if isinstance(entry_id, str) and entry_id in places:
            self._say(pointer, f"the id {entry_id!r} is taken by {places[entry_id]}")
        elif isinstance(entry_id, str):
            places[entry_id] = pointer.removesuffix("/id")

    def _steps(self, steps: Any, pointer: str, earlier: set[str], *, handling: bool) -> None:
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            if not isinstance(step, dict):
                continue
            here = f"{pointer}/{index}"
            self._step(step, here, earlier, handling=handling)
            earlier.add(str(step.get("id")))
            self._steps(_handlers(step), f"{here}/on_error/steps", earlier, handling=True)

    def _step(self, step: JsonObject, here: str, earlier: set[str], *, handling: bool) -> None:
        references: list[tuple[str, Reference]] = []
        condition = step.get("if")
        if isinstance(condition, str):
            try:
                references += [("/if", r) for r in compile_condition(condition).references]
            except ExpressionSyntaxError as error:
                self._say(f"{here}/if", error.problems[0].detail)
        config = step.get("config", {})
        found: list[Problem] = []
        compiled = compile_value(config, found, f"{here}/config")
        self.problems += found
        if compiled is not None:
            references += [(p.removeprefix(here), r) for p, r in compiled.references]
        self._config(step, config, here, {p for p, _ in references})
        for pointer, reference in references:
            self._reference(reference, here + pointer, earlier, handling=handling)

    def _config(self, step: JsonObject, config: Any, here: str, templated: set[str]) -> None:
        kind = step.get("type")
        if not isinstance(kind, str):
            return
        model = self.config_models.get(kind)
        if model is None:
            known = ", ".join(sorted(self.config_models))
            hint = suggest(kind, self.config_models) or f": known are {known}"
            self._say(f"{here}/type", f"unknown step type {kind!r}{hint}")
            return
        try:
            model.model_validate(config)
        except ValidationError as error:
            self.problems += validation_problems(
                error,
                model,
                config,
                f"{here}/config",
                unknown_yet=lambda pointer: _is_templated(pointer.removeprefix(here), templated),
            )

    def _reference(
        self, reference: Reference, pointer: str, earlier: set[str], *, handling: bool
    ) -> None:
        root, *rest = reference.path
        at = f"(line {reference.line}, column {reference.column})"
        if root == "steps" and rest and isinstance(rest[0], str):
            if rest[0] not in earlier:
                self._say(pointer, f"{self._not_earlier(rest[0], earlier)} {at}")
        elif root == "error" and not handling:
            self._say(pointer, f"'error' is there only in the steps of an on_error {at}")
        elif root in ("item", "index"):
            self._say(pointer, f"{root!r} is there only inside a foreach {at}")
        elif root not in _ROOTS and root != "error" and not earlier and not reference.optional:
            hint = suggest(str(root), _ROOTS) or ": no step ran before this one"
            self._say(pointer, f"there is no {str(root)!r}{hint} {at}")

    def _not_earlier(self, step_id: str, earlier: set[str]) -> str:
        if step_id in self.places:
            return f"step {step_id!r} does not run before this one"
        return f"there is no step {step_id!r}{suggest(step_id, earlier)}"


def _is_templated(pointer: str, templated: set[str]) -> bool:
    """Whether a problem lies at, in or around a value that an expression will give."""
    return pointer != "/config" and any(
        place == pointer or place.startswith(pointer + "/") or pointer.startswith(place + "/")
        for place in templated
    )
