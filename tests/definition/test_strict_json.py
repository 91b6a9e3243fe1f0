"""JSON from outside is refused where others would read it differently."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.definition.strict_json import (
    check_json,
    join_pointer,
    parse_document,
    parse_json,
)
from minizaps.errors import JsonInvalid

GOOD: dict[bytes, Any] = {
    b"null": None,
    b" [1, 2.5, -3e2] ": [1, 2.5, -300.0],
    b'"\\ud83d\\ude00"': "😀",
    '"😀ä"'.encode(): "😀ä",
    b"18446744073709551615": 2**64 - 1,
    b"-9223372036854775808": -(2**63),
    b"0.1234567890123456789012345": 0.12345678901234568,
    b"1e308": 1e308,
    b'"12345678901234567890123"': "12345678901234567890123",
    b"[" * 64 + b"]" * 64: None,
}
BAD = [
    b"",
    b" ",
    b"{",
    b"[1,]",
    b"{'a':1}",
    b"01",
    b"+1",
    b".5",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"1" * 5000,
    b'{"a":' + b"9" * 5000 + b"}",
    b"18446744073709551616",
    b"-9223372036854775809",
    b'"\\u0000"',
    b'{"\\u0000":1}',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\xff"',
    b"\xef\xbb\xbf{}",
    b"\xff\xfe1\x00",
    b"[" * 65 + b"]" * 65,
    b'{"a":' * 65 + b"1" + b"}" * 65,
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'"\x01"',
    b"1 2",
    b"// x\n1",
]


@pytest.mark.parametrize("raw", GOOD, ids=lambda raw: repr(raw[:24]))
@pytest.mark.parametrize("parse", [parse_json, parse_document])
def test_json_is_read(parse: Any, raw: bytes) -> None:
    value = parse(raw)
    assert GOOD[raw] is None or (value == GOOD[raw] and type(value) is type(GOOD[raw]))
    assert parse(raw.decode()) == value


@pytest.mark.parametrize("raw", BAD, ids=lambda raw: repr(raw[:24]))
@pytest.mark.parametrize("parse", [parse_json, parse_document])
def test_what_others_read_differently_is_refused(parse: Any, raw: bytes) -> None:
    with pytest.raises(JsonInvalid):
        parse(raw)


@pytest.mark.parametrize("raw", [b'{"a":1,"a":1}', b'[{"b":{"a":1,"\\u0061":2}}]', b'{"":1,"":2}'])
def test_a_key_that_stands_twice_is_refused_in_a_document(raw: bytes) -> None:
    parse_json(raw)
    with pytest.raises(JsonInvalid, match="twice"):
        parse_document(raw)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**64, -(2**63) - 1, "\0", {"\0": 1}]
)
def test_a_value_is_checked_as_its_text_would_be(value: Any) -> None:
    with pytest.raises(JsonInvalid) as caught:
        check_json({"a/b": [value]})
    assert caught.value.problems[0].pointer == "/a~1b/0"


@pytest.mark.parametrize(
    ("part", "pointer"), [("a", "/a"), (0, "/0"), ("", "/"), ("a/b", "/a~1b"), ("a~b", "/a~0b")]
)
def test_a_pointer_escapes_as_rfc_6901_says(part: str | int, pointer: str) -> None:
    assert join_pointer("", part) == pointer


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(JsonInvalid):
        check_json(parse_document(raw))
