"""Filters with regular expressions, on RE2: the time grows with the text, never beyond."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import re2

from minizaps.definition.expressions.budget import MAX_TEXT, PIECE_ROOM, Budget, Refused
from minizaps.definition.expressions.values import (
    argument_int,
    argument_text,
    need_text,
    shown,
    utf8,
)

MAX_PATTERN = 1000  # characters
MAX_PROGRAM = 2000  # instructions that RE2 makes of a pattern
_MEMORY = 1 << 20
_MATCH_STEPS = 60
_SMALL = 16  # instructions: RE2 then always finds room for its fast automaton
_GROUP = re.compile(r"\\(?:([0-9]{1,2})|g<(\w{1,32})>|(\\))")


def regex_match(budget: Budget, value: Any, pattern: Any) -> bool:
    """Whether the pattern matches the whole text."""
    text = need_text(value)
    compiled = _pattern(budget, pattern)
    _charge_scan(budget, compiled, len(utf8(text)))
    _charge_groups(budget, compiled, len(text))
    return compiled.fullmatch(text) is not None


def regex_search(budget: Budget, value: Any, pattern: Any, group: Any = 0) -> Any:
    """The first part of the text that matches, or one group of it; null where there is none."""
    group = argument_int(group, "group", 0, 99)
    compiled = _pattern(budget, pattern)
    if group > compiled.groups:
        raise Refused(f"needs a group from 0 to {compiled.groups}, not {group}")
    match = next(_matches(budget, compiled, need_text(value)), None)
    return None if match is None else match.group(group)


def regex_findall(budget: Budget, value: Any, pattern: Any) -> list[Any]:
    """All parts that match: as strings, or as lists of the pattern's groups if it has several."""
    compiled = _pattern(budget, pattern)
    found = []
    for match in _matches(budget, compiled, need_text(value)):
        if compiled.groups < 2:
            found.append(match.group(compiled.groups) or "")
        else:
            budget.grow(compiled.groups * PIECE_ROOM)
            found.append([group or "" for group in match.groups()])
    return found


def regex_replace(
    budget: Budget, value: Any, pattern: Any, replacement: Any, count: Any = None
) -> str:
    r"""The text with what matches replaced; `\1` or `\g<name>` stand for groups."""
    text = need_text(value)
    compiled = _pattern(budget, pattern)
    pieces = _pieces(compiled, argument_text(replacement, "replacement"))
    limit = MAX_TEXT if count is None else argument_int(count, "count", 0, MAX_TEXT)
    parts: list[str] = []
    done = size = 0
    for match in _matches(budget, compiled, text):
        if limit <= 0:
            break
        limit -= 1
        budget.spend(len(pieces))
        new = [text[done : match.start()]]
        new += [piece if type(piece) is str else match.group(piece) or "" for piece in pieces]
        size += sum(map(len, new))
        if size > MAX_TEXT:
            budget.text(size)
        budget.grow(PIECE_ROOM * len(new))
        parts += new
        done = match.end()
    parts.append(text[done:])
    budget.text(size + len(text) - done)
    return "".join(parts)


def _pattern(budget: Budget, pattern: Any) -> Any:
    text = argument_text(pattern, "pattern")
    if len(text) > MAX_PATTERN:
        raise Refused(f"needs a pattern of at most {MAX_PATTERN} characters")
    budget.spend(len(text) * 10)
    compiled = compile_pattern(text)
    if isinstance(compiled, str):
        raise Refused(f"cannot read the pattern {shown(text)}: {compiled}")
    budget.spend(compiled.programsize)
    return compiled


def compile_pattern(pattern: str) -> Any:
    """The compiled pattern (RE2 keeps the latest 128), or what is wrong with it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except UnicodeEncodeError:
        return "it has half a character (a lone surrogate)"
    except re2.error as error:
        message = error.args[0]
        return message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return compiled if compiled.programsize <= MAX_PROGRAM else "it is too large"


def _matches(budget: Budget, compiled: Any, text: str) -> Iterator[Any]:
    """Each match; a search may read the rest of the text, so that each one is charged for it."""
    length = len(utf8(text))
    _charge_scan(budget, compiled, length)
    for match in compiled.finditer(text):
        size = match.end() - match.start()
        budget.grow(PIECE_ROOM + size)
        budget.spend(_MATCH_STEPS * (compiled.groups + 1))
        _charge_groups(budget, compiled, size)
        yield match
        _charge_scan(budget, compiled, length - match.end())


def _charge_scan(budget: Budget, compiled: Any, length: int) -> None:
    # A larger pattern may need the slow automaton, which visits every instruction at each byte.
    size = compiled.programsize
    budget.spend(length >> 6 if size <= _SMALL else length * size >> 4)


def _charge_groups(budget: Budget, compiled: Any, length: int) -> None:
    if compiled.groups:
        budget.spend(length * compiled.programsize >> 5)


def _pieces(compiled: Any, replacement: str) -> list[str | int]:
    """The replacement, cut into texts and numbers of groups."""
    pieces: list[str | int] = []
    done = 0
    for match in _GROUP.finditer(replacement):
        pieces.append(replacement[done : match.start()])
        done = match.end()
        index, name, backslash = match.groups()
        if backslash:
            pieces.append("\\")
            continue
        number = int(index or name) if (index or name).isdigit() else compiled.groupindex.get(name)
        if number is None or number > compiled.groups:
            raise Refused(f"needs a group that the pattern has, not {match.group()}")
        pieces.append(number)
    pieces.append(replacement[done:])
    return [piece for piece in pieces if piece != ""]


FILTERS: dict[str, Callable[..., Any]] = {
    "regex_match": regex_match,
    "regex_search": regex_search,
    "regex_findall": regex_findall,
    "regex_replace": regex_replace,
}
