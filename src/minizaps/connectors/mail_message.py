"""A mail as it is written by hand, and as it is sent (RFC 5322, MIME)."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8, default
from email.utils import format_datetime
from hashlib import sha256
from mimetypes import guess_type
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from yarl import URL

from minizaps.connectors.base import ConnectorConfig
from minizaps.errors import ConnectorError

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]+")
_OURS = re.compile(
    r"(bcc|cc|content-.*|date|dkim-signature|from|message-id|mime-version|received|reply-to"
    r"|resent-.*|return-path|sender|subject|to)",
    re.IGNORECASE,
)
_NO_ADDRESS = "{!r} is not a mail address such as ada@example.org or Ada <ada@example.org>"


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("has a line break or another control character")
    return value


def parse_addresses(text: str) -> list[Address]:
    """The addresses of a header's value, with their display names.

    Raises:
        ValueError: it has none, or something else.
    """
    header = default.header_factory("To", _one_line(text))
    found: list[Address] = list(header.addresses)
    for address in found:
        _one_line(address.display_name)
        _one_line(address.addr_spec)
        if not address.username or not address.domain or re.search(r'[\s<>"]', address.addr_spec):
            raise ValueError(_NO_ADDRESS.format(text[:100]))
    strange = [d for d in header.defects if type(d).__name__ != "NonASCIILocalPartDefect"]
    if not found or any(group.display_name for group in header.groups) or strange:
        raise ValueError(_NO_ADDRESS.format(text[:100]))
    return [_ascii_domain(address) for address in found]


def _ascii_domain(address: Address) -> Address:
    domain = URL.build(scheme="smtp", host=address.domain).raw_host or ""  # by IDNA 2008
    return Address(address.display_name, address.username, domain)


def _address(value: str) -> str:
    if len(parse_addresses(value)) != 1:
        raise ValueError("is more than one address")
    return value


def _addresses(value: str) -> str:
    parse_addresses(value)
    return value


def _several(value: object) -> object:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else value


def _media_type(value: str) -> str:
    main, _, sub = value.lower().partition("/")
    if not (_TOKEN.fullmatch(main) and _TOKEN.fullmatch(sub)) or main in ("message", "multipart"):
        raise ValueError(f"{value[:100]!r} is not the media type of a file, such as text/csv")
    return value


Line = Annotated[str, AfterValidator(_one_line)]
MediaType = Annotated[str, AfterValidator(_media_type)]
OneAddress = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[
    list[Annotated[str, AfterValidator(_addresses)]],
    Field(max_length=500),
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


def listed(texts: list[str]) -> list[Address]:
    """The addresses of a field of the config."""
    return [address for text in texts for address in parse_addresses(text)]


def check_header(name: str) -> None:
    """Refuse a header that the mail has from elsewhere.

    Raises:
        ValueError: it is one of those, or no header's name.
    """
    if not re.fullmatch(r"[!-9;-~]+", name):
        raise ValueError(f"{name[:100]!r} is not the name of a header")
    if _OURS.fullmatch(name):
        raise ValueError(f"the header {name} is not set here")


class Attachment(ConnectorConfig):
    """A file that goes with the mail: exactly one of `content` and `content_base64`."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    filename: Line = Field(min_length=1, max_length=255, description="Its name.")
    content: str | None = Field(default=None, description="Its text.")
    content_base64: str | None = Field(default=None, description="Its bytes as base64.")
    content_type: MediaType | None = Field(
        default=None, description="Its media type; else what the name's ending says."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Attachment:
        if (self.content is None) == (self.content_base64 is None):
            raise ValueError("set exactly one of content and content_base64")
        return self

    def add_to(self, message: EmailMessage) -> None:
        """Attach it.

        Raises:
            ConnectorError: the content is not base64 (type `bad_request`).
        """
        guessed, packed = guess_type(self.filename)
        kind = self.content_type or (None if packed else guessed) or "application/octet-stream"
        if self.content is None:
            content, parameters = _decoded(self.content_base64 or "", self.filename), {}
        else:
            content = self.content.encode()
            parameters = {"charset": "utf-8"} if kind.startswith("text/") else {}
        main, _, sub = kind.partition("/")
        message.add_attachment(
            content, maintype=main, subtype=sub, filename=self.filename, params=parameters
        )


def _decoded(text: str, filename: str) -> bytes:
    try:
        return b64decode(re.sub(r"\s", "", text), validate=True)
    except ValueError:
        message = f"content_base64 of {filename!r} is not base64"
        raise ConnectorError(message, type="bad_request") from None


def new_message(sender: Address, key: str, now: datetime) -> EmailMessage:
    """A mail without recipients and content.

    Args:
        key: the same for every attempt to send this mail, which makes its `Message-ID`.
    """
    # Without 8-bit content, each server takes it.
    message = EmailMessage(SMTP.clone(cte_type="7bit"))
    message["From"] = sender
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{sha256(key.encode()).hexdigest()[:32]}@{sender.domain}>"
    return message


def packed(message: EmailMessage, *, international: bool) -> bytes:
    """The mail as bytes.

    Args:
        international: whether its addresses have letters beyond ASCII (RFC 6532).
    """
    return message.as_bytes(policy=SMTPUTF8 if international else message.policy)
