"""Checks the expressions of a webhook trigger: they can be read, and so can what they read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minizaps.definition.expressions import Reference, compile_template, compile_value
from minizaps.definition.tree import JsonObject
from minizaps.errors import ExpressionSyntaxError, Problem

_BEFORE = ("trigger", "workflow")


def webhook_problems(config: Any, pointer: str) -> list[Problem]:
    """What is wrong with the expressions of a webhook trigger's config.

    Args:
        config: as JSON, which may still be wrong in any way.
        pointer: the config's.
    """
    if not isinstance(config, dict):
        return []
    problems = _dedupe(config.get("dedupe"), f"{pointer}/dedupe")
    respond = config.get("respond")
    if isinstance(respond, dict):
        roots = (*_BEFORE, "run") + (("output",) if respond.get("wait") is not None else ())
        problems += _answer(respond, f"{pointer}/respond", roots)
        failed = respond.get("failed")
        if isinstance(failed, dict):
            problems += _answer(failed, f"{pointer}/respond/failed", (*_BEFORE, "run", "error"))
    return problems


def _dedupe(text: Any, pointer: str) -> list[Problem]:
    if not isinstance(text, str):
        return []
    try:
        references = compile_template(text).references
    except ExpressionSyntaxError as error:
        return [Problem(pointer, error.problems[0].detail)]
    return _unreachable([(pointer, r) for r in references], _BEFORE)


def _answer(answer: JsonObject, pointer: str, roots: tuple[str, ...]) -> list[Problem]:
    problems: list[Problem] = []
    parts = {name: answer[name] for name in ("status", "headers", "body") if name in answer}
    compiled = compile_value(parts, problems, pointer)
    return problems if compiled is None else _unreachable(compiled.references, roots)


def _unreachable(
    references: Iterable[tuple[str, Reference]], roots: tuple[str, ...]
) -> list[Problem]:
    known = ", ".join("run.id" if root == "run" else root for root in roots)
    return [
        Problem(
            pointer,
            f"{str(reference)!r} is not there: only {known} can be read here "
            f"(line {reference.line}, column {reference.column})",
        )
        for pointer, reference in references
        if reference.path[0] not in roots
        or (reference.path[0] == "run" and reference.path[1:2] not in ((), ("id",)))
    ]
