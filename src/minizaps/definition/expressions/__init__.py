"""The expression language: `{{ ... }}` in the strings of a definition (docs/expressions.md)."""

from minizaps.definition.expressions.compiled import Compiled, compile_value
from minizaps.definition.expressions.references import Reference
from minizaps.definition.expressions.template import (
    Template,
    compile_condition,
    compile_template,
)

__all__ = [
    "Compiled",
    "Reference",
    "Template",
    "compile_condition",
    "compile_template",
    "compile_value",
]
