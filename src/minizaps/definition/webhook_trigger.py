"""The `config` of a webhook trigger: who may call its URL, and what the caller is answered."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic import WithJsonSchema as Schema

from minizaps.definition.durations import Timeout
from minizaps.definition.steps import CREDENTIAL_NAME, CredentialName, Model

TOLERANCE = 300.0  # seconds
LONGEST_WAIT = 60.0  # seconds
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
HEADER_NAME = r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$"
NO_BODY = frozenset({204, 205, 304})
# A browser obeys these for the whole origin, or the server writes them itself.
_NOT_OURS_TO_SET = re.compile(
    "access-control-.*|connection|content-length|content-security-policy|date|keep-alive|"
    "proxy-authenticate|proxy-connection|server|set-cookie|te|trailer|transfer-encoding|upgrade",
    re.IGNORECASE,
)
_ORIGIN = r"^(\*|https?://[a-zA-Z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-fA-F:]+\](:\d{1,5})?)$"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _status(value: Any) -> Any:
    if isinstance(value, str) and "{{" in value:
        return value
    if type(value) is not int or not 200 <= value <= 599:
        raise ValueError("a status is a number from 200 to 599, or an expression that gives one")
    return value


def _kind(value: Any) -> str:
    return "hmac" if isinstance(value, dict | HmacSignature) else "scheme"


Secrets = Annotated[
    list[CredentialName],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=5),
    Schema(
        {
            "anyOf": [
                {"type": "string", "pattern": CREDENTIAL_NAME},
                {
                    "type": "array",
                    "items": {"type": "string", "pattern": CREDENTIAL_NAME},
                    "minItems": 1,
                    "maxItems": 5,
                },
            ]
        }
    ),
]
Status = Annotated[
    int | str,
    BeforeValidator(_status),
    Schema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 200, "maximum": 599},
                {"type": "string", "pattern": r"\{\{"},
            ]
        }
    ),
]


class HmacSignature(Model):
    """A signature in one header: the HMAC of the raw body."""

    header: str = Field(pattern=HEADER_NAME, description="The header that has the signature.")
    algorithm: Literal["sha256", "sha1", "sha512"] = Field(
        default="sha256", description="The hash function."
    )
    encoding: Literal["hex", "base64"] = Field(
        default="hex", description="How the bytes are written."
    )
    prefix: str = Field(
        default="", max_length=100, description="What stands before it, such as `sha256=`."
    )


class Answer(Model):
    """What a caller is answered; strings may hold `{{ ... }}`."""

    status: Status = Field(default=200, description="The HTTP status, such as 201 or 303.")
    headers: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="Headers, such as `Location`."
    )
    body: Any = Field(
        default=None,
        description="Text is sent as text, anything else as JSON; nothing if left out.",
    )

    @field_validator("headers")
    @classmethod
    def _may_be_set(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not re.fullmatch(HEADER_NAME, name):
                raise ValueError(f"{name[:100]!r} is no name of a header")
            if _NOT_OURS_TO_SET.fullmatch(name):
                raise ValueError(f"{name}: this header is the server's own")
            if "{{" not in value and not is_header_value(value):
                raise ValueError(f"{name}: a header's value is one line of ASCII")
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("a header stands twice")
        return headers

    @model_validator(mode="after")
    def _no_body_where_none_is_sent(self) -> Answer:
        if self.status in NO_BODY and self.body is not None:
            raise ValueError(f"an answer of status {self.status} has no body")
        return self


class Respond(Answer):
    """What the caller is answered in place of 202 and the run's id."""

    wait: Timeout | None = Field(
        default=None,
        description="Wait for the run's end, 60 s at most; the answer may then read `output`. "
        "A run that has not ended by then is answered with 202 and its id.",
    )
    failed: Answer | None = Field(
        default=None,
        description="With `wait`: the answer for a run that failed or was cancelled, which may "
        "read `error`; a problem with status 500 if left out.",
    )

    @field_validator("wait")
    @classmethod
    def _not_for_long(cls, value: float | None) -> float | None:
        if value is not None and value > LONGEST_WAIT:
            raise ValueError(f"{LONGEST_WAIT:.0f} s at most")
        return value

    @model_validator(mode="after")
    def _failed_is_waited_for(self) -> Respond:
        if self.failed is not None and self.wait is None:
            raise ValueError("failed: set wait too, since only then the run's end is known")
        return self


class WebhookTriggerConfig(Model):
    """Who may call the URL, which calls are the same, and what the caller is answered."""

    secret: Secrets | None = Field(
        default=None,
        description="The credential (type `hmac`) whose secret signs each call; a list while a "
        "secret is changed: any of them.",
    )
    signature: Annotated[
        Annotated[Literal["standard", "github", "stripe", "slack"], Tag("scheme")]
        | Annotated[HmacSignature, Tag("hmac")],
        Discriminator(_kind),
    ] = Field(
        default="standard", description="How calls are signed; `standard` is Standard Webhooks."
    )
    tolerance: Timeout | None = Field(
        default=None,
        description="How much the time of a signed call may differ from the server's: 300 s if "
        "left out, a day at most.",
    )
    methods: list[Method] = Field(
        default=["GET", "POST", "PUT", "PATCH", "DELETE"],
        min_length=1,
        description="The methods that start runs.",
    )
    dedupe: str | None = Field(
        default=None,
        min_length=1,
        max_length=1000,
        description="What tells deliveries apart: a header's name, or an expression over "
        "`trigger`. If left out, what the signature's scheme has for it.",
    )
    respond: Respond | None = Field(
        default=None, description="What the caller is answered; 202 and the run's id if left out."
    )
    cors: list[Annotated[str, Field(pattern=_ORIGIN)]] = Field(
        default_factory=list,
        max_length=50,
        description="The origins whose pages may call the URL by script, such as "
        '`https://acme.test`; `"*"`: all.',
    )
    raw: bool = Field(
        default=False, description="Whether `trigger.raw_base64` keeps the body as it came."
    )

    @field_validator("tolerance")
    @classmethod
    def _not_for_ever(cls, value: float | None) -> float | None:
        if value is not None and value > 86_400:
            raise ValueError("a day at most")
        return value

    @field_validator("dedupe")
    @classmethod
    def _is_header_or_expression(cls, value: str | None) -> str | None:
        if value is not None and "{{" not in value and not re.fullmatch(HEADER_NAME, value):
            raise ValueError("write a header's name, or an expression in {{ }}")
        return value

    @model_validator(mode="after")
    def _fits_the_signature(self) -> WebhookTriggerConfig:
        if self.secret is None and "signature" in self.model_fields_set:
            raise ValueError("signature: set secret too: the name of a credential of type hmac")
        timed = self.signature in ("standard", "stripe", "slack")
        if self.tolerance is not None and (self.secret is None or not timed):
            raise ValueError("tolerance: these calls have no signed time")
        return self


def is_header_value(text: str) -> bool:
    """Whether a text can be a header's value: visible ASCII, spaces and tabs, in one line."""
    return text.isascii() and all(c >= " " or c == "\t" for c in text) and "\x7f" not in text
