"""Slack's answers are those of https://docs.slack.dev/reference/methods/chat.postMessage and of
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.slack import SlackConfig, SlackConnector
from minizaps.credentials.credential import AccessToken, Credential
from minizaps.credentials.types import HttpBearer, SlackWebhook
from minizaps.errors import ConnectorError, CredentialRefused

from .service import Service

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}}]
POSTED = {"ok": True, "channel": "C1", "ts": "1503435956.000247", "message": {"text": "a"}}


@pytest.fixture
async def slack(serve: Any, monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    service.answers_with(200, POSTED)
    monkeypatch.setattr(SlackConnector, "api", f"{await serve(service.answer)}/api")
    return service


def webhook() -> SlackWebhook:
    return SlackWebhook(url=SlackConnector.api.replace("/api", "/services/T0/B0/secret"))


async def post(context: Context, credential: Credential, **config: Any) -> dict[str, Any]:
    connector = SlackConnector(SlackConfig.model_validate(config))
    return await connector.execute(replace(context, credential=credential))


@pytest.mark.parametrize("credential", [HttpBearer(token="xoxb-1"), AccessToken(token="xoxb-1")])
async def test_a_bot_posts_to_a_channel(
    context: Context, slack: Service, credential: Credential
) -> None:
    output = await post(context, credential, channel="C1", text="a", blocks=BLOCKS, thread_ts="1.2")
    assert output == {"channel": "C1", "ts": "1503435956.000247"}
    (call,) = slack.calls
    assert (call.method, call.path) == ("POST", "/api/chat.postMessage")
    assert call.headers["authorization"] == "Bearer xoxb-1"
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.body == {"channel": "C1", "text": "a", "blocks": BLOCKS, "thread_ts": "1.2"}


async def test_a_webhook_posts_to_its_channel(context: Context, slack: Service) -> None:
    slack.answers_with(200, "ok")
    assert await post(context, webhook(), text="a") == {}
    (call,) = slack.calls
    assert (call.path, call.body) == ("/services/T0/B0/secret", {"text": "a"})
    assert "authorization" not in call.headers


async def test_the_channel_is_given_where_it_has_to_be(context: Context, slack: Service) -> None:
    with pytest.raises(ConnectorError, match="leave channel out"):
        await post(context, webhook(), text="a", channel="C1")
    with pytest.raises(ConnectorError, match="set the channel"):
        await post(context, HttpBearer(token="x"), text="a")
    assert slack.calls == []


@pytest.mark.parametrize(
    ("code", "retryable", "says"),
    [
        ("channel_not_found", False, "invite the bot"),
        ("not_in_channel", False, "invite the bot"),
        ("missing_scope", False, "chat:write"),
        ("msg_too_long", False, "msg_too_long"),
        ("internal_error", True, "internal_error"),
        ("fatal_error", False, "fatal_error"),
    ],
)
async def test_an_error_of_slack_is_no_success(
    context: Context, slack: Service, code: str, retryable: bool, says: str
) -> None:
    slack.answers_with(200, {"ok": False, "error": code})
    with pytest.raises(ConnectorError, match=says) as failed:
        await post(context, HttpBearer(token="x"), channel="C1", text="a")
    assert (failed.value.type, failed.value.retryable) == ("service", retryable)


@pytest.mark.parametrize("status", [200, 429])
async def test_a_rate_limit_is_waited_for(context: Context, slack: Service, status: int) -> None:
    slack.answers_with(status, {"ok": False, "error": "ratelimited"}, Retry_After="30")
    with pytest.raises(ConnectorError) as failed:
        await post(context, HttpBearer(token="x"), channel="C1", text="a")
    assert (failed.value.retryable, failed.value.retry_after) == (True, 30)


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive"])
async def test_a_token_that_is_not_accepted_is_an_error_of_its_own(
    context: Context, slack: Service, code: str
) -> None:
    slack.answers_with(200, {"ok": False, "error": code})
    with pytest.raises(CredentialRefused, match=code):
        await post(context, HttpBearer(token="x"), channel="C1", text="a")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (403, "invalid_token", "credential_refused"),
        (404, "no_service", "credential_refused"),
        (410, "channel_is_archived", "http_status"),
        (400, "invalid_blocks", "http_status"),
    ],
)
async def test_a_webhook_says_what_is_wrong(
    context: Context, slack: Service, status: int, text: str, kind: str
) -> None:
    slack.answers_with(status, text)
    with pytest.raises(ConnectorError, match=text) as failed:
        await post(context, webhook(), text="a")
    assert (failed.value.type, failed.value.retryable) == (kind, False)
    assert "secret" not in str(failed.value)


async def test_what_is_no_answer_is_an_error(context: Context, slack: Service) -> None:
    slack.answers_with(200, "<html>")
    with pytest.raises(ConnectorError, match="no JSON object") as failed:
        await post(context, HttpBearer(token="x"), channel="C1", text="a")
    assert failed.value.type == "service"


async def test_a_token_is_tried_without_a_message(context: Context, slack: Service) -> None:
    bot = replace(context, credential=HttpBearer(token="x"))
    slack.answers_with(200, {"ok": True, "team": "Acme", "user": "zaps"})
    assert "zaps of Acme" in await SlackConnector.try_credential(bot)
    assert slack.calls[0].path == "/api/auth.test"
    slack.answers_with(200, {"ok": False, "error": "invalid_auth"})
    with pytest.raises(CredentialRefused):
        await SlackConnector.try_credential(bot)


async def test_a_webhook_is_tried_by_an_empty_message(context: Context, slack: Service) -> None:
    hook = replace(context, credential=webhook())
    slack.answers_with(400, "invalid_payload")
    assert "has the webhook" in await SlackConnector.try_credential(hook)
    assert slack.calls[0].body == {}
    slack.answers_with(404, "no_service")
    with pytest.raises(CredentialRefused):
        await SlackConnector.try_credential(hook)


@pytest.mark.parametrize("config", [{}, {"text": ""}, {"blocks": []}, {"text": "a", "to": "b"}])
def test_what_is_no_message_is_refused(config: dict) -> None:
    with pytest.raises(ValidationError):
        SlackConfig.model_validate(config)
