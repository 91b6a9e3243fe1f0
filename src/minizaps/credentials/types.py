"""The built-in types of credentials."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from minizaps.credentials.credential import Credential, HttpCredential
from minizaps.errors import CredentialUnusable

_HEADER_NAME = r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$"
_WEB_URL = r"^https?://[^/?#\s]+[^\s]*$"
WHSEC = "whsec_"
SQLITE = "sqlite:///"


def _one_line(value: SecretStr) -> SecretStr:
    if any(ord(character) < 32 for character in value.get_secret_value()):
        raise ValueError("has a line break or another control character")
    return value


Secret = Annotated[SecretStr, Field(min_length=1)]
Line = Annotated[SecretStr, Field(min_length=1), AfterValidator(_one_line)]
TEST_URL = Field(
    default=None,
    pattern=_WEB_URL,
    description="An address that answers a GET with 2xx to those who may; "
    "`minizaps credentials test` asks it.",
)


class HttpBasic(HttpCredential):
    """A user name and a password (RFC 7617)."""

    type: ClassVar[str] = "http_basic"
    username: str = Field(pattern=r"^[^:\x00-\x1f]*$", description="Without a colon.")
    password: Line
    test_url: str | None = TEST_URL

    def header(self) -> tuple[str, str]:
        pair = f"{self.username}:{self.password.get_secret_value()}".encode()
        return "Authorization", f"Basic {b64encode(pair).decode()}"


class HttpBearer(HttpCredential):
    """A bearer token (RFC 6750)."""

    type: ClassVar[str] = "http_bearer"
    token: Line
    test_url: str | None = TEST_URL

    def header(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.token.get_secret_value()}"


class HttpHeader(HttpCredential):
    """A key in a header of its own."""

    type: ClassVar[str] = "http_header"
    name: str = Field(pattern=_HEADER_NAME, description="The header's name, such as X-Api-Key.")
    value: Line
    test_url: str | None = TEST_URL

    def header(self) -> tuple[str, str]:
        return self.name, self.value.get_secret_value()


class Hmac(Credential):
    """A secret that signs calls of hooks and callbacks."""

    type: ClassVar[str] = "hmac"
    secret: Secret = Field(
        description="As the sender shows it. Standard Webhooks write `whsec_` and base64."
    )

    def key(self) -> bytes:
        """The secret's bytes, as Standard Webhooks write them.

        Raises:
            CredentialUnusable: what stands behind `whsec_` is not base64.
        """
        text = self.secret.get_secret_value()
        if not text.startswith(WHSEC):
            return text.encode()
        try:
            return b64decode(text.removeprefix(WHSEC), validate=True)
        except binascii.Error:
            message = "what stands behind whsec_ is not base64, as Standard Webhooks write it"
            raise CredentialUnusable(message) from None


class Smtp(Credential):
    """A mail server, and who sends through it."""

    type: ClassVar[str] = "smtp"
    host: str = Field(min_length=1, description="The server's name.")
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls` (port 587), `tls` from the first byte (port 465), or `none`.",
    )
    username: str | None = Field(default=None, description="Left out where the server asks none.")
    password: Secret | None = None
    sender: str | None = Field(
        default=None, description="The address of `from`, if a step has none."
    )

    @model_validator(mode="after")
    def _both(self) -> Smtp:
        if (self.username is None) != (self.password is None):
            raise ValueError("set both username and password, or neither")
        if self.security == "none" and self.password is not None and not _is_local(self.host):
            raise ValueError("a password goes over starttls or tls only")
        return self


class Imap(Credential):
    """A mailbox."""

    type: ClassVar[str] = "imap"
    host: str = Field(min_length=1, description="The server's name.")
    port: int = Field(default=993, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = Field(
        default="tls", description="`tls` from the first byte (port 993), `starttls`, or `none`."
    )
    username: str = Field(min_length=1)
    password: Secret

    @model_validator(mode="after")
    def _not_in_the_open(self) -> Imap:
        if self.security == "none" and not _is_local(self.host):
            raise ValueError("a password goes over starttls or tls only")
        return self


class GoogleServiceAccount(Credential):
    """A Google service account, by its key file."""

    type: ClassVar[str] = "google_service_account"
    key: Secret = Field(description="The JSON key file that Google's console gives, as text.")
    scopes: list[str] = Field(
        default=["https://www.googleapis.com/auth/spreadsheets"],
        min_length=1,
        description="What it may do.",
    )
    subject: str | None = Field(
        default=None, description="The user in whose name it acts (domain-wide delegation)."
    )

    @model_validator(mode="after")
    def _is_key_file(self) -> GoogleServiceAccount:
        try:
            found = orjson.loads(self.key.get_secret_value())
        except orjson.JSONDecodeError:
            raise ValueError("key: is not the JSON of a key file") from None
        wanted = ("client_email", "private_key", "token_uri")
        fields = found if isinstance(found, dict) else {}
        missing = [n for n in wanted if not isinstance(fields.get(n), str) or not fields[n]]
        if missing:
            raise ValueError(f"key: the key file has no {', '.join(missing)}")
        return self

    def secrets(self) -> list[str]:
        return [*super().secrets(), orjson.loads(self.key.get_secret_value())["private_key"]]


class OAuth2(Credential):
    """Access by OAuth 2.0 (RFC 6749): with a person's consent (PKCE), or as the client itself."""

    type: ClassVar[str] = "oauth2"
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    client_id: str = Field(min_length=1)
    client_secret: Secret | None = Field(default=None, description="Public clients have none.")
    authorize_url: str | None = Field(
        default=None, pattern=_WEB_URL, description="Where a person agrees."
    )
    token_url: str = Field(pattern=_WEB_URL, description="Where tokens come from.")
    scopes: list[str] = Field(default_factory=list)
    client_auth: Literal["basic", "body"] = Field(
        default="basic", description="How the client proves who it is: a header, or the body."
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Further parameters of the authorization request, such as "
        '`{"access_type": "offline", "prompt": "consent"}` for Google.',
    )
    test_url: str | None = TEST_URL

    @model_validator(mode="after")
    def _fits_the_grant(self) -> OAuth2:
        for url in (self.authorize_url, self.token_url):
            try:
                user = None if url is None else URL(url).raw_user
            except ValueError:
                raise ValueError(f"{url[:100] if url else url}: is no URL") from None
            if user is not None:
                raise ValueError(
                    "a URL has no user name: client_auth says how the client proves itself"
                )
        if self.grant == "authorization_code" and self.authorize_url is None:
            raise ValueError("authorize_url: is required where a person agrees")
        if self.grant == "client_credentials" and self.client_secret is None:
            raise ValueError("client_secret: is required for client_credentials")
        return self


