"""Telegram's answers are those of https://core.telegram.org/bots/api#making-requests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.outbound import HttpClient
from minizaps.connectors.telegram import TelegramConfig, TelegramConnector
from minizaps.credentials.types import TelegramBot
from minizaps.errors import ConnectorError, CredentialRefused

from .service import Service

TOKEN = "123456:AA-secret_token"
SENT = {"ok": True, "result": {"message_id": 7, "chat": {"id": -100, "type": "group"}}}


@pytest.fixture
async def telegram(serve: Any, monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    service.answers_with(200, SENT)
    monkeypatch.setattr(TelegramConnector, "api", await serve(service.answer))
    return service


@pytest.fixture
def shown(context: Context) -> Context:
    return replace(context, credential=TelegramBot(token=TOKEN))


async def send(shown: Context, **config: Any) -> dict[str, Any]:
    return await TelegramConnector(TelegramConfig.model_validate(config)).execute(shown)


PHOTO = "https://shop.test/a.png"


@pytest.mark.parametrize(
    ("config", "method", "body"),
    [
        ({"text": "a"}, "sendMessage", {"text": "a"}),
        (
            {"text": "<b>a</b>", "parse_mode": "HTML", "silent": True},
            "sendMessage",
            {"text": "<b>a</b>", "parse_mode": "HTML", "disable_notification": True},
        ),
        ({"photo": PHOTO}, "sendPhoto", {"photo": PHOTO}),
        ({"photo": PHOTO, "text": "a"}, "sendPhoto", {"photo": PHOTO, "caption": "a"}),
        ({"document": PHOTO}, "sendDocument", {"document": PHOTO}),
    ],
)
async def test_messages(
    shown: Context, telegram: Service, config: dict, method: str, body: dict
) -> None:
    assert await send(shown, chat_id=-100, **config) == {"message_id": 7, "chat_id": -100}
    (call,) = telegram.calls
    assert (call.method, call.path) == ("POST", f"/bot{TOKEN}/{method}")
    assert call.body == {"chat_id": -100, **body}


async def test_a_channel_has_a_name(shown: Context, telegram: Service) -> None:
    await send(shown, chat_id="@news", text="a")
    assert telegram.calls[0].body["chat_id"] == "@news"


async def test_a_rate_limit_is_waited_for(shown: Context, telegram: Service) -> None:
    limited = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 8"}
    telegram.answers_with(429, {**limited, "parameters": {"retry_after": 8}})
    with pytest.raises(ConnectorError, match="Too Many Requests") as failed:
        await send(shown, chat_id=1, text="a")
    assert (failed.value.retryable, failed.value.retry_after) == (True, 8)


@pytest.mark.parametrize(
    ("status", "description", "kind", "says"),
    [
        (400, "Bad Request: chat not found", "http_status", "has to write to the bot first"),
        (403, "Forbidden: bot was blocked by the user", "http_status", "blocked by the user"),
        (401, "Unauthorized", "credential_refused", "does not accept the bot's token"),
        (404, "Not Found", "credential_refused", "does not accept the bot's token"),
        (200, "what is this", "response", "no result"),
    ],
)
async def test_what_is_refused_says_what_to_do(
    shown: Context, telegram: Service, status: int, description: str, kind: str, says: str
) -> None:
    telegram.answers_with(status, {"ok": False, "error_code": status, "description": description})
    with pytest.raises(ConnectorError, match=says) as failed:
        await send(shown, chat_id=1, text="a")
    assert (failed.value.type, failed.value.retryable) == (kind, False)


async def refuse(request: web.Request) -> web.Response:
    return web.Response(status=502, text="bad gateway")


async def lead_away(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"/elsewhere{request.path}")


async def break_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def send_too_much(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 2_000)


@pytest.mark.parametrize("handler", [refuse, lead_away, break_off, send_too_much, None])
async def test_no_error_has_the_token(
    shown: Context, serve: Any, monkeypatch: pytest.MonkeyPatch, handler: Any
) -> None:
    api = await serve(handler) if handler else "http://127.0.0.1:1"
    monkeypatch.setattr(TelegramConnector, "api", api)
    async with HttpClient(allow_networks=["127.0.0.0/8"], max_response_bytes=1_000) as http:
        with pytest.raises(ConnectorError) as failed:
            await send(replace(shown, http=http), chat_id=1, text="a")
    cause: BaseException | None = failed.value
    while cause is not None:
        assert "secret" not in f"{cause} {getattr(cause, 'details', '')}"
        cause = cause.__cause__


async def test_a_timeout_has_no_token(
    shown: Context, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    monkeypatch.setattr(TelegramConnector, "api", await serve(hang))
    with pytest.raises(ConnectorError, match="no complete response") as failed:
        await shown.http.request("GET", f"{TelegramConnector.api}/bot{TOKEN}/getMe", timeout=0.05)
    over.set()
    assert "secret" not in str(failed.value)


async def test_a_token_with_odd_characters_is_one_part_of_the_path(
    context: Context, telegram: Service
) -> None:
    odd = replace(context, credential=TelegramBot(token="a/../b?c#d@e"))
    await send(odd, chat_id=1, text="a")
    assert telegram.calls[0].path == "/bota%2F..%2Fb%3Fc%23d@e/sendMessage"


async def test_a_bot_is_tried_without_a_message(shown: Context, telegram: Service) -> None:
    telegram.answers_with(200, {"ok": True, "result": {"id": 1, "username": "zaps_bot"}})
    assert "@zaps_bot" in await TelegramConnector.try_credential(shown)
    assert telegram.calls[0].path.endswith("/getMe")
    telegram.answers_with(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    with pytest.raises(CredentialRefused):
        await TelegramConnector.try_credential(shown)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "set text, photo or document"),
        ({"photo": PHOTO, "document": PHOTO}, "at most one"),
        ({"photo": PHOTO, "text": "x" * 1025}, "1024"),
        ({"text": "x" * 4097}, "4096"),
        ({"photo": "file:///etc/passwd"}, "pattern"),
        ({"text": "a", "parse_mode": "BBCode"}, "Input should be"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_what_is_no_message_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        TelegramConfig.model_validate({"chat_id": 1, **config})
