"""The `webhook` connector."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.responses import read_body, status_error
from minizaps.definition.durations import Duration
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

Scalar = str | int | float | bool


_WEB_URL = re.compile(r"https?://[^/]", re.IGNORECASE)


def _web_url(value: str) -> str:
    if "{{" not in value and not _WEB_URL.match(value):
        raise ValueError("the URL does not start with http:// or https:// and a host")
    return value


class BasicAuth(ConnectorConfig):
    """A user name and a password."""

    type: Literal["basic"]
    username: str = Field(pattern=r"^[^:]*$", description="The user name, without a colon.")
    password: SecretStr = Field(description="The password.")

    def header(self) -> tuple[str, str]:
        pair = f"{self.username}:{self.password.get_secret_value()}".encode()
        return "Authorization", f"Basic {b64encode(pair).decode()}"


class BearerAuth(ConnectorConfig):
    """A bearer token."""

    type: Literal["bearer"]
    token: SecretStr = Field(description="The token.")

    def header(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.token.get_secret_value()}"


class HeaderAuth(ConnectorConfig):
    """A key in a header of its own."""

    type: Literal["header"]
    name: str = Field(min_length=1, description="The header's name, such as X-Api-Key.")
    value: SecretStr = Field(description="The header's value.")

    def header(self) -> tuple[str, str]:
        return self.name, self.value.get_secret_value()


class WebhookConfig(ConnectorConfig):
    """The request to send, and which responses are a success."""

    # A template that is one lone expression keeps its type: {{ order.id }} may be a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = Field(
        default="POST", description="The HTTP method."
    )
    url: Annotated[str, AfterValidator(_web_url)] = Field(
        description="The address, with http:// or https://."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers to send.")
    query: dict[str, Scalar | list[Scalar]] = Field(
        default_factory=dict,
        description="Parameters to add to the URL's query; a list repeats its name.",
    )
    json_: Any = Field(
        default=None, alias="json", description="The body as JSON: any value, also null."
    )
    form: dict[str, str] | None = Field(
        default=None, description="The body as the fields of an HTML form."
    )
    text: str | None = Field(default=None, description="The body as text.")
    auth: Annotated[BasicAuth | BearerAuth | HeaderAuth, Field(discriminator="type")] | None = (
        Field(default=None, description="How the request proves who sends it.")
    )
    timeout: Duration = Field(
        default=30.0, gt=0, le=600, description="How long to wait for the whole response."
    )
    accept: list[Annotated[int, Field(ge=100, le=599)]] | None = Field(
        default=None, min_length=1, description="The statuses that are a success; else any 2xx."
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> WebhookConfig:
        bodies = [self.has_json, self.form is not None, self.text is not None]
        if sum(bodies) > 1:
            raise ValueError("set at most one of json, form and text")
        if self.auth and self.auth.header()[0].lower() in map(str.lower, self.headers):
            raise ValueError(f"{self.auth.header()[0]} is set by both auth and headers")
        return self

    @property
    def has_json(self) -> bool:
        return "json_" in self.model_fields_set

    def accepts(self, status: int) -> bool:
        return 200 <= status < 300 if self.accept is None else status in self.accept


class WebhookConnector(BaseConnector[WebhookConfig]):
    """Sends an HTTP request and returns the response.

    The output is `{"status", "headers", "body"}`. The body is the value of a JSON response, the
    text of a textual one, and null if there is none. Other content is base64 text, and
    `"encoding": "base64"` stands beside it.

    The header `Idempotency-Key` is the same for every attempt of this step in this run, unless
    the config sets it.
    """

    idempotent = True
    timeout = 660.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=600, jitter=True)

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        body, content_type = _body(config)
        response = await context.http.request(
            config.method,
            config.url,
            headers=_headers(config, content_type, context.idempotency_key),
            query={name: _query_value(value) for name, value in config.query.items()},
            body=body,
            timeout=config.timeout,
            max_redirects=0 if any(300 <= s < 400 for s in config.accept or ()) else 5,
        )
        if not config.accepts(response.status):
            raise status_error(response, context.now())
        content = {"body": None} if config.method == "HEAD" else read_body(response)
        return {"status": response.status, "headers": response.headers, **content}


def _body(config: WebhookConfig) -> tuple[bytes | None, str]:
    try:
        if config.has_json:
            return orjson.dumps(config.json_), "application/json"
        if config.form is not None:
            return urlencode(config.form).encode(), "application/x-www-form-urlencoded"
        if config.text is not None:
            return config.text.encode(), "text/plain; charset=utf-8"
    except (TypeError, ValueError) as exc:  # lone surrogates, numbers beyond 64 bits
        raise ConnectorError(f"the body cannot be sent: {exc}", type="bad_request") from exc
    return None, ""


def _headers(config: WebhookConfig, content_type: str, idempotency_key: str) -> dict[str, str]:
    own = {"Idempotency-Key": idempotency_key}
    if content_type:
        own["Content-Type"] = content_type
    if config.auth:
        name, value = config.auth.header()
        own[name] = value
    given = {name.lower() for name in config.headers}
    return {name: v for name, v in own.items() if name.lower() not in given} | config.headers


def _query_value(value: Scalar | list[Scalar]) -> Any:
    if isinstance(value, list):
        return [_query_value(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else value
