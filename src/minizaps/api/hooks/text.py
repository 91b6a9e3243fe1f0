"""Text from outside: its character set, and its fields."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from minizaps.api.problems import HttpProblem

MOST_FIELDS = 1000
# Python knows many more, of which some decode in quadratic time and some are no character sets.
_CHARSETS = frozenset(
    ["utf-8", "utf-8-sig", "ascii", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u"]
    + ["shift_jis", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "euc_kr"]
    + [f"iso8859-{n}" for n in range(1, 17)]
    + [f"cp125{n}" for n in range(9)]
)
_XML_ENCODING = re.compile(rb"""^<\?xml[^>]{1,80}?encoding=["']([A-Za-z0-9._-]{1,40})["']""")


def decode(raw: bytes, charset: str) -> str:
    """The text of some bytes.

    Raises:
        HttpProblem: 415 for a character set that is not known, 400 for bytes that are not in it.
    """
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        name = ""
    if name not in _CHARSETS:
        detail = f"the character set {charset[:50]!r} is not known: send UTF-8"
        raise HttpProblem(415, "Unsupported media type", detail)
    try:
        return clean(raw.decode("utf-8-sig" if name == "utf-8" else name))
    except UnicodeDecodeError as error:
        raise bad_request(f"the body is not {name.upper()}: {error.reason}") from None


def declared_encoding(raw: bytes) -> str:
    """What the first line of an XML text says of its encoding; UTF-8 where it says nothing."""
    if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    found = _XML_ENCODING.match(raw)
    return found[1].decode() if found else "utf-8"


def fields_of(query: str, charset: str = "utf-8") -> dict[str, object]:
    """A form's or a query's fields; one that repeats is a list."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding=charset
        )
    except ValueError:
        raise bad_request(f"a form or a query has {MOST_FIELDS} fields at most") from None
    return gathered((clean(name), clean(value)) for name, value in pairs)


def gathered(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Values by their names; those of a name that repeats are a list."""
    fields: dict[str, object] = {}
    repeated: dict[str, list[object]] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif name in repeated:
            repeated[name].append(value)
        else:
            fields[name] = repeated[name] = [fields[name], value]
    return fields


def clean(text: str) -> str:
    """The text, which has no NUL."""
    if "\0" in text:
        raise bad_request("the character NUL is not allowed")
    return text


def bad_request(detail: str) -> HttpProblem:
    """What is said of a call that cannot be read."""
    return HttpProblem(400, "Bad request", detail)
