from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.email import EmailConfig, EmailConnector
from minizaps.credentials.types import Smtp
from minizaps.errors import AddressRefused, ConnectorError, CredentialRefused, NetworkFailed

from .mail_server import PASSWORD, Box, mail_server
from .wire import cut_at


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with mail_server(enable_SMTPUTF8=True) as box:
        yield box


def opened(context: Context, port: int, **fields: Any) -> Context:
    given = {"host": "localhost", "port": port, "security": "none", **fields}
    return replace(context, credential=Smtp.model_validate(given))


async def send(context: Context, box: Box, **config: Any) -> dict[str, Any]:
    fields = {"from": "shop@acme.test", "to": "ada@acme.test", "body": "Hello", **config}
    shown = context if context.credential else opened(context, box.port)
    return await EmailConnector(EmailConfig.model_validate(fields)).execute(shown)


async def refusal(context: Context, box: Box, **config: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as failed:
        await send(context, box, **config)
    return failed.value


async def test_a_mail_has_what_the_config_says(context, box: Box) -> None:
    output = await send(
        context,
        box,
        **{"from": "Der Läden <shop@acme.test>", "subject": "Grüße, № 5", "body": "Schön\n.\n"},
        to=["Ada, Countess <ada@acme.test>".replace("Ada, Countess", '"Ada, Countess"')],
        cc="bob@acme.test, eve@acme.test",
        bcc=["hidden@acme.test"],
        reply_to="help@acme.test",
        headers={"In-Reply-To": "<1@acme.test>"},
    )
    mail = box.mail()
    assert mail["From"] == "Der Läden <shop@acme.test>"
    assert mail["To"] == '"Ada, Countess" <ada@acme.test>'
    assert mail["Cc"] == "bob@acme.test, eve@acme.test"
    assert mail["Reply-To"] == "help@acme.test"
    assert mail["Subject"] == "Grüße, № 5"
    assert mail["In-Reply-To"] == "<1@acme.test>"
    assert mail["Date"].datetime == context.now()
    assert mail["Message-ID"] == output["message_id"]
    assert mail.get_content() == "Schön\r\n.\r\n"
    everybody = ["ada@acme.test", "bob@acme.test", "eve@acme.test", "hidden@acme.test"]
    assert box.taken[0].rcpt_tos == everybody
    assert b"hidden" not in box.taken[0].content
    assert box.taken[0].content.isascii()
    assert (output["accepted"], output["refused"]) == (everybody, [])


async def test_the_message_id_is_the_same_for_every_attempt(context, box: Box) -> None:
    first = await send(context, box)
    again = await send(replace(context, attempt=2), box)
    other = await send(replace(context, idempotency_key="another"), box)
    assert first["message_id"] == again["message_id"] != other["message_id"]
    assert re.fullmatch(r"<[0-9a-f]{32}@acme\.test>", first["message_id"])


async def test_text_and_html_are_alternatives_beside_the_attachments(context, box: Box) -> None:
    data = bytes(range(256))
    files = [
        {"filename": "Größe.csv", "content": "a,ß\n"},
        {"filename": "x.bin", "content_base64": b64encode(data).decode()},
        {"filename": "x", "content": "{}", "content_type": "application/json"},
    ]
    await send(context, box, html="<p>Hällo</p>", attachments=files)
    mail = box.mail()
    assert mail.get_content_type() == "multipart/mixed"
    assert mail.get_body(("plain",)).get_content() == "Hello\r\n"
    assert mail.get_body(("html",)).get_content() == "<p>Hällo</p>\r\n"
    parts = [(p.get_filename(), p.get_content_type(), p.get_content()) for p in
             mail.iter_attachments()]  # fmt: skip
    assert parts == [
        ("Größe.csv", "text/csv", "a,ß\n"),
        ("x.bin", "application/octet-stream", data),
        ("x", "application/json", b"{}"),
    ]


async def test_html_alone_is_the_whole_mail(context, box: Box) -> None:
    await send(context, box, body=None, html="<p>" + "long " * 500 + "</p>")
    assert box.mail().get_content_type() == "text/html"
    assert max(map(len, box.taken[0].content.split(b"\r\n"))) <= 998


async def test_international_addresses_are_sent_as_the_server_can(context, box: Box) -> None:
    await send(context, box, to="ada@straße.example")
    assert box.taken.pop().rcpt_tos == ["ada@xn--strae-oqa.example"]
    await send(context, box, to="Jürgen <jürgen@acme.test>")
    assert box.taken[0].rcpt_tos == ["jürgen@acme.test"]
    assert "SMTPUTF8" in box.taken[0].mail_options
    async with mail_server() as old:
        failed = await refusal(context, old, to="jürgen@acme.test")
    assert (failed.type, failed.retryable) == ("bad_request", False)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_password_goes_over_tls(trusting, server_tls, security: str) -> None:
    options = {"tls": server_tls} if security == "tls" else {"tls_context": server_tls}
    quiet = {"auth_require_tls": False} if security == "tls" else {"auth_required": True}
    async with mail_server(**options, **quiet) as box:
        known = {"security": security, "username": "shop", "password": PASSWORD}
        await send(opened(trusting, box.port, **known), box)
        assert (box.logins, len(box.taken)) == ([b"shop"], 1)
        assert box.encrypted == [True]
        said = await EmailConnector.try_credential(opened(trusting, box.port, **known))
        assert said == f"logged in at localhost:{box.port}"
        wrong = opened(trusting, box.port, **{**known, "password": "wrong"})
        with pytest.raises(CredentialRefused) as refused:
            await EmailConnector.try_credential(wrong)
        assert not refused.value.retryable
        assert "wrong" not in str(refused.value)
        assert len(box.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_is_checked(context, server_tls, trusting, security: str) -> None:
    options = {"tls": server_tls} if security == "tls" else {"tls_context": server_tls}
    async with mail_server(**options) as box:
        failed = await refusal(opened(context, box.port, security=security), box)
        assert isinstance(failed, NetworkFailed)
        assert "not trusted" in str(failed)
        assert not failed.retryable
        other = opened(trusting, box.port, security=security, host="127.0.0.1")
        assert "not trusted" in str(await refusal(other, box))
    assert box.taken == []


async def test_without_starttls_nothing_is_sent(context, box: Box) -> None:
    failed = await refusal(opened(context, box.port, security="starttls"), box)
    assert "STARTTLS" in str(failed)
    assert (failed.type, failed.retryable, box.taken) == ("mail_refused", False, [])


@pytest.mark.parametrize("who", ["shop@acme.test", "ada@acme.test", "DATA"])
@pytest.mark.parametrize(("code", "retryable"), [(451, True), (550, False)])
async def test_a_refusal_is_for_now_or_for_good(
    context, box: Box, who: str, code: int, retryable: bool
) -> None:
    box.answers[who] = f"{code} no"
    failed = await refusal(context, box)
    assert (failed.type, failed.retryable) == ("mail_refused", retryable)
    assert f"{code} no" in str(failed)
    assert box.taken == []


async def test_recipients_that_are_refused_are_told(context, box: Box) -> None:
    box.answers["bob@acme.test"] = "550 nobody"
    output = await send(context, box, to=["ada@acme.test", "bob@acme.test"])
    assert output["accepted"] == ["ada@acme.test"]
    assert output["refused"] == [{"address": "bob@acme.test", "code": 550, "message": "nobody"}]


async def test_a_cut_after_the_mail_was_sent_is_not_retried(context, box: Box) -> None:
    box.cut_at_data = True
    failed = await refusal(context, box)
    assert (failed.type, failed.retryable) == ("outcome_unknown", False)


@pytest.mark.parametrize("word", [b"MAIL", b"RCPT"])
async def test_a_cut_before_the_mail_is_sent_is_retried(context, box: Box, word: bytes) -> None:
    async with cut_at(word, box.port) as port:
        failed = await refusal(opened(context, port), box)
    assert (failed.type, failed.retryable) == ("network", True)


async def test_a_server_that_is_not_there_is_retried(context, box: Box) -> None:
    failed = await refusal(opened(context, 1), box)
    assert (failed.type, failed.retryable) == ("network", True)
    with pytest.raises(AddressRefused):
        await send(opened(context, 25, host="169.254.169.254"), box)


@pytest.mark.parametrize("field", ["from", "to", "cc", "bcc", "reply_to", "subject"])
@pytest.mark.parametrize("text", ["ada@acme.test\nBcc: eve@acme.test", "a\r@acme.test", "\0"])
def test_a_line_break_in_a_header_is_refused_by_its_name(field: str, text: str) -> None:
    config = {"to": "ada@acme.test", "body": "", field: text}
    with pytest.raises(ValidationError) as refused:
        EmailConfig.model_validate(config)
    (error,) = refused.value.errors()
    assert error["loc"][0] == field
    assert "line break" in error["msg"]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "set body, html or both"),
        ({"to": [], "body": ""}, "at least one of to, cc and bcc"),
        ({"to": "ada", "body": ""}, "not a mail address"),
        ({"to": "", "body": ""}, "at least one"),
        ({"to": "team: ada@acme.test;", "body": ""}, "not a mail address"),
        ({"to": "<ada@acme.test> SIZE=1", "body": ""}, "not a mail address"),
        ({"to": "=?utf-8?q?a=0ab?= <ada@acme.test>", "body": ""}, "CR or LF"),
        ({"from": "a@acme.test, b@acme.test", "body": ""}, "more than one"),
        ({"headers": {"Bcc": "eve@acme.test"}, "body": ""}, "is not set here"),
        ({"headers": {"X:": "1"}, "body": ""}, "not the name of a header"),
        ({"headers": {"X": "1\n2"}, "body": ""}, "line break"),
        ({"attachments": [{"filename": "a"}], "body": ""}, "exactly one"),
        ({"attachments": [{"filename": "a\n", "content": ""}], "body": ""}, "line break"),
        (
            {"attachments": [{"filename": "a", "content": "", "content_type": "x"}], "body": ""},
            "not the media type",
        ),
    ],
)
def test_what_is_no_mail_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        EmailConfig.model_validate({"to": "ada@acme.test", **config})


async def test_a_mail_that_is_too_large_is_not_sent(
    context, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minizaps.connectors.email.LARGEST_MAIL", 2**20)
    await send(context, box, attachments=[{"filename": "a", "content": "x" * 700_000}])
    failed = await refusal(context, box, attachments=[{"filename": "a", "content": "x" * 800_000}])
    assert (failed.type, failed.retryable) == ("bad_request", False)
    assert "more than 1 MiB" in str(failed)
    assert len(box.taken) == 1


async def test_what_cannot_be_sent_is_an_error_of_the_request(context, box: Box) -> None:
    broken = [{"filename": "a", "content_base64": "%"}]
    assert (await refusal(context, box, attachments=broken)).type == "bad_request"
    failed = await refusal(context, box, **{"from": None})
    assert failed.type == "bad_request"
    assert "sender" in str(failed)
    known = opened(context, box.port, sender="Shop <default@acme.test>")
    await send(known, box, **{"from": None})
    assert box.mail()["From"] == "Shop <default@acme.test>"