class _Address(Credential):
    """An address with a secret in it, which is also masked by itself."""

    url: Line

    def secrets(self) -> list[str]:
        parts = urlsplit(self.url.get_secret_value())
        password = parts.password or ""
        path = parts.path if parts.scheme in ("http", "https") else ""
        inner = (password, unquote(password), path)
        return [*super().secrets(), *(text for text in inner if text)]


class SlackWebhook(_Address):
    """An incoming webhook of Slack."""

    type: ClassVar[str] = "slack_webhook"
    url: Line = Field(description="https://hooks.slack.com/services/...")


class DiscordWebhook(_Address):
    """A webhook of a Discord channel."""

    type: ClassVar[str] = "discord_webhook"
    url: Line = Field(description="https://discord.com/api/webhooks/...")


class TelegramBot(Credential):
    """A bot of Telegram."""

    type: ClassVar[str] = "telegram_bot"
    token: Line = Field(description="As BotFather gives it: 123456:ABC...")


class Database(_Address):
    """A database of yours, for the step type `sql`."""

    type: ClassVar[str] = "database"
    url: Line = Field(
        description="`postgresql://USER:PASSWORD@HOST/DATABASE`, with `?sslmode=disable` at its "
        "end where the server has no TLS; or `sqlite:///PATH` of a file in a folder that "
        "`MINIZAPS_CREDENTIAL_FOLDERS` lists."
    )

    def files(self) -> list[Path]:
        url = self.url.get_secret_value()
        return [Path(url.removeprefix(SQLITE))] if url.startswith(SQLITE) else []


class Redis(_Address):
    """A Redis server."""

    type: ClassVar[str] = "redis"
    url: Line = Field(description="`redis://USER:PASSWORD@HOST/0`, or `rediss://` over TLS.")


class Amqp(_Address):
    """A RabbitMQ server."""

    type: ClassVar[str] = "amqp"
    url: Line = Field(description="`amqp://USER:PASSWORD@HOST/VHOST`, or `amqps://` over TLS.")


class S3(Credential):
    """Access to S3, or to a server that speaks its protocol."""

    type: ClassVar[str] = "s3"
    access_key_id: str = Field(min_length=1)
    secret_access_key: Line
    session_token: Line | None = None
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]+$")
    endpoint: str | None = Field(
        default=None, pattern=_WEB_URL, description="Of a server that is not Amazon's."
    )


BUILT_IN: tuple[type[Credential], ...] = (
    HttpBasic,
    HttpBearer,
    HttpHeader,
    OAuth2,
    GoogleServiceAccount,
    Hmac,
    Smtp,
    Imap,
    SlackWebhook,
    DiscordWebhook,
    TelegramBot,
    Database,
    Redis,
    Amqp,
    S3,
)


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
