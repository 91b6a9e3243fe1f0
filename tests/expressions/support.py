"""What the tests of the expression language share."""

from collections.abc import Mapping
from typing import Any

from minizaps.definition.expressions import compile_template

NOW = "2026-03-01T12:30:00.000Z"


def evaluate(expression: str, scope: Mapping[str, Any] | None = None) -> Any:
    """The value of one expression."""
    return compile_template("{{ " + expression + " }}").render({} if scope is None else scope)
