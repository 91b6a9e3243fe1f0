"""What a message gives a run, and what makes two deliveries one message."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.connectors.delivery import Delivery, plain
from minizaps.errors import InvalidInput
from minizaps.triggers.queue import payload, sender_key

LARGEST = 100


def delivery(body: Any, content_type: str | None = None, sender_id: str | None = "1") -> Delivery:
    return Delivery(body, content_type, sender_id, {}, {}, None)


@pytest.mark.parametrize(
    ("written", "content_type", "body", "value"),
    [
        ("auto", "application/json; charset=utf-8", b'{"a": 1}', {"a": 1}),
        ("auto", "application/cloudevents+json", b"[1]", [1]),
        ("auto", "text/csv", b"1,2", "1,2"),
        ("auto", "image/png", b"\xff\x00", "/wA="),
        ("auto", None, b"7", 7),
        ("auto", None, "Grüße".encode(), "Grüße"),
        ("auto", "", b"\xff\x00", "/wA="),
        ("json", "text/plain", b"true", True),
        ("text", "application/json", b"7", "7"),
        ("base64", "application/json", b"7", "Nw=="),
        ("json", None, {"n": "7"}, {"n": "7"}),
    ],
)
def test_a_body_is_what_the_format_or_the_content_type_says(
    written: str, content_type: str | None, body: Any, value: Any
) -> None:
    assert payload(delivery(body, content_type), written, LARGEST) == value


@pytest.mark.parametrize(
    ("written", "body", "detail"),
    [
        ("json", b"{", "not acceptable JSON"),
        ("json", b"", "not acceptable JSON"),
        ("text", b"\xff", "no text in UTF-8"),
        ("text", b"a\x00", "no text in UTF-8"),
        ("auto", b"1" * (LARGEST + 1), "101 bytes"),
        ("auto", {"a": "b" * LARGEST}, "108 bytes"),
        ("auto", {"a": "\0"}, "NUL"),
        ("auto", None, "was removed"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(written: str, body: Any, detail: str) -> None:
    with pytest.raises(InvalidInput, match=detail):
        payload(delivery(body), written, LARGEST)


def test_a_message_is_known_by_its_id_and_its_body() -> None:
    assert sender_key(delivery(b"a")) == sender_key(delivery(b"a", "text/plain"))
    assert sender_key(delivery(b"a")) != sender_key(delivery(b"b"))
    assert sender_key(delivery(b"a")) != sender_key(delivery(b"a", sender_id="2"))
    assert sender_key(delivery({"a": 1, "b": 2})) == sender_key(delivery({"b": 2, "a": 1}))
    assert sender_key(delivery(b"a", sender_id=None)) is None


def test_headers_are_json() -> None:
    headers = {
        "a": b"x",
        b"b": [b"\xff", 1, None, (True,)],
        "c": {"d": 1.5},
        "e": object,
        "f": "x\0y",
    }
    assert plain(headers) == {
        "a": "x", "b": ["/w==", 1, None, [True]], "c": {"d": 1.5}, "e": str(object), "f": "xy",
    }  # fmt: skip
