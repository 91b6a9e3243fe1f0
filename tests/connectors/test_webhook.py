from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.responses import parse_retry_after
from minizaps.connectors.webhook import WebhookConfig, WebhookConnector
from minizaps.credentials.credential import AccessToken, Credential
from minizaps.credentials.types import HttpBasic, HttpBearer, HttpHeader
from minizaps.errors import (
    AttemptTimedOut,
    ConnectorError,
    CredentialRefused,
    ResponseRefused,
)

from .conftest import NOW


async def send(context: Context, **config: Any) -> dict[str, Any]:
    return await WebhookConnector(WebhookConfig.model_validate(config)).execute(context)


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "query": list(map(list, request.query.items())),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": await request.text(),
        }
    )


def answer(**response: Any) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(**response)

    return handler


@pytest.mark.parametrize(
    ("config", "body", "content_type"),
    [
        ({"json": {"a": [1, None, "ü"]}}, '{"a":[1,null,"ü"]}', "application/json"),
        ({"json": None}, "null", "application/json"),
        ({"json": False}, "false", "application/json"),
        (
            {"form": {"a": "1 2", "b": "ü&"}},
            "a=1+2&b=%C3%BC%26",
            "application/x-www-form-urlencoded",
        ),
        ({"text": "Grüße"}, "Grüße", "text/plain; charset=utf-8"),
        ({"text": ""}, "", "text/plain; charset=utf-8"),
        ({}, "", None),
        ({"text": "<a/>", "headers": {"content-type": "text/xml"}}, "<a/>", "text/xml"),
    ],
)
async def test_bodies(context, serve, config: dict, body: str, content_type: str | None) -> None:
    output = await send(context, url=await serve(echo), **config)
    assert output["status"] == 200
    seen = output["body"]
    assert seen["method"] == "POST"
    assert seen["body"] == body
    assert seen["headers"].get("content-type") == content_type


async def test_the_query_takes_all_kinds_of_values(context, serve) -> None:
    url = await serve(echo)
    output = await send(
        context, url=f"{url}/?x=1", query={"t": "a&b", "n": 2, "f": 2.5, "b": True, "l": ["x", 1]}
    )
    assert output["body"]["query"] == [
        ["x", "1"], ["t", "a&b"], ["n", "2"], ["f", "2.5"], ["b", "true"], ["l", "x"], ["l", "1"]
    ]  # fmt: skip


async def test_numbers_in_headers_and_forms_are_sent_as_text(context, serve) -> None:
    seen = await send(context, url=await serve(echo), headers={"X-Id": 7}, form={"total": 1.5})
    assert seen["body"]["headers"]["x-id"] == "7"
    assert seen["body"]["body"] == "total=1.5"


async def test_the_idempotency_key_is_sent_unless_the_config_has_one(context, serve) -> None:
    url = await serve(echo)
    output = await send(context, url=url)
    assert output["body"]["headers"]["idempotency-key"] == "key-of-this-step"
    output = await send(context, url=url, headers={"idempotency-key": "mine"})
    assert output["body"]["headers"]["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("credential", "name", "value"),
    [
        (
            HttpBasic(username="u", password="p:ü"),
            "authorization",
            "Basic " + b64encode("u:p:ü".encode()).decode(),
        ),
        (HttpBearer(token="t"), "authorization", "Bearer t"),
        (HttpHeader(name="X-Api-Key", value="k"), "x-api-key", "k"),
        (AccessToken(token="a"), "authorization", "Bearer a"),
    ],
)
async def test_a_credential_is_shown_in_its_header(
    context, serve, credential: Credential, name: str, value: str
) -> None:
    output = await send(replace(context, credential=credential), url=await serve(echo))
    assert output["body"]["headers"][name] == value


async def test_a_credential_that_is_not_accepted_is_an_error_of_its_own(context, serve) -> None:
    shown = replace(context, credential=HttpBearer(token="t"))
    url = await serve(answer(status=401))
    with pytest.raises(CredentialRefused) as refused:
        await send(shown, url=url)
    assert (refused.value.type, refused.value.retryable) == ("credential_refused", False)
    with pytest.raises(ConnectorError) as failed:
        await send(context, url=url)
    assert failed.value.type == "http_status"


