"""A mail as JSON: its headers, its texts, its attachments (RFC 5322, MIME)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from typing import Any

from minizaps.connectors.responses import decode

# Together they keep a mail below 1 MiB of JSON, whatever it is: a step's output has no more.
MOST_PARTS = 100
LONGEST_NAME = 255  # bytes of a file's name, a header's name, a media type
LONGEST_HEADER = 4_000  # bytes
LONGEST_TEXT = 150_000  # bytes of the text, and of the HTML
ALL_HEADERS = 65_536  # bytes

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def read_mail(raw: bytes, attachment_limit: int) -> dict[str, Any]:
    """A mail, of which what is too much is left out.

    Args:
        attachment_limit: how many bytes of attachments are wanted; those beyond have no content.

    Returns:
        `{"message_id", "from", "to", "subject", "date", "text", "html", "attachments", "headers",
        "truncated"}`; a date is ISO 8601 text, and what a mail does not have is null.
    """
    try:
        message = BytesParser(policy=default).parsebytes(raw)
    except Exception:  # the parser has no list of what it raises on mails that are none
        head = raw.partition(b"\r\n\r\n")[0]
        message = BytesParser(policy=default).parsebytes(head, headersonly=True)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the policy's kind
    texts: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    attachments = []
    for number, part in enumerate(_parts(message)):
        if number == MOST_PARTS:
            break
        kind = part.get_content_type()
        if kind in texts and not _is_attached(part):
            found = decode(_content(part), part.get_content_charset("utf-8"))
            texts[kind].append(found.replace("\r\n", "\n"))
        else:
            attachment, used = _attachment(part, attachment_limit)
            attachments.append(attachment)
            attachment_limit -= used
    text, html = ("\n".join(found) if found else None for found in texts.values())
    left_out = any(attachment["content_base64"] is None for attachment in attachments)
    too_long = any(
        len((each or "").encode("utf-8", "replace")) > LONGEST_TEXT for each in (text, html)
    )
    return {
        "message_id": _header(message, "Message-ID"),
        "from": _header(message, "From"),
        "to": _header(message, "To"),
        "subject": _header(message, "Subject"),
        "date": _date(message),
        "text": _clean(text, LONGEST_TEXT),
        "html": _clean(html, LONGEST_TEXT),
        "attachments": attachments,
        "headers": _headers(message),
        "truncated": left_out or too_long,
    }


def _parts(message: Message) -> Iterator[Message]:
    """The parts that have content, in order; an attached mail is one of them."""
    pending: list[Message] = [message]
    while pending:
        part = pending.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            pending += reversed([each for each in part.get_payload() if isinstance(each, Message)])
        else:
            yield part


def _is_attached(part: Message) -> bool:
    try:
        return part.get_content_disposition() == "attachment" or part.get_filename() is not None
    except Exception:  # of a header that is none
        return True


def _content(part: Message) -> bytes:
    if part.is_multipart():  # an attached mail
        return b"".join(each.as_bytes() for each in part.get_payload() if isinstance(each, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachment(part: Message, limit: int) -> tuple[dict[str, Any], int]:
    """An attachment, and how many bytes of content it has here."""
    try:
        name = part.get_filename()
        content = _content(part)
    except Exception:  # of a header that is none
        name, content = None, b""
    small = len(content) <= limit
    attachment = {
        "filename": _clean(name, LONGEST_NAME),
        "content_type": _clean(part.get_content_type(), LONGEST_NAME),
        "size": len(content),
        "content_base64": b64encode(content).decode() if small else None,
    }
    return attachment, len(content) if small else 0


def _headers(message: Message) -> dict[str, str]:
    """The headers, by their names in lower case; those of one name are joined by `, `."""
    found: dict[str, str] = {}
    room = ALL_HEADERS
    for raw_name, raw_value in message.raw_items():
        name = _clean(raw_name.lower(), LONGEST_NAME) or ""
        value = _clean(_readable(raw_name, raw_value), LONGEST_HEADER) or ""
        room -= len(name.encode()) + len(value.encode())
        if room < 0:
            break
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _header(message: Message, name: str) -> str | None:
    for found, value in message.raw_items():
        if found.lower() == name.lower():
            return _clean(_readable(found, value), LONGEST_HEADER)
    return None


def _readable(name: str, value: Any) -> str:
    """A header's text; of one that cannot be read, what stands there."""
    try:
        return str(default.header_fetch_parse(name, str(value)))
    except Exception:  # the parser has no list of what it raises
        return " ".join(str(value).split())


def _date(message: Message) -> str | None:
    try:
        header: Any = message["Date"]
        return None if header.datetime is None else str(header.datetime.isoformat())
    except Exception:  # no date, or one that is none
        return None


def _clean(text: str | None, longest: int) -> str | None:
    """Text that JSON and databases can hold, of so many bytes at most."""
    if text is None:
        return None
    return _CONTROL.sub("", text).encode("utf-8", "replace")[:longest].decode("utf-8", "ignore")
