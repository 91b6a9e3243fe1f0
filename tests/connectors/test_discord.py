"""Discord's answers are those of https://docs.discord.com/developers/resources/webhook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.discord import DiscordConfig, DiscordConnector
from minizaps.credentials.types import DiscordWebhook
from minizaps.errors import ConnectorError, CredentialRefused

from .service import Service


@pytest.fixture
def discord() -> Service:
    service = Service()
    service.answers_with(200, {"id": "11", "channel_id": "22", "content": "a"})
    return service


@pytest.fixture
async def shown(context: Context, serve: Any, discord: Service) -> Context:
    url = f"{await serve(discord.answer)}/api/webhooks/1/secret"
    return replace(context, credential=DiscordWebhook(url=url))


async def post(shown: Context, **config: Any) -> dict[str, Any]:
    return await DiscordConnector(DiscordConfig.model_validate(config)).execute(shown)


async def test_a_message_is_posted(shown: Context, discord: Service) -> None:
    output = await post(shown, content="a", embeds=[{"title": "b"}], username="c", thread_id="9")
    assert output == {"message_id": "11", "channel_id": "22"}
    (call,) = discord.calls
    assert (call.method, call.path) == ("POST", "/api/webhooks/1/secret")
    assert call.query == {"wait": "true", "thread_id": "9"}
    assert call.body == {
        "content": "a",
        "embeds": [{"title": "b"}],
        "username": "c",
        "allowed_mentions": {"parse": []},
    }


async def test_people_are_notified_where_it_is_asked_for(shown: Context, discord: Service) -> None:
    await post(shown, content="@everyone", mentions=True)
    assert discord.calls[0].body == {"content": "@everyone"}


async def test_a_rate_limit_is_waited_for(shown: Context, discord: Service) -> None:
    limited = {"message": "You are being rate limited.", "retry_after": 0.65, "global": False}
    discord.answers_with(429, limited, Retry_After="1")
    with pytest.raises(ConnectorError, match="rate limited") as failed:
        await post(shown, content="a")
    assert (failed.value.retryable, failed.value.retry_after) == (True, 0.65)


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (404, {"message": "Unknown Webhook", "code": 10015}, "credential_refused"),
        (401, {"message": "Invalid Webhook Token", "code": 50027}, "credential_refused"),
        (404, {"message": "Unknown Channel", "code": 10003}, "http_status"),
        (400, {"message": "Cannot send an empty message", "code": 50006}, "http_status"),
    ],
)
async def test_what_is_refused_says_why(
    shown: Context, discord: Service, status: int, answer: dict, kind: str
) -> None:
    discord.answers_with(status, answer)
    with pytest.raises(ConnectorError, match=answer["message"]) as failed:
        await post(shown, content="a")
    assert (failed.value.type, failed.value.retryable) == (kind, False)
    assert "secret" not in f"{failed.value} {failed.value.details}"


async def test_a_webhook_is_tried_without_a_message(shown: Context, discord: Service) -> None:
    discord.answers_with(200, {"id": "1", "name": "Orders", "type": 1})
    assert "'Orders'" in await DiscordConnector.try_credential(shown)
    assert discord.calls[0].method == "GET"
    discord.answers_with(404, {"message": "Unknown Webhook", "code": 10015})
    with pytest.raises(CredentialRefused):
        await DiscordConnector.try_credential(shown)


@pytest.mark.parametrize(
    "config",
    [{}, {"content": "x" * 2001}, {"embeds": [{}] * 11}, {"content": "a", "thread_id": "x"}],
    ids=["nothing", "too long", "too many", "no thread"],
)
def test_what_is_no_message_is_refused(config: dict) -> None:
    with pytest.raises(ValidationError):
        DiscordConfig.model_validate(config)
