"""Random expressions on nasty data: only the two errors come out, results are JSON, time is short.

The seed decides everything that is tried; the clock only says when to stop.
"""

import contextlib
import json
import random
import string
import time
from typing import Any

from minizaps.definition.expressions import (
    Template,
    compile_condition,
    compile_template,
    compile_value,
)
from minizaps.definition.expressions.filters import FILTERS
from minizaps.errors import ExpressionError, ExpressionSyntaxError

_MOST_SECONDS = 0.05
_OPERATORS = [
    *("+", "-", "*", "/", "//", "%", "**", "~", "and", "or"),
    *("==", "!=", "<", "<=", ">", ">=", "in", "not in"),
]
_NAMES = [
    *("small", "text", "wide", "words", "rows", "numbers", "floats", "deep"),
    *("object", "empty", "none_", "flag", "missing"),
]
_LITERALS = [
    *("0", "1", "-1", "7", "2.5", "1e300", "18446744073709551615", "9223372036854775807", "64"),
    *("''", "'a'", "','", "' '", "'x'", "'a.b'", "'name'", "'2026-03-01T00:00:00Z'", "'{{ 1 }}'"),
    *("true", "false", "none", "[]", "{}", "[1, 2, 3]", "['b', 'a']", "{'a': 1}", "'__class__'"),
    *("'Europe/Berlin'", "'Europe'", "'../x'", "'%Y-%m-%d'", "'%-d%%'", "'[1, {\"a\": null}]'"),
    *("'x*y|x'", "'(a|b)*a(a|b){15}c'", "'(x?){400}y'", "'\\\\d+'", "'('", "'(.)(.)'", "'.*'"),
    *("'[ab]*a[ab]{9}c'", "'\\\\1'", "'sha512'", "'ceil'", "'1e5'", "'\\ud83d\\ude00'", "'\\x00'"),
]
_NOISE = [
    *"{}()[]|.,:'\"\\~-+*/%<>=!?$#@;`\n\t \x00é😀",
    "{{",
    "}}",
    "{%",
    "is",
    "if",
    "else",
    "not",
]


def data() -> dict[str, Any]:
    """A scope with large and odd values of every type."""
    deep: Any = 1
    for _ in range(600):
        deep = [deep]
    source = random.Random(1)
    return {
        "small": 3,
        "text": "x" * 1_000_000,
        "wide": "Äß😀" * 60_000,
        "words": "".join(source.choice("ab ab,.-<>") for _ in range(100_000)),
        "rows": [{"a": {"b": i % 7}, "name": f"name {i}", "x": i / 3} for i in range(15_000)],
        "numbers": list(range(100_000)),
        "floats": [source.random() for _ in range(30_000)],
        "deep": deep,
        "object": {f"key{i}": i for i in range(20_000)},
        "empty": {},
        "none_": None,
        "flag": True,
        "$now": "2026-03-01T12:30:00.000Z",
    }


def _expression(choose: random.Random, depth: int = 0) -> str:
    roll = choose.random()
    if depth > 5 or roll < 0.2:
        return choose.choice(_LITERALS) if choose.random() < 0.5 else _path(choose)
    inner = _expression(choose, depth + 1)
    if roll < 0.65:
        return f"{inner} | {_filter(choose, depth)}"
    if roll < 0.8:
        return f"({inner} {choose.choice(_OPERATORS)} {_expression(choose, depth + 1)})"
    if roll < 0.85:
        return f"[{', '.join([inner] * choose.choice([1, 2, 100]))}]"
    if roll < 0.88:
        return f"{{'k': {inner}, 'l': {_expression(choose, depth + 1)}}}"
    if roll < 0.92:
        return f"({inner})[{choose.choice(['0', '-1', ':', '1:', ':100000', 'small', inner])}]"
    if roll < 0.96:
        return (
            f"({inner} if {_expression(choose, depth + 1)} else {_expression(choose, depth + 1)})"
        )
    before = choose.choice(["not ", "-", "+", ""])
    return f"({before}{inner} {choose.choice(['is defined', 'is none', ''])})"


def _path(choose: random.Random) -> str:
    if choose.random() < 0.05:
        return "now()"
    parts = [choose.choice(_NAMES)]
    for _ in range(choose.choice([0, 0, 0, 1, 2])):
        parts.append(choose.choice([".a", "[0]", "[-1]", "['name']", ".key1", ".__class__", "[5]"]))
    return "".join(parts)


def _filter(choose: random.Random, depth: int) -> str:
    found = FILTERS[choose.choice(list(FILTERS))]
    count = choose.randint(found.required, len(found.parameters))
    arguments = [
        choose.choice(_LITERALS) if choose.random() < 0.9 else _expression(choose, depth + 2)
        for _ in range(count)
    ]
    if arguments and choose.random() < 0.2:
        arguments[-1] = f"{found.parameters[count - 1]}={arguments[-1]}"
    return f"{found.name}({', '.join(arguments)})" if arguments else found.name


def _mutated(choose: random.Random, source: str) -> str:
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(source) + 1)
        match choose.randrange(4):
            case 0:
                source = source[:at] + choose.choice(_NOISE) + source[at:]
            case 1:
                source = source[:at] + source[at + choose.randint(1, 5) :]
            case 2:
                piece = source[at : at + choose.randint(1, 20)]
                source = source[:at] + piece * choose.choice([2, 3, 200]) + source[at:]
            case _:
                source = source[:at] + choose.choice(string.printable) + source[at + 1 :]
    return source[:100_000]


def _source(choose: random.Random) -> str:
    source = "{{ " + _expression(choose) + " }}"
    if choose.random() < 0.2:
        source = f"Text {source} and {{{{ {_expression(choose)} }}}}"
    return _mutated(choose, source) if choose.random() < 0.35 else source


def _check(source: str, compiler: Any, scope: dict[str, Any]) -> None:
    """Compile and render; raises AssertionError on what must not happen."""
    try:
        template = compiler(source)
    except ExpressionSyntaxError:
        return
    # A slow moment of the machine is not the expression's fault: the best of a few counts.
    for _ in range(4):
        value, seconds = _timed(template, scope)
        if seconds <= _MOST_SECONDS:
            break
    assert seconds <= _MOST_SECONDS, f"{seconds * 1000:.0f} ms: {source[:2000]}"
    json.dumps(value, allow_nan=False)


def _timed(template: Template, scope: dict[str, Any]) -> tuple[Any, float]:
    value = None
    started = time.process_time()
    with contextlib.suppress(ExpressionError):
        value = template.render(scope)
    return value, time.process_time() - started


def fuzz(seed: int, seconds: float) -> int:
    """Try random expressions for some seconds.

    Returns:
        How many were tried.

    Raises:
        AssertionError: one misbehaved; the message has its source.
    """
    choose = random.Random(seed)
    scope = data()
    before = {name: id(value) for name, value in scope.items()}
    end = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < end or tried < 50:
        source = _source(choose)
        compiler = compile_condition if choose.random() < 0.1 else compile_template
        try:
            _check(source, compiler, scope)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}: {source[:2000]}") from error
        problems: list[Any] = []
        compile_value({"a": [source, 1]}, problems)
        tried += 1
    assert {name: id(value) for name, value in scope.items()} == before
    assert scope == data()
    return tried
