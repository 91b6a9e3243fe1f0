"""The `webhook` connector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.pages import PageRequest, Pagination, read_pages
from minizaps.connectors.request_bodies import Multipart
from minizaps.connectors.request_rules import bad_request, headers_for, parse_url
from minizaps.connectors.responses import Kind, read_body, status_error
from minizaps.credentials.credential import HttpCredential
from minizaps.credentials.types import (
    GoogleServiceAccount,
    HttpBasic,
    HttpBearer,
    HttpHeader,
    OAuth2,
)
from minizaps.definition.durations import Duration
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

Scalar = str | int | float | bool


_WEB_URL = re.compile(r"https?://[^/]", re.IGNORECASE)


def _web_url(value: str) -> str:
    if "{{" not in value and not _WEB_URL.match(value):
        raise ValueError("the URL does not start with http:// or https:// and a host")
    return value


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
    multipart: Multipart | None = Field(
        default=None, description="The body as a form with files (`multipart/form-data`)."
    )
    timeout: Duration = Field(
        default=30.0, gt=0, le=600, description="How long to wait for the whole response."
    )
    accept: list[Annotated[int, Field(ge=100, le=599)]] | None = Field(
        default=None, min_length=1, description="The statuses that are a success; else any 2xx."
    )
    response: Kind = Field(
        default="auto",
        description="What the response is read as: by its own type, or always as JSON, text or a "
        "file.",
    )
    paginate: Pagination | None = Field(
        default=None, description="Read a list that comes in pages to its end."
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> WebhookConfig:
        others = (self.form, self.text, self.multipart)
        if self.has_json + sum(body is not None for body in others) > 1:
            raise ValueError("set at most one of json, form, text and multipart")
        if self.multipart and "content-type" in map(str.lower, self.headers):
            raise ValueError("Content-Type is set by multipart: leave it out of headers")
        if self.paginate is not None:
            if self.method == "HEAD" or self.response in ("text", "file"):
                raise ValueError("paginate needs responses in JSON")
            if self.paginate.place == "json" and not isinstance(self.json_, dict):
                raise ValueError("paginate sends its parameter in the body: json is an object")
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
    `"encoding": "base64"` stands beside it. With `"response": "file"` the body is
    `{"filename", "content_type", "size", "content_base64"}`, and can be sent on by `multipart`.

    With `paginate` the output is `{"status", "headers", "items", "pages", "more"}`: the items of
    all pages, and whether there are more than were read. A page that fails fails the attempt, and
    the next one begins anew. A page on another host gets no credentials.

    The header `Idempotency-Key` is the same for every attempt of this step in this run, unless
    the config sets it; each page has one of its own. A credential adds the header that proves who
    sends the request; it goes to no other host.
    """

    idempotent = True
    timeout = 660.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=600, jitter=True)
    credential = (HttpBasic, HttpBearer, HttpHeader, OAuth2, GoogleServiceAccount)

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        if config.paginate is not None:
            return await read_pages(config.paginate, partial(self._send, context))
        response = await self._send(context, PageRequest())
        if config.method == "HEAD":
            content: dict[str, Any] = {"body": None}
        else:
            content = read_body(response, config.response)
        return {"status": response.status, "headers": response.headers, **content}

    async def _send(self, context: Context, page: PageRequest) -> HttpResponse:
        config = self.config
        in_body = config.paginate is not None and config.paginate.place == "json"
        body, content_type = _body(config, page.parameters if in_body else {})
        key = context.idempotency_key
        headers = _headers(
            context, config, content_type, key if page.number == 1 else f"{key}:{page.number}"
        )
        url, query = config.url, {name: _query_value(v) for name, v in config.query.items()}
        if page.url is not None:
            headers = headers_for(parse_url(page.url), parse_url(config.url), headers)
            url, query = page.url, {}
        response = await context.http.request(
            config.method,
            url,
            headers=headers,
            query=query if in_body else {**query, **page.parameters},
            body=body,
            timeout=config.timeout,
            max_redirects=0 if any(300 <= s < 400 for s in config.accept or ()) else 5,
        )
        if not config.accepts(response.status):
            raise status_error(response, context.now(), context.credential)
        return response


def _body(config: WebhookConfig, parameters: Mapping[str, Any]) -> tuple[bytes | None, str]:
    try:
        if config.has_json:
            value = {**config.json_, **parameters} if parameters else config.json_
            return orjson.dumps(value), "application/json"
        if config.form is not None:
            return urlencode(config.form).encode(), "application/x-www-form-urlencoded"
        if config.text is not None:
            return config.text.encode(), "text/plain; charset=utf-8"
        if config.multipart is not None:
            return config.multipart.encoded()
    except (TypeError, ValueError) as exc:  # lone surrogates, numbers beyond 64 bits, no Base64
        raise ConnectorError(f"the body cannot be sent: {exc}", type="bad_request") from exc
    return None, ""


def _headers(
    context: Context, config: WebhookConfig, content_type: str, key: str
) -> dict[str, str]:
    own = {"Idempotency-Key": key}
    if content_type:
        own["Content-Type"] = content_type
    given = {name.lower() for name in config.headers}
    headers = {name: v for name, v in own.items() if name.lower() not in given} | config.headers
    if context.credential is not None:
        name, value = context.opened(HttpCredential).header()
        if name.lower() in given:
            raise bad_request(f"{name} is set by both the credential and the headers")
        headers[name] = value
    return headers


def _query_value(value: Scalar | list[Scalar]) -> Any:
    if isinstance(value, list):
        return [_query_value(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else value