async def test_a_header_is_set_once_by_the_credential_or_the_config(context, serve) -> None:
    shown = replace(context, credential=HttpBearer(token="t"))
    with pytest.raises(ConnectorError, match="both") as failed:
        await send(shown, url=await serve(echo), headers={"authorization": "x"})
    assert failed.value.type == "bad_request"


@pytest.mark.parametrize(
    ("content_type", "body", "output"),
    [
        ("application/json", b'{"a": [1, 2.5, null]}', {"body": {"a": [1, 2.5, None]}}),
        ("application/problem+json; charset=utf-8", b"[]", {"body": []}),
        ("Application/JSON", b"\xef\xbb\xbf1", {"body": 1}),
        ("application/json", b"", {"body": None}),
        ("text/plain; charset=iso-8859-1", b"caf\xe9", {"body": "café"}),
        ('text/plain; charset="UTF-8"', "café".encode(), {"body": "café"}),
        ("text/html; charset=utf-8", b"caf\xe9", {"body": "caf�"}),
        ("text/html; charset=unicode_escape", b"\\ud800", {"body": "\\ud800"}),
        ("text/html; charset=utf-7", b"+2AA-", {"body": "+2AA-"}),
        ("text/html; charset=no-such", b"x", {"body": "x"}),
        ("application/x-www-form-urlencoded", b"a=1", {"body": "a=1"}),
        ("application/atom+xml", b"<a/>", {"body": "<a/>"}),
        ("image/png", b"\x89PNG", {"body": "iVBORw==", "encoding": "base64"}),
        ("application/octet-stream", b"x", {"body": "eA==", "encoding": "base64"}),
    ],
)
async def test_a_body_is_read_by_its_type(
    context, serve, content_type: str, body: bytes, output: dict
) -> None:
    url = await serve(answer(body=body, headers={"Content-Type": content_type}))
    seen = await send(context, url=url)
    assert seen.pop("status") == 200
    assert seen.pop("headers")["content-type"] == content_type
    assert seen == output


@pytest.mark.parametrize("status", [200, 204])
async def test_no_body_is_null(context, serve, status: int) -> None:
    url = await serve(answer(status=status))
    assert (await send(context, url=url))["body"] is None
    assert (await send(context, url=url, method="HEAD"))["body"] is None


@pytest.mark.parametrize(
    "body",
    [b"{", b"<html>", b"NaN", b"Infinity", b"[1,]", b'"\\ud800"', b'"\xff"', b"1 2"]
    + [b"[" * n + b"]" * n for n in (65, 300, 100_000)]
    + [b'{"a":' * 65 + b"1" + b"}" * 65],
    ids=lambda body: ascii(body[:20]),
)
async def test_json_that_is_broken_or_too_deep_is_refused(context, serve, body: bytes) -> None:
    url = await serve(answer(body=body, content_type="application/json"))
    with pytest.raises(ResponseRefused) as refused:
        await send(context, url=url)
    assert not refused.value.retryable


async def test_json_of_just_the_depth_is_read(context, serve) -> None:
    body = b"[" * 64 + b"]" * 64 + b" "
    url = await serve(answer(body=body, content_type="application/json"))
    assert (await send(context, url=url))["body"]
    wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
    url = await serve(answer(body=wide, content_type="application/json"))
    assert len((await send(context, url=url))["body"]) == 1000


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *[(status, False) for status in (304, 400, 401, 404, 409, 410, 422)],
        *[(status, True) for status in (408, 425, 429, 500, 501, 503, 599)],
    ],
)
async def test_statuses(context, serve, status: int, retryable: bool) -> None:
    url = await serve(answer(status=status, text="" if status == 304 else "sorry"))
    with pytest.raises(ConnectorError) as failed:
        await send(context, url=url)
    assert failed.value.type == "http_status"
    assert failed.value.retryable == retryable
    assert failed.value.details == {"status": status, "body": "" if status == 304 else "sorry"}
    assert f"answered {status}" in str(failed.value)


