"""A Pratt parser with Jinja's precedence of operators."""

from __future__ import annotations

from minizaps.definition.expressions import nodes
from minizaps.definition.expressions.budget import MAX_NESTED
from minizaps.definition.expressions.filters import FILTERS
from minizaps.definition.expressions.lexer import Token
from minizaps.definition.expressions.paths import closest
from minizaps.definition.expressions.source import Source

_CONSTANTS = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "none": None,
    "None": None,
    "null": None,
}
_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
_COMPARE = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})

# How tightly an operator binds what stands to its left.
_CHOICE, _OR, _AND, _NOT, _COMPARISON, _SUM, _CONCAT, _PRODUCT, _POWER = range(1, 10)
_FILTER, _UNARY, _KEY = range(10, 13)
_BINDING = {
    "if": _CHOICE,
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(_COMPARE, _COMPARISON),
    "+": _SUM,
    "-": _SUM,
    "~": _CONCAT,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "//": _PRODUCT,
    "%": _PRODUCT,
    "**": _POWER,
    "|": _FILTER,
    "is": _FILTER,
    ".": _KEY,
    "[": _KEY,
    "(": _KEY,
}


def parse(source: Source, tokens: list[Token]) -> nodes.Node:
    """The tree of one expression.

    Raises:
        ExpressionSyntaxError: the tokens are not an expression.
    """
    if len(tokens) == 1:
        raise source.syntax_error(tokens[0].at, "there is no expression between '{{' and '}}'")
    parser = _Parser(source, tokens)
    node = parser.expression(0)
    if parser.token.kind != "end":
        raise parser.unexpected("'}}' or an operator")
    return node


