"""Templates: text with expressions in it, compiled once and rendered many times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minizaps.definition.expressions import nodes
from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.compiler import Compiler
from minizaps.definition.expressions.lexer import Token, cut
from minizaps.definition.expressions.parser import parse
from minizaps.definition.expressions.paths import Evaluate
from minizaps.definition.expressions.references import Reference
from minizaps.definition.expressions.source import Source
from minizaps.definition.expressions.values import SCALARS, measure, name_of, text_of

Render = Callable[[Mapping[str, Any]], Any]
_Expression = tuple[nodes.Node, Evaluate]

_UNUSED = Budget()  # for what charges nothing: a lone path, a constant


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled string.

    Args:
        source: the string.
        static: there is no expression in it.
        references: what it reads from the scope, in the order of the text.
    """

    source: str
    static: bool
    references: tuple[Reference, ...]
    _render: Render

    def render(self, scope: Mapping[str, Any]) -> Any:
        """The value of a lone expression, else the text.

        Raises:
            ExpressionError: an expression failed on this scope.
        """
        return self._render(scope)


def compile_template(source: str) -> Template:
    """Compile a string with any number of expressions in it.

    Raises:
        ExpressionSyntaxError: an expression cannot be read.
    """
    if "{{" not in source:
        return Template(source, True, (), lambda scope: source)
    text = Source(source)
    compiler = Compiler(text)
    parts = [_part(text, compiler, part) for part in cut(text)]
    references = tuple(compiler.references)
    if len(parts) == 1 and not isinstance(parts[0], str):
        render = _render_value(text, *parts[0])
    else:
        render = _render_text(text, parts)
    return Template(source, False, references, render)


def compile_condition(source: str) -> Template:
    """Compile the condition of a step: one expression whose value is true or false.

    Raises:
        ExpressionSyntaxError: the expression cannot be read, or the string is not one expression.
    """
    text = Source(source)
    parts = [part for part in cut(text) if not isinstance(part, str) or part.strip()]
    if len(parts) != 1 or isinstance(parts[0], str):
        raise text.syntax_error(0, "a condition is one expression, such as {{ a > 1 }}")
    compiler = Compiler(text)
    node, evaluate = _expression(text, compiler, parts[0])
    value = _render_value(text, node, evaluate)

    def render(scope: Mapping[str, Any]) -> bool:
        found = value(scope)
        if type(found) is not bool:
            message = f"the condition is {name_of(found)}, where true or false is needed"
            raise text.error(node.at, message)
        return found

    return Template(source, False, tuple(compiler.references), render)


def _part(text: Source, compiler: Compiler, part: str | list[Token]) -> str | _Expression:
    return part if isinstance(part, str) else _expression(text, compiler, part)


def _expression(text: Source, compiler: Compiler, tokens: list[Token]) -> _Expression:
    node = parse(text, tokens)
    return node, compiler.compile(node)


def _render_value(text: Source, node: nodes.Node, evaluate: Evaluate) -> Render:
    if isinstance(node, nodes.Path):
        return lambda scope: evaluate(scope, _UNUSED)

    def render(scope: Mapping[str, Any]) -> Any:
        budget = Budget()
        value = evaluate(scope, budget)
        if type(value) not in SCALARS:
            # A list may hold one large value many times, which costs nothing until it is written.
            try:
                measure(value, budget)
            except Refused as refused:
                raise text.error(node.at, str(refused)) from None
        return value

    return render


def _render_text(text: Source, parts: list[str | _Expression]) -> Render:
    def render(scope: Mapping[str, Any]) -> str:
        budget = Budget()
        texts: list[str] = []
        at = 0
        try:
            for part in parts:
                if isinstance(part, str):
                    texts.append(part)
                    continue
                node, evaluate = part
                at = node.at
                value = evaluate(scope, budget)
                texts.append(value if type(value) is str else text_of(value, budget))
            budget.text(sum(map(len, texts)))
        except Refused as refused:
            raise text.error(at, str(refused)) from None
        return "".join(texts)

    return render
