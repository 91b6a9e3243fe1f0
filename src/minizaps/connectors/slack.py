"""The `slack` connector."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.json_calls import read_object, send_json
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.responses import parse_retry_after, status_error
from minizaps.credentials.credential import HttpCredential
from minizaps.credentials.types import HttpBearer, OAuth2, SlackWebhook
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError, CredentialRefused

_REFUSED = frozenset(
    (
        *("account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"),
        *("invalid_token", "no_service", "no_team"),  # of an incoming webhook
    )
)
_PASSING = frozenset(("internal_error", "ratelimited", "request_timeout", "service_unavailable"))
_HINTS = {
    "channel_not_found": "there is no such channel, or the bot is not in it: give its id, and "
    "invite the bot",
    "invalid_blocks": "see https://docs.slack.dev/block-kit",
    "missing_scope": "the token lacks a scope: chat:write is needed, and chat:write.public for "
    "channels that the bot is not in",
    "not_in_channel": "invite the bot to the channel",
}


class SlackConfig(ConnectorConfig):
    """The message: `text`, `blocks`, or both."""

    channel: str | None = Field(
        default=None,
        min_length=1,
        description="The channel's id, such as C0123ABCD, or a person's, such as U0123ABCD. An "
        "incoming webhook has its own channel and takes none.",
    )
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=40_000,
        description="The message in Slack's mrkdwn; beside blocks, what notifications show.",
    )
    blocks: list[dict[str, Any]] | None = Field(
        default=None, min_length=1, max_length=50, description="The message as Block Kit blocks."
    )
    thread_ts: str | None = Field(
        default=None, description="The `ts` of the message that this one answers."
    )

    @model_validator(mode="after")
    def _says_something(self) -> SlackConfig:
        if self.text is None and self.blocks is None:
            raise ValueError("set text, blocks or both")
        return self


class SlackConnector(BaseConnector[SlackConfig]):
    """Posts a message to Slack, by a bot's token or an incoming webhook.

    The output of a bot's message is `{"channel", "ts"}`; of a webhook's, `{}`.

    Slack has no key by which it knows a message again, so an attempt that was cut off is not
    repeated. One that Slack answered with an error of its own (5xx) is, and so is one whose
    connection broke: then the message may come twice.
    """

    api: ClassVar[str] = "https://slack.com/api"
    timeout = 60.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=60, jitter=True)
    credential = (SlackWebhook, HttpBearer, OAuth2)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        message = self.config.model_dump(exclude_none=True)
        if isinstance(context.credential, SlackWebhook):
            if self.config.channel is not None:
                problem = "an incoming webhook has its own channel: leave channel out"
                raise ConnectorError(problem, type="config")
            await _post(context, context.credential, message)
            return {}
        if self.config.channel is None:
            raise ConnectorError("set the channel to post to", type="config")
        answer = await _call(context, f"{self.api}/chat.postMessage", message)
        return {"channel": answer.get("channel"), "ts": answer.get("ts")}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        """See `BaseConnector`. A webhook refuses an empty message in its own way."""
        if not isinstance(context.credential, SlackWebhook):
            answer = await _call(context, f"{cls.api}/auth.test", {})
            return f"Slack knows the token: {answer.get('user')} of {answer.get('team')}"
        try:
            await _post(context, context.credential, {})
        except ConnectorError as error:
            if error.details.get("status") != 400:
                raise
        return "Slack has the webhook"


async def _post(context: Context, webhook: SlackWebhook, message: dict[str, Any]) -> None:
    response = await send_json(context, "POST", webhook.url.get_secret_value(), message)
    if response.status != 200:
        raise _error(context, response, response.body[:100].decode(errors="replace").strip())


async def _call(context: Context, url: str, value: dict[str, Any]) -> dict[str, Any]:
    """Call a method of the Web API; its errors come with the status 200."""
    name, shown = context.opened(HttpCredential).header()
    response = await send_json(context, "POST", url, value, headers={name: shown})
    answer = read_object(response)
    if response.status != 200 or answer.get("ok") is not True:
        raise _error(context, response, str(answer.get("error", "")))
    return answer


def _error(context: Context, response: HttpResponse, code: str) -> ConnectorError:
    hint = f"{code}: {_HINTS[code]}" if code in _HINTS else code
    if code in _REFUSED:
        return CredentialRefused(
            f"Slack does not accept the credential: {code}", details={"error": code}
        )
    if response.status != 200:
        return status_error(response, context.now(), context.credential, hint)
    asked = parse_retry_after(response.headers.get("retry-after"), context.now())
    return ConnectorError(
        f"Slack has refused the message: {hint or 'its answer is no JSON object'}",
        type="service",
        retryable=code in _PASSING,
        retry_after=asked,
        details={"error": code},
    )
