"""Values with templates in them: any JSON, compiled once and rendered many times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from minizaps.definition.expressions.references import Reference
from minizaps.definition.expressions.template import compile_template
from minizaps.errors import ExpressionError, ExpressionSyntaxError, Problem

Render = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled value.

    Args:
        static: there is no expression in it: rendering gives the value itself.
        references: what it reads from the scope, each with the JSON pointer of the string.
    """

    static: bool
    references: tuple[tuple[str, Reference], ...]
    _render: Render

    def render(self, scope: Mapping[str, Any]) -> Any:
        """The value with every template replaced by what it gives. Static parts are shared.

        Raises:
            ExpressionError: an expression failed; its `pointer` says in which string.
        """
        return self._render(scope)


def compile_value(value: Any, problems: list[Problem], pointer: str = "") -> Compiled | None:
    """Compile every string in a JSON value; keys are no templates.

    Args:
        value: plain JSON. It must not be changed afterwards.
        problems: gets one more for each string that cannot be read.
        pointer: the JSON pointer of the value.

    Returns:
        The compiled value, or None where there were problems.
    """
    before = len(problems)
    references: list[tuple[str, Reference]] = []
    render = _compile(value, problems, pointer, references)
    if len(problems) > before:
        return None
    return Compiled(render is None, tuple(references), render or (lambda scope: value))


def _compile(
    value: Any, problems: list[Problem], pointer: str, references: list[tuple[str, Reference]]
) -> Render | None:
    """What renders the value, or None if it is static."""
    if type(value) is str:
        return _compile_text(value, problems, pointer, references)
    if type(value) not in (dict, list):
        return None
    members: Iterable[tuple[Any, Any]] = value.items() if type(value) is dict else enumerate(value)
    dynamic = []
    for key, member in members:
        place = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
        render = _compile(member, problems, place, references)
        if render is not None:
            dynamic.append((key, render))
    return _render_members(value, dynamic) if dynamic else None


def _render_members(value: Any, dynamic: list[tuple[Any, Render]]) -> Render:
    def render(scope: Mapping[str, Any]) -> Any:
        result = value.copy()
        for key, render_member in dynamic:
            result[key] = render_member(scope)
        return result

    return render


def _compile_text(
    value: str, problems: list[Problem], pointer: str, references: list[tuple[str, Reference]]
) -> Render | None:
    if "{{" not in value:
        return None
    try:
        template = compile_template(value)
    except ExpressionSyntaxError as error:
        problems.append(Problem(pointer, str(error.problems[0].detail)))
        return None
    references.extend((pointer, reference) for reference in template.references)
    render_text = template.render

    def render(scope: Mapping[str, Any]) -> Any:
        try:
            return render_text(scope)
        except ExpressionError as error:
            vars(error)["pointer"] = pointer
            raise

    return render