class _Parser:
    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.next = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def sees(self, text: str) -> bool:
        token = self.token
        return token.text == text and token.kind in ("operator", "name")

    def take(self) -> Token:
        token = self.token
        self.next += 1
        return token

    def skip(self, text: str) -> bool:
        if self.sees(text):
            self.next += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.sees(text):
            raise self.unexpected(f"{text!r}")
        return self.take()

    def unexpected(self, wanted: str) -> Exception:
        token = self.token
        found = "the end of the expression" if token.kind == "end" else token.text
        found = found if len(found) <= 40 else found[:37] + "..."
        return self.source.syntax_error(token.at, f"{wanted} expected here, not {found}")

    def expression(self, binding: int) -> nodes.Node:
        """Parse as far as operators bind tighter than `binding`."""
        self.depth += 1
        if self.depth > MAX_NESTED:
            raise self.source.syntax_error(self.token.at, "the expression is nested too deeply")
        node = self.prefix(binding)
        while True:
            operator = self.operator()
            strength = _BINDING.get(operator, 0)
            if strength <= binding:
                break
            node = self.infix(node, operator, strength)
        self.depth -= 1
        return node

    def operator(self) -> str:
        token = self.token
        if token.kind not in ("operator", "name"):
            return ""
        if token.text == "not" and self.tokens[self.next + 1].text == "in":
            return "not in"
        return token.text

    def prefix(self, binding: int) -> nodes.Node:
        token = self.take()
        if token.kind in ("number", "string"):
            return nodes.Literal(token.at, token.value)
        if token.kind == "name" and token.text in _CONSTANTS:
            return nodes.Literal(token.at, _CONSTANTS[token.text])
        if token.kind == "name" and token.text not in _WORDS:
            return nodes.Path(token.at, (token.text,), (token.at,))
        if token.text == "not" and binding < _COMPARISON:
            return nodes.Unary(token.at, "not", self.expression(_NOT - 1))
        if token.kind == "operator" and token.text in ("-", "+"):
            return nodes.Unary(token.at, token.text, self.expression(_UNARY - 1))
        if token.kind == "operator" and token.text == "(":
            node = self.expression(0)
            self.expect(")")
            return node
        if token.kind == "operator" and token.text == "[":
            return self.list_of(token.at)
        if token.kind == "operator" and token.text == "{":
            return self.object_of(token.at)
        self.next -= 1
        raise self.unexpected("a value")

    def list_of(self, at: int) -> nodes.Node:
        items = []
        while not self.skip("]"):
            items.append(self.expression(0))
            if not self.sees("]"):
                self.expect(",")
        return nodes.ListOf(at, tuple(items))

    def object_of(self, at: int) -> nodes.Node:
        items = []
        while not self.skip("}"):
            if self.token.kind != "string":
                raise self.unexpected("a key in quotes")
            key = self.take().value
            self.expect(":")
            items.append((key, self.expression(0)))
            if not self.sees("}"):
                self.expect(",")
        return nodes.ObjectOf(at, tuple(items))

    def infix(self, left: nodes.Node, operator: str, strength: int) -> nodes.Node:
        if operator in _COMPARE:
            return self.comparison(left)
        token = self.take()
        match operator:
            case "and" | "or":
                return nodes.Logic(token.at, operator, left, self.expression(strength))
            case "if":
                return self.choice(left, token.at)
            case "~":
                return self.concat(left, token.at)
            case "|":
                return self.filtered(left)
            case "is":
                return self.test(left, token.at)
            case ".":
                return self.member(left)
            case "[":
                return self.index(left, token.at)
            case "(":
                return self.call(left, token.at)
            case _:
                return nodes.Binary(token.at, operator, left, self.expression(strength))

    def comparison(self, left: nodes.Node) -> nodes.Node:
        at, links = self.token.at, []
        while (operator := self.operator()) in _COMPARE:
            place = self.take().at
            if operator == "not in":
                self.take()
            links.append((operator, self.expression(_COMPARISON), place))
        return nodes.Compare(at, left, tuple(links))

    def choice(self, then: nodes.Node, at: int) -> nodes.Node:
        condition = self.expression(_CHOICE)
        if not self.sees("else"):
            raise self.unexpected("'else'")
        self.take()
        return nodes.Choice(at, condition, then, self.expression(0))

    def concat(self, left: nodes.Node, at: int) -> nodes.Node:
        parts = [left, self.expression(_CONCAT)]
        while self.skip("~"):
            parts.append(self.expression(_CONCAT))
        return nodes.Concat(at, tuple(parts))

    def test(self, operand: nodes.Node, at: int) -> nodes.Node:
        expected = not self.skip("not")
        word = self.take().text if self.token.kind == "name" else ""
        if word == "defined":
            return nodes.IsDefined(at, operand, expected)
        if word == "undefined":
            return nodes.IsDefined(at, operand, not expected)
        if word in ("none", "None", "null"):
            return nodes.IsNone(at, operand, expected)
        self.next -= bool(word)
        raise self.unexpected("'defined' or 'none'")

    def member(self, owner: nodes.Node) -> nodes.Node:
        token = self.token
        if token.kind == "number":
            raise self.source.syntax_error(token.at, f"write [{token.text}] for an item of a list")
        if token.kind != "name":
            raise self.unexpected("a name")
        self.next += 1
        return _keyed(owner, nodes.Literal(token.at, token.text), token.at)

    def index(self, owner: nodes.Node, at: int) -> nodes.Node:
        start = None if self.sees(":") else self.expression(0)
        if self.skip(":"):
            stop = None if self.sees("]") else self.expression(0)
            self.expect("]")
            return nodes.Slice(at, owner, start, stop)
        self.expect("]")
        assert start is not None  # noqa: S101
        return _keyed(owner, start, at)

    def call(self, called: nodes.Node, at: int) -> nodes.Node:
        if isinstance(called, nodes.Path) and called.keys == ("now",):
            self.expect(")")
            return nodes.Now(called.at)
        name: object = None
        if isinstance(called, nodes.Path):
            name = called.keys[-1]
        elif isinstance(called, nodes.Index) and isinstance(called.key, nodes.Literal):
            name = called.key.value
        hint = f": write 'value | {name}'" if name in FILTERS else ", and no methods"
        raise self.source.syntax_error(at, f"there are no functions but now(){hint}")

    def filtered(self, operand: nodes.Node) -> nodes.Node:
        if self.token.kind != "name":
            raise self.unexpected("the name of a filter")
        token = self.take()
        if token.text not in FILTERS:
            hint = closest(token.text, FILTERS)
            raise self.source.syntax_error(token.at, f"there is no filter '{token.text}'{hint}")
        arguments, keywords = self.arguments() if self.skip("(") else ((), ())
        names = [name for name, _ in keywords]
        if problem := FILTERS[token.text].check(len(arguments), names):
            raise self.source.syntax_error(token.at, problem)
        return nodes.Filtered(token.at, operand, token.text, arguments, keywords)

    def arguments(self) -> tuple[tuple[nodes.Node, ...], tuple[tuple[str, nodes.Node], ...]]:
        positional, keywords = [], []
        while not self.skip(")"):
            if self.token.kind == "name" and self.tokens[self.next + 1].text == "=":
                name = self.take().text
                self.take()
                keywords.append((name, self.expression(0)))
            elif keywords:
                raise self.unexpected("a named argument")
            else:
                positional.append(self.expression(0))
            if not self.sees(")"):
                self.expect(",")
        return tuple(positional), tuple(keywords)


def _keyed(owner: nodes.Node, key: nodes.Node, at: int) -> nodes.Node:
    """A constant key makes a path longer; anything else is looked up when it is evaluated."""
    if isinstance(key, nodes.Unary) and isinstance(key.operand, nodes.Literal):
        negative = key.operand.value
        if key.operator == "-" and type(negative) is int:
            key = nodes.Literal(key.at, -negative)
    if (
        isinstance(owner, nodes.Path)
        and isinstance(key, nodes.Literal)
        and type(key.value) in (str, int)
    ):
        return nodes.Path(owner.at, (*owner.keys, key.value), (*owner.places, key.at))
    return nodes.Index(at, owner, key)
