"""Secrets are masked in every form in which they come back."""

from __future__ import annotations

import html
import json
import logging
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.cli.logs import JsonFormatter, TextFormatter
from minizaps.credentials.redact import MASK, Redactor, redacting

SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40)
AROUND = st.binary(max_size=5)


@given(SECRETS, AROUND, AROUND)
def test_no_form_of_a_secret_is_left(secret: str, before: bytes, after: bytes) -> None:
    redactor = Redactor([secret])
    raw = before + secret.encode() + after
    for text in (
        secret,
        f"x{secret}y",
        repr(secret),
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        quote(secret, safe="!'()*~"),
        html.escape(secret),
        json.dumps(json.dumps(secret)),
        json.dumps(secret).replace("/", "\\/"),
        secret.encode().hex(),
        repr(secret.encode()),
        b64encode(raw).decode(),
        urlsafe_b64encode(raw).decode(),
    ):
        assert MASK in redactor.text(text)


@given(SECRETS)
def test_a_json_value_is_masked_in_texts_and_names_and_stays_json(secret: str) -> None:
    value = {"a": [1, None, f"<{secret}>", {secret: True}], "n": 1.5}
    masked = Redactor([secret]).value(value)
    assert masked == {"a": [1, None, f"<{MASK}>", {MASK: True}], "n": 1.5}


def test_what_holds_no_secret_is_the_same_object() -> None:
    value = {"a": ["nothing"]}
    assert Redactor(["a secret"]).value(value) is value
    assert Redactor([]).value(value) is value


def test_too_short_a_secret_would_mask_everything_and_is_left() -> None:
    assert Redactor(["abc"]).text("abcdef") == "abcdef"


@pytest.mark.parametrize("formatter", [TextFormatter("%(message)s"), JsonFormatter()])
def test_log_lines_are_masked_with_their_tracebacks(formatter: logging.Formatter) -> None:
    logger = logging.getLogger("redact")
    with redacting(Redactor(["hidden text"])):
        try:
            raise ValueError("it was hidden text")
        except ValueError as error:
            found = (type(error), error, error.__traceback__)
            record = logger.makeRecord("x", 40, "f", 1, "%s", ("say hidden text",), found)
        line = formatter.format(record)
    assert "hidden text" not in line
    assert line.count(MASK) >= 2


def test_what_was_cut_off_in_a_secret_shows_no_beginning_of_it() -> None:
    cut = Redactor(["a long secret"]).excerpt({"body": "it was a long sec", "n": 1})
    assert cut == {"body": f"it was {MASK}", "n": 1}


def test_a_logged_secret_is_masked_before_the_line_becomes_json() -> None:
    secret = 'a "quoted" secret'
    record = logging.getLogger("redact").makeRecord("x", 40, "f", 1, "%r", ({secret: 1},), None)
    with redacting(Redactor([secret])):
        assert "quoted" not in JsonFormatter().format(record)
