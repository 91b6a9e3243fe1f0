"""Names for steps in a test: a step's path in the run, or a path in which `[]` is any number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")
ANY_NUMBER = "[]"


def names(name: str, path: str) -> bool:
    """Whether a name stands for a step: `each[].send` for `each[3].send`."""
    return name == path or (ANY_NUMBER in name and _pattern(name).fullmatch(path) is not None)


def named(name: str, paths: Iterable[str]) -> list[str]:
    """Those of some paths for which a name stands."""
    return [path for path in paths if names(name, path)]


def choose(entries: Mapping[str, T], path: str) -> T | None:
    """The entry for a step: under its own path, else under the name that leaves least open."""
    found = sorted((n for n in entries if names(n, path)), key=lambda n: n.count(ANY_NUMBER))
    return entries[found[0]] if found else None


@lru_cache(1024)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(r"\[\d+\]".join(map(re.escape, name.split(ANY_NUMBER))))
