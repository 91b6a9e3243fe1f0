"""Turns the tree of an expression into nested closures.

Each node has a strict form, in which a missing value is an error, and a soft form, in which it
is MISSING: default() and 'is defined' use the soft form of their operand. A closure never lets
Refused through: it adds its own place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minizaps.definition.expressions import nodes, operators, paths
from minizaps.definition.expressions.budget import MAX_DEPTH, Budget, Refused
from minizaps.definition.expressions.filters import FILTERS
from minizaps.definition.expressions.paths import MISSING, Evaluate
from minizaps.definition.expressions.references import Reference
from minizaps.definition.expressions.source import Source
from minizaps.definition.expressions.values import text_of

Scope = Mapping[str, Any]


class Compiler:
    """Compiles the expressions of one template, and collects what they read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.references: list[Reference] = []
        self.depth = 0

    def compile(self, node: nodes.Node, *, soft: bool = False) -> Evaluate:
        """The closure of a node."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.source.syntax_error(node.at, "the expression is nested too deeply")
        compiled = self._soft(node) if soft else self._strict(node)
        self.depth -= 1
        return compiled

    def _strict(self, node: nodes.Node) -> Evaluate:  # noqa: C901
        match node:
            case nodes.Path():
                self._refer(node, optional=False)
                return paths.strict_path(self.source, node)
            case nodes.Literal():
                return _constant(node.value)
            case nodes.ListOf():
                return self._list(node)
            case nodes.ObjectOf():
                return self._object(node)
            case nodes.Index():
                return self._index(node)
            case nodes.Slice():
                return self._slice(node, soft=False)
            case nodes.Unary():
                return self._unary(node)
            case nodes.Binary():
                return self._operation(node, operators.ARITHMETIC[node.operator])
            case nodes.Compare():
                return self._compare(node)
            case nodes.Logic():
                return self._logic(node)
            case nodes.Concat():
                return self._concat(node)
            case nodes.Choice():
                return self._choice(node, soft=False)
            case nodes.IsDefined() | nodes.IsNone():
                return self._test(node)
            case nodes.Now():
                return self._now(node)
            case nodes.Filtered(name="default" | "d"):
                return self._default(node)
            case nodes.Filtered():
                return self._filtered(node, soft=False)
        raise TypeError(node)

    def _soft(self, node: nodes.Node) -> Evaluate:
        match node:
            case nodes.Path():
                self._refer(node, optional=True)
                return paths.soft_path(node)
            case nodes.Index():
                owner, key = self.compile(node.owner, soft=True), self.compile(node.key)
                return lambda scope, budget: paths.item(owner(scope, budget), key(scope, budget))
            case nodes.Slice():
                return self._slice(node, soft=True)
            case nodes.Choice():
                return self._choice(node, soft=True)
            case nodes.Filtered(name="first" | "last" | "min" | "max"):
                return self._filtered(node, soft=True)
        return self._strict(node)

    def _refer(self, path: nodes.Path, *, optional: bool) -> None:
        line, column = self.source.position(path.at)
        self.references.append(Reference(path.keys, line, column, optional))

    def _list(self, node: nodes.ListOf) -> Evaluate:
        items = [self.compile(item) for item in node.items]
        return lambda scope, budget: [item(scope, budget) for item in items]

    def _object(self, node: nodes.ObjectOf) -> Evaluate:
        items = [(key, self.compile(value)) for key, value in node.items]
        return lambda scope, budget: {key: value(scope, budget) for key, value in items}

    def _index(self, node: nodes.Index) -> Evaluate:
        owner, key = self.compile(node.owner), self.compile(node.key)
        source, at = self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> Any:
            whole, wanted = owner(scope, budget), key(scope, budget)
            value = paths.item(whole, wanted)
            if value is MISSING:
                raise source.error(at, paths.absent(whole, wanted))
            return value

        return evaluate

    def _slice(self, node: nodes.Slice, *, soft: bool) -> Evaluate:
        owner = self.compile(node.owner, soft=soft)
        start = _constant(None) if node.start is None else self.compile(node.start)
        stop = _constant(None) if node.stop is None else self.compile(node.stop)
        source, at = self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> Any:
            whole = owner(scope, budget)
            if whole is MISSING:
                return MISSING
            first, last = start(scope, budget), stop(scope, budget)
            try:
                return paths.slice_of(whole, first, last, budget)
            except Refused as refused:
                raise source.error(at, str(refused)) from None

        return evaluate

    def _unary(self, node: nodes.Unary) -> Evaluate:
        operand, source, at = self.compile(node.operand), self.source, node.at
        if node.operator == "not":
            return lambda scope, budget: not operand(scope, budget)
        operate = operators.negative if node.operator == "-" else operators.positive

        def evaluate(scope: Scope, budget: Budget) -> Any:
            value = operand(scope, budget)
            try:
                return operate(value)
            except Refused as refused:
                raise source.error(at, str(refused)) from None

        return evaluate

    def _operation(self, node: nodes.Binary, operate: operators.Operation) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        source, at = self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> Any:
            try:
                return operate(left(scope, budget), right(scope, budget), budget)
            except Refused as refused:
                raise source.error(at, str(refused)) from None

        return evaluate

    def _compare(self, node: nodes.Compare) -> Evaluate:
        source, first = self.source, self.compile(node.first)
        links = [
            (operators.COMPARISON[operator], self.compile(right), at)
            for operator, right, at in node.links
        ]

        def evaluate(scope: Scope, budget: Budget) -> bool:
            left = first(scope, budget)
            for operate, right, at in links:
                value = right(scope, budget)
                try:
                    if not operate(left, value, budget):
                        return False
                except Refused as refused:
                    raise source.error(at, str(refused)) from None
                left = value
            return True

        return evaluate

    def _logic(self, node: nodes.Logic) -> Evaluate:
        left, right = self.compile(node.left), self.compile(node.right)
        if node.operator == "and":
            return lambda scope, budget: left(scope, budget) and right(scope, budget)
        return lambda scope, budget: left(scope, budget) or right(scope, budget)

    def _concat(self, node: nodes.Concat) -> Evaluate:
        parts, source, at = [self.compile(part) for part in node.parts], self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> str:
            values = [part(scope, budget) for part in parts]
            try:
                texts = [text_of(value, budget) for value in values]
                budget.text(sum(map(len, texts)))
            except Refused as refused:
                raise source.error(at, str(refused)) from None
            return "".join(texts)

        return evaluate

    def _choice(self, node: nodes.Choice, *, soft: bool) -> Evaluate:
        condition = self.compile(node.condition)
        then = self.compile(node.then, soft=soft)
        otherwise = self.compile(node.otherwise, soft=soft)
        return lambda scope, budget: (
            then(scope, budget) if condition(scope, budget) else otherwise(scope, budget)
        )

    def _test(self, node: nodes.IsDefined | nodes.IsNone) -> Evaluate:
        expected = node.expected
        if isinstance(node, nodes.IsNone):
            operand = self.compile(node.operand)
            return lambda scope, budget: (operand(scope, budget) is None) is expected
        operand = self.compile(node.operand, soft=True)
        return lambda scope, budget: (operand(scope, budget) is not MISSING) is expected

    def _now(self, node: nodes.Now) -> Evaluate:
        source, at = self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> Any:
            try:
                return scope["$now"]
            except LookupError:
                raise source.error(at, "now() is not available here") from None

        return evaluate

    def _default(self, node: nodes.Filtered) -> Evaluate:
        operand = self.compile(node.operand, soft=True)
        given = dict(zip(("default_value", "boolean"), node.arguments, strict=False))
        given.update(node.keywords)
        fallback = (
            self.compile(given["default_value"]) if "default_value" in given else _constant("")
        )
        falsy = self.compile(given["boolean"]) if "boolean" in given else _constant(False)

        def evaluate(scope: Scope, budget: Budget) -> Any:
            value = operand(scope, budget)
            if value is MISSING or (not value and falsy(scope, budget)):
                return fallback(scope, budget)
            return value

        return evaluate

    def _filtered(self, node: nodes.Filtered, *, soft: bool) -> Evaluate:
        operand = self.compile(node.operand, soft=soft)
        arguments = [self.compile(argument) for argument in node.arguments]
        keywords = [(name, self.compile(value)) for name, value in node.keywords]
        function, name = FILTERS[node.name].function, node.name
        source, at = self.source, node.at

        def evaluate(scope: Scope, budget: Budget) -> Any:
            value = operand(scope, budget)
            if value is MISSING:
                return MISSING
            positional = [argument(scope, budget) for argument in arguments]
            named = {key: argument(scope, budget) for key, argument in keywords}
            try:
                result = function(budget, value, *positional, **named)
            except Refused as refused:
                raise source.error(at, _filter_message(name, refused)) from None
            if result is MISSING and not soft:
                raise source.error(at, f"{name} found nothing: the list is empty")
            return result

        return evaluate


def _filter_message(name: str, refused: Refused) -> str:
    message = str(refused)
    return f"{name} {message}" if message.startswith(("needs", "cannot")) else f"{name}: {message}"


def _constant(value: Any) -> Evaluate:
    return lambda scope, budget: value
