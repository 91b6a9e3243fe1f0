"""The `telegram` connector."""

from __future__ import annotations

from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.json_calls import read_object, send_json
from minizaps.connectors.responses import status_error
from minizaps.credentials.types import TelegramBot
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import CredentialRefused, ResponseRefused

_HINTS = {
    "Bad Request: chat not found": "the person has to write to the bot first; a group or a "
    "channel has to have the bot as a member",
}
LONGEST_CAPTION = 1024


class TelegramConfig(ConnectorConfig):
    """The message: a text, or a photo or document with a text below it."""

    chat_id: int | str = Field(description="The chat's number, or `@NAME` of a public channel.")
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="The message, or what stands below a photo or document (1,024 at most).",
    )
    photo: str | None = Field(
        default=None, pattern=r"^https?://", description="The address of a picture."
    )
    document: str | None = Field(
        default=None, pattern=r"^https?://", description="The address of a file: PDF, ZIP or GIF."
    )
    parse_mode: Literal["HTML", "MarkdownV2"] | None = Field(
        default=None, description="How the text is marked up; else it is plain."
    )
    silent: bool = Field(default=False, description="Whether nobody is notified by a sound.")

    @model_validator(mode="after")
    def _is_one_message(self) -> TelegramConfig:
        if self.photo is not None and self.document is not None:
            raise ValueError("set at most one of photo and document")
        if self.text is None and self.photo is None and self.document is None:
            raise ValueError("set text, photo or document")
        file = self.photo or self.document
        if file and len(self.text or "") > LONGEST_CAPTION:
            raise ValueError(f"text: below a file {LONGEST_CAPTION} characters at most")
        return self


class TelegramConnector(BaseConnector[TelegramConfig]):
    """Sends a message, a photo or a document to a chat of Telegram, by a bot.

    The output is `{"message_id", "chat_id"}`.

    Telegram has no key by which it knows a message again, so an attempt that was cut off is not
    repeated. One that Telegram answered with an error of its own (5xx) is, and so is one whose
    connection broke: then the message may come twice.
    """

    api: ClassVar[str] = "https://api.telegram.org"
    timeout = 60.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=60, jitter=True)
    credential = (TelegramBot,)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        message: dict[str, Any] = {"chat_id": config.chat_id}
        if config.parse_mode is not None:
            message["parse_mode"] = config.parse_mode
        if config.silent:
            message["disable_notification"] = True
        if config.photo is not None:
            method, message["photo"] = "sendPhoto", config.photo
        elif config.document is not None:
            method, message["document"] = "sendDocument", config.document
        else:
            method = "sendMessage"
        if config.text is not None:
            message["text" if method == "sendMessage" else "caption"] = config.text
        sent = await self._call(context, method, message)
        return {"message_id": sent.get("message_id"), "chat_id": sent.get("chat", {}).get("id")}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        """See `BaseConnector`."""
        bot = await cls._call(context, "getMe", {})
        return f"Telegram knows the bot @{bot.get('username')}"

    @classmethod
    async def _call(cls, context: Context, method: str, value: dict[str, Any]) -> dict[str, Any]:
        """Call a method of the bot API (https://core.telegram.org/bots/api#making-requests)."""
        token = context.opened(TelegramBot).token.get_secret_value()
        url = f"{cls.api}/bot{quote(token, safe=':')}/{method}"
        response = await send_json(context, "POST", url, value)
        answer = read_object(response)
        result = answer.get("result")
        if response.status == 200 and isinstance(result, dict):
            return result
        reason = str(answer.get("description", ""))
        # Of a token that cannot be one, Telegram says Not Found.
        if response.status == 401 or (response.status, reason) == (404, "Not Found"):
            raise CredentialRefused(f"Telegram does not accept the bot's token: {reason}")
        if response.status == 200:
            raise ResponseRefused("Telegram answered what is no result")
        hint = f"{reason}: {_HINTS[reason]}" if reason in _HINTS else reason
        error = status_error(response, context.now(), context.credential, hint)
        asked = answer.get("parameters", {}).get("retry_after")
        if isinstance(asked, int | float):
            error.retry_after = float(asked)
        raise error