async def test_a_refused_response_is_shown_in_part(context, serve) -> None:
    url = await serve(answer(status=400, text="x" * 5000))
    with pytest.raises(ConnectorError) as failed:
        await send(context, url=url)
    assert failed.value.details["body"] == "x" * 2048


@pytest.mark.parametrize(
    ("accept", "status", "good"),
    [([404], 404, True), ([404], 200, False), ([200, 302], 302, True), ([500], 500, True)],
)
async def test_accept(context, serve, accept: list, status: int, good: bool) -> None:
    url = await serve(answer(status=status, headers={"Location": "/"}))
    if good:
        assert (await send(context, url=url, accept=accept))["status"] == status
    else:
        with pytest.raises(ConnectorError):
            await send(context, url=url, accept=accept)


async def test_retry_after_is_passed_on(context, serve) -> None:
    headers = {"Retry-After": "120"}
    with pytest.raises(ConnectorError) as failed:
        await send(context, url=await serve(answer(status=503, headers=headers)))
    assert failed.value.retry_after == 120
    with pytest.raises(ConnectorError) as failed:
        await send(context, url=await serve(answer(status=400, headers=headers)))
    assert failed.value.retry_after is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("99999999999", 99999999999.0),
        (format_datetime(NOW + timedelta(hours=1), usegmt=True), 3600.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("Thu, 31 Jan 2030 12:00:10 -0000", 10.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 251506209599.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("inf", None),
        ("٣", None),
        ("9" * 400, None),
        ("Thu, 31 Feb 2030 12:00:00 GMT", None),
        ("Thu, 31 Jan 99999 12:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


async def test_the_timeout_is_the_config_s(context, serve) -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1)
        return web.Response()

    with pytest.raises(AttemptTimedOut):
        await send(context, url=await serve(slow), timeout=0.1)


@pytest.mark.parametrize(
    "config",
    [
        {"json": 2**70},
        {"json": "\ud800"},
        {"form": {"a": "\ud800"}},
        {"text": "\ud800"},
        {"headers": {"X": "a\nb"}},
        {"headers": {"Host": "x"}},
    ],
    ids=ascii,
)
async def test_what_cannot_be_sent_is_a_typed_error(context, serve, config: dict) -> None:
    with pytest.raises(ConnectorError) as failed:
        await WebhookConnector(WebhookConfig(url=await serve(echo), **config)).execute(context)
    assert failed.value.type == "bad_request"
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "Field required"),
        ({"url": "ftp://x"}, "http:// or https://"),
        ({"url": "example.test"}, "http:// or https://"),
        ({"url": "http://"}, "http:// or https://"),
        ({"method": "TRACE"}, "Input should be"),
        ({"json": None, "text": "x"}, "at most one"),
        ({"form": {}, "text": "x"}, "at most one"),
        ({"timeout": 0}, "greater than 0"),
        ({"timeout": 601}, "less than or equal to 600"),
        ({"timeout": "P1M"}, "months"),
        ({"accept": []}, "at least 1"),
        ({"accept": [99]}, "100"),
        ({"json_": 1}, "Extra inputs"),
        ({"body": 1}, "Extra inputs"),
    ],
)
def test_what_is_no_request_is_refused(config: dict, says: str) -> None:
    if config:
        config.setdefault("url", "https://example.test")
    with pytest.raises(ValidationError, match=says):
        WebhookConfig.model_validate(config)


def test_the_schema_shows_json_and_describes_every_field() -> None:
    properties = WebhookConfig.model_json_schema()["properties"]
    assert list(properties) == [
        "method", "url", "headers", "query", "json", "form", "text", "multipart", "timeout",
        "accept", "response", "paginate",
    ]  # fmt: skip
    assert all(field["description"] for field in properties.values())


def test_a_template_may_stand_for_the_url() -> None:
    assert WebhookConfig(url="{{ base }}/orders").url == "{{ base }}/orders"
