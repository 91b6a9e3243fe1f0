"""Comparing JSON with what is expected of it, so that a diff of the two shows what is wrong.

In what is expected, an object with one of these keys alone stands for more than one value:
`$any` anything, `$matches` a text with a match of an RE2 pattern, `$has` a value with at least
these parts, `$exactly` one with no others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import re2

ANY, MATCHES, HAS, EXACTLY = "$any", "$matches", "$has", "$exactly"
MARKERS = (ANY, MATCHES, HAS, EXACTLY)
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class _Absent:
    """Where there is no value."""


ABSENT = _Absent()


class Compared(NamedTuple):
    """A comparison's result.

    Attributes:
        expected: what was expected, with what was found in place of what fits.
        found: what was found, without what nobody asked about.
    """

    equal: bool
    expected: Any
    found: Any


def compare(expected: Any, found: Any, *, exact: bool) -> Compared:
    """Compare a value with what is expected of it.

    Args:
        exact: whether an object may have no other keys than expected.
    """
    match marker_of(expected):
        case str() as marker:
            return _marked(marker, expected, found)
    if isinstance(expected, dict) and isinstance(found, dict):
        return _objects(expected, found, exact=exact)
    if isinstance(expected, list) and isinstance(found, list):
        return _lists(expected, found, exact=exact)
    return Compared(_same(expected, found), expected, found)


def check_markers(expected: Any) -> None:
    """Refuse a marker that says nothing.

    Raises:
        ValueError: with what is wrong.
    """
    for part in expected.values() if isinstance(expected, dict) else ():
        check_markers(part)
    for part in expected if isinstance(expected, list) else ():
        check_markers(part)
    if not isinstance(expected, dict):
        return
    unknown = [k for k in expected if k.startswith("$") and k not in MARKERS]
    if unknown and len(expected) == 1:
        raise ValueError(f"unknown marker {unknown[0]!r}: known are {', '.join(MARKERS)}")
    match marker_of(expected):
        case "$any" if expected[ANY] is not True:
            raise ValueError('write {"$any": true}')
        case "$matches":
            _check_pattern(expected[MATCHES])


def marker_of(expected: Any) -> str | None:
    """The marker that an expected value is."""
    if not isinstance(expected, dict) or len(expected) != 1:
        return None
    key = next(iter(expected))
    return key if key in MARKERS else None


def _check_pattern(pattern: Any) -> None:
    if not isinstance(pattern, str):
        raise ValueError("$matches takes a regular expression as text")
    try:
        re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        said = error.args[0]
        message = said.decode() if isinstance(said, bytes) else said
        raise ValueError(f"cannot read the pattern {pattern!r}: {message}") from None


def _marked(marker: str, expected: dict[str, Any], found: Any) -> Compared:
    inner = expected[marker]
    if marker in (HAS, EXACTLY):
        return compare(inner, found, exact=marker == EXACTLY)
    if marker == ANY:
        fits = found is not ABSENT
    else:
        fits = isinstance(found, str) and re2.search(inner, found, _OPTIONS) is not None
    return Compared(fits, found if fits else expected, found)


def _objects(expected: dict[str, Any], found: dict[str, Any], *, exact: bool) -> Compared:
    wanted, shown, equal = {}, {}, True
    for key, value in expected.items():
        if key not in found:
            equal, wanted[key] = False, value
            continue
        same, wanted[key], shown[key] = compare(value, found[key], exact=exact)
        equal = equal and same
    if exact and (more := {k: v for k, v in found.items() if k not in expected}):
        equal, shown = False, {**shown, **more}
    return Compared(equal, wanted, shown)


def _lists(expected: list[Any], found: list[Any], *, exact: bool) -> Compared:
    pairs = [compare(e, f, exact=exact) for e, f in zip(expected, found, strict=False)]
    count = len(pairs)
    return Compared(
        len(expected) == len(found) and all(pair.equal for pair in pairs),
        [pair.expected for pair in pairs] + expected[count:],
        [pair.found for pair in pairs] + found[count:],
    )


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    return bool(expected == found)
