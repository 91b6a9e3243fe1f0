"""The limits that a workflow sets on its runs, and the keys of one run under them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minizaps.definition.expressions import Template, compile_template
from minizaps.definition.workflow import Definition
from minizaps.errors import ExpressionError, InvalidInput, Problem
from minizaps.journal.records import Limits

LONGEST_KEY = 200  # characters that are kept; of a longer one a digest


@dataclass(frozen=True, slots=True)
class WorkflowLimits:
    """The limits of one version of a workflow, ready to be applied.

    Attributes:
        keys: the template of each limit's key, by the limit's name.
        debounce: milliseconds of silence.
        rate: how many in how many milliseconds.
        concurrency: how many at a time, and what to do at the limit.
    """

    workflow_id: str
    keys: Mapping[str, Template]
    debounce: int | None
    rate: tuple[int, int] | None
    concurrency: tuple[int, str] | None

    def of_run(self, trigger: Mapping[str, Any], workflow: Mapping[str, Any]) -> Limits:
        """The limits that a run is under.

        Args:
            trigger, workflow: the context roots, which the keys may read.

        Raises:
            InvalidInput: a key cannot be told from this trigger.
        """
        scope, problems = {"trigger": trigger, "workflow": workflow}, list[Problem]()
        keys = {name: self._key(name, key, scope, problems) for name, key in self.keys.items()}
        if problems:
            raise InvalidInput(problems)
        return Limits(
            None if self.debounce is None else (keys["debounce"], self.debounce),
            None if self.rate is None else (keys["rate"], *self.rate),
            None if self.concurrency is None else (keys["concurrency"], *self.concurrency),
        )

    def _key(
        self, name: str, template: Template, scope: Mapping[str, Any], problems: list[Problem]
    ) -> str:
        try:
            value = template.render(scope)
        except ExpressionError as error:
            problems.append(Problem("", f"the workflow's {name}.key fails on this input: {error}"))
            return ""
        if isinstance(value, dict | list):
            kind = "a list" if isinstance(value, list) else "an object"
            detail = f"the workflow's {name}.key gives {kind} for this input, no text or number"
            problems.append(Problem("", detail))
        return f"{self.workflow_id}:{_text(value)}"


def limits_of(workflow_id: str, definition: Definition) -> WorkflowLimits | None:
    """The limits that a definition sets; None where it sets none."""
    debounce, rate, concurrency = definition.debounce, definition.rate, definition.concurrency
    named = {"debounce": debounce, "rate": rate, "concurrency": concurrency}
    if not any(named.values()):
        return None
    return WorkflowLimits(
        workflow_id,
        {name: compile_template(part.key or "") for name, part in named.items() if part},
        None if debounce is None else _milliseconds(debounce.for_),
        None if rate is None else (rate.limit, _milliseconds(rate.per)),
        None if concurrency is None else (concurrency.limit, concurrency.on_limit),
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _text(value: Any) -> str:
    """A key's value as text, short enough for an index."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    else:
        text = str(value)
    if len(text) <= LONGEST_KEY and "\0" not in text:
        return text
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
