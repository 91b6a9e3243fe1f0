"""What an expression consists of, after parsing. `at` is always the offset for errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""

    at: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, text, true, false or none."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path(Node):
    """A name with constant keys: `a.b['c'][0]`. `places` has one offset for each key."""

    keys: tuple[str | int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`owner[key]` where the key or the owner is computed."""

    owner: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`owner[start:stop]`."""

    owner: Node
    start: Node | None
    stop: Node | None


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ObjectOf(Node):
    """`{'key': value}`."""

    items: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x`, `+x` or `not x`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """An arithmetic operation."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`and`, `or`: the right side is evaluated only when it decides."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`a < b`, or a chain `a < b < c`; each link has its operator, right side and offset."""

    first: Node
    links: tuple[tuple[str, Node, int], ...]


@dataclass(frozen=True, slots=True)
class Concat(Node):
    """`a ~ b ~ c`."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`then if condition else otherwise`."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class IsDefined(Node):
    """`x is defined`, `x is not defined`."""

    operand: Node
    expected: bool


@dataclass(frozen=True, slots=True)
class IsNone(Node):
    """`x is none`, `x is not none`."""

    operand: Node
    expected: bool


@dataclass(frozen=True, slots=True)
class Now(Node):
    """`now()`."""


@dataclass(frozen=True, slots=True)
class Filtered(Node):
    """`operand | name(arguments)`."""

    operand: Node
    name: str
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...]
