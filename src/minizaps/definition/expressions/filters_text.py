"""Filters on strings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from minizaps.definition.expressions.attributes import values_at
from minizaps.definition.expressions.budget import MAX_TEXT, PIECE_ROOM, Budget, Refused
from minizaps.definition.expressions.values import (
    argument_bool,
    argument_int,
    argument_text,
    need_list,
    need_text,
    text_of,
)

_WORDS = re.compile(r"([-\s({\[<]+)")
_NO_SLUG = re.compile(r"[^a-z0-9]+")


def upper(budget: Budget, value: Any) -> str:
    """The text in capitals."""
    return _changed(budget, value, str.upper)


def lower(budget: Budget, value: Any) -> str:
    """The text in small letters."""
    return _changed(budget, value, str.lower)


def capitalize(budget: Budget, value: Any) -> str:
    """The first letter as a capital, the others small."""
    return _changed(budget, value, str.capitalize)


def _changed(budget: Budget, value: Any, change: Callable[[str], str]) -> str:
    text = need_text(value)
    budget.text(len(text))
    budget.spend(0 if text.isascii() else len(text) >> 2)
    return change(text)


def title(budget: Budget, value: Any) -> str:
    """Each word with a capital."""
    text = need_text(value)
    budget.text(len(text))
    budget.spend(len(text))
    return "".join(word[:1].upper() + word[1:].lower() for word in _WORDS.split(text))


def trim(budget: Budget, value: Any, chars: Any = None) -> str:
    """The text without white space, or without the given characters, at both ends."""
    text = need_text(value)
    budget.text(len(text))
    if chars is None:
        return text.strip()
    budget.spend((len(text) * len(argument_text(chars, "chars"))) >> 6)
    return text.strip(chars)


def replace(budget: Budget, value: Any, old: Any, new: Any, count: Any = None) -> str:
    """The text with one part replaced by another, everywhere or `count` times."""
    text, old, new = need_text(value), argument_text(old, "old"), argument_text(new, "new")
    if not old:
        raise Refused("needs something to look for: 'old' is empty")
    limit = -1 if count is None else argument_int(count, "count", 0, MAX_TEXT)
    budget.spend((len(text) + len(old)) >> 4)
    found = text.count(old)
    found = found if limit < 0 else min(found, limit)
    budget.text(len(text) + found * (len(new) - len(old)))
    return text.replace(old, new, limit)


def split(budget: Budget, value: Any, separator: Any = None, limit: Any = None) -> list[str]:
    """The parts between the separators; without one, the words."""
    text = need_text(value)
    most = -1 if limit is None else argument_int(limit, "limit", 0, MAX_TEXT)
    budget.text(len(text))
    if separator is None:
        parts = text.split(None, min(most, budget.steps) if most >= 0 else budget.steps)
    elif argument_text(separator, "separator"):
        parts_count = text.count(separator) + 1
        parts_count = parts_count if most < 0 else min(parts_count, most + 1)
        _pieces(budget, parts_count)
        return text.split(separator, most)
    else:
        raise Refused("needs a separator that is not empty")
    _pieces(budget, len(parts))
    return parts


def _pieces(budget: Budget, count: int) -> None:
    budget.spend(count)
    budget.grow(count * PIECE_ROOM)


def join(budget: Budget, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """The items of a list as one text."""
    items = need_list(value)
    between = argument_text(separator, "separator")
    budget.items(len(items))
    if attribute is not None:
        items = list(values_at(budget, items, attribute))
    texts = [item if type(item) is str else text_of(item, budget) for item in items]
    budget.text(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def truncate(
    budget: Budget, value: Any, length: Any = 255, killwords: Any = False, end: Any = "..."
) -> str:
    """The text, cut to at most `length` characters, with `end` where something was cut."""
    text, ending = need_text(value), argument_text(end, "end")
    length = argument_int(length, "length", 0, MAX_TEXT)
    if len(text) <= length:
        return text
    if len(ending) > length:
        raise Refused("needs a length that has room for 'end'")
    budget.text(length)
    cut = text[: length - len(ending)]
    if not argument_bool(killwords, "killwords"):
        cut = cut.rsplit(" ", 1)[0]
    return cut + ending


def slug(budget: Budget, value: Any) -> str:
    """The text as part of an address: small letters a to z, digits and hyphens."""
    text = need_text(value)
    budget.text(len(text))
    budget.spend(len(text) * 2)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NO_SLUG.sub("-", plain.lower()).strip("-")


FILTERS: dict[str, Callable[..., Any]] = {
    "upper": upper,
    "lower": lower,
    "capitalize": capitalize,
    "title": title,
    "trim": trim,
    "replace": replace,
    "split": split,
    "join": join,
    "truncate": truncate,
    "slug": slug,
}
