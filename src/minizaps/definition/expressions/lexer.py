"""Cuts a template into plain text and the tokens of its expressions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from minizaps.definition.expressions.budget import MAX_INT, MAX_SOURCE, MAX_TOKENS
from minizaps.definition.expressions.source import Source

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<float>(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)(?![\w]))
  | (?P<int>(?:0|[1-9][0-9]*)(?![\w]))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<end>}})
  | (?P<operator>\*\*|//|==|!=|<=|>=|[-+*/%~<>=|.,:()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression.

    Args:
        kind: name, number, string, operator or end.
        text: as it is written (an operator, a name).
        at: the offset in the template.
        value: of a number or a string.
    """

    kind: str
    text: str
    at: int
    value: Any = None


def cut(source: Source) -> list[str | list[Token]]:
    """The plain texts and the expressions of a template, in order.

    Raises:
        ExpressionSyntaxError: an expression is not closed, or has a character that no token has.
    """
    text = source.text
    if len(text) > MAX_SOURCE:
        raise Source(text[:80]).syntax_error(
            0, f"the template is longer than {MAX_SOURCE:,} characters"
        )
    parts: list[str | list[Token]] = []
    done = total = 0
    while (opened := text.find("{{", done)) >= 0:
        if opened > done:
            parts.append(text[done:opened])
        tokens = _tokens(source, opened, MAX_TOKENS - total)
        total += len(tokens)
        parts.append(tokens)
        done = tokens[-1].at + 2
    if done < len(text):
        parts.append(text[done:])
    return parts


def _tokens(source: Source, opened: int, limit: int) -> list[Token]:
    text, at, tokens, braces = source.text, opened + 2, [], 0
    if text.startswith("-", at):
        raise source.syntax_error(at, "'{{-' has no meaning here: write '{{ -' for a minus sign")
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(source, opened, at)
        kind, word = str(match.lastgroup), match.group()
        if kind == "end" and braces:  # the braces of objects close first
            kind, word = "operator", "}"
        if kind == "end":
            tokens.append(Token("end", word, at))
            return tokens
        if kind != "space":
            tokens.append(_token(source, kind, word, at))
            braces += (word == "{") - (word == "}") if kind == "operator" else 0
        if len(tokens) >= limit:
            raise source.syntax_error(at, f"the template has more than {MAX_TOKENS:,} words")
        at += len(word)


def _token(source: Source, kind: str, word: str, at: int) -> Token:
    if kind == "string":
        return Token("string", word, at, _unescape(source, word, at))
    if kind == "int":
        if len(word) > 20 or int(word) > MAX_INT:
            raise source.syntax_error(at, "the number is too large (64 bits at most)")
        return Token("number", word, at, int(word))
    if kind == "float":
        if not math.isfinite(float(word)):
            raise source.syntax_error(at, "the number is too large")
        return Token("number", word, at, float(word))
    return Token(kind, word, at)


def _unescape(source: Source, word: str, at: int) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) > 1:
            if int(code[1:], 16) > 0x10FFFF:
                raise source.syntax_error(at + 1 + match.start(), "there is no such character")
            return chr(int(code[1:], 16))
        # An unknown escape stays as it is, so that regular expressions can be written plainly.
        return _ESCAPED.get(code, match.group())

    inner = word[1:-1]
    if "\\" not in inner:
        return inner
    value = _ESCAPE.sub(replace, inner)
    try:  # two escaped halves make one character
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise source.syntax_error(at, "the text has half a character (a lone surrogate)") from None


def _unreadable(source: Source, opened: int, at: int) -> Exception:
    text = source.text
    if at >= len(text):
        return source.syntax_error(opened, "'{{' is not closed: '}}' is missing")
    if text[at] in "'\"":
        return source.syntax_error(at, f"the text is not closed: {text[at]} is missing")
    if text[at].isdigit():
        return source.syntax_error(at, "this is not a number")
    hints = {"&": " (write 'and')", "!": " (write 'not')", "?": " (write 'x if c else y')"}
    hint = hints.get(text[at], "")
    return source.syntax_error(at, f"{text[at]!r} has no meaning in an expression{hint}")
