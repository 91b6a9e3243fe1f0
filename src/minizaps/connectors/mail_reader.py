"""A mail as JSON: its headers, its texts, its attachments (RFC 5322, MIME)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from typing import Any

from minizaps.connectors.responses import decode

MOST_PARTS = 200
MOST_HEADERS = 200
LONGEST_HEADER = 4_000  # characters
LONGEST_TEXT = 200_000  # characters of the text, and of the HTML


def read_mail(raw: bytes, attachment_limit: int) -> dict[str, Any]:
    """A mail, of which what is too much is left out.

    Args:
        attachment_limit: the largest attachment whose content is wanted, in bytes.

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
            attachments.append(_attachment(part, attachment_limit))
    text, html = ("\n".join(found) if found else None for found in texts.values())
    left_out = any(attachment["content_base64"] is None for attachment in attachments)
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
        "truncated": left_out or any(len(each or "") > LONGEST_TEXT for each in (text, html)),
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


def _attachment(part: Message, limit: int) -> dict[str, Any]:
    try:
        name = part.get_filename()
        content = _content(part)
    except Exception:  # of a header that is none
        name, content = None, b""
    return {
        "filename": _clean(name, LONGEST_HEADER),
        "content_type": part.get_content_type(),
        "size": len(content),
        "content_base64": b64encode(content).decode() if len(content) <= limit else None,
    }


def _headers(message: Message) -> dict[str, str]:
    """All headers, by their names in lower case; those of one name are joined by `, `."""
    found: dict[str, list[str]] = {}
    for name, value in list(message.raw_items())[:MOST_HEADERS]:
        found.setdefault(name.lower(), []).append(_readable(name, value))
    return {_clean(n, 200) or "": _clean(", ".join(v), LONGEST_HEADER) or "" for n, v in
            found.items()}  # fmt: skip


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
    """Text that JSON and databases can hold."""
    if text is None:
        return None
    return text[:longest].encode("utf-8", "replace").decode().replace("\0", "")
