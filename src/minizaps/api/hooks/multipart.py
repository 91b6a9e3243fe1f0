"""Bodies of type multipart/form-data (RFC 7578): fields, and files within the limit of bodies."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from minizaps.api.hooks.text import MOST_FIELDS, bad_request, clean, decode, gathered

LONGEST_FILENAME = 255
_NO_PART_OF_A_NAME = re.compile(r"[\x00-\x1f\x7f]")
_AS_IT_IS = ("", "7bit", "8bit", "binary")


@dataclass(slots=True)
class Part:
    """A part as it came: its headers by their names in lower case, and its bytes."""

    headers: dict[str, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)


class _Reader:
    """Takes the parts from the parser."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._name, self._value = bytearray(), bytearray()

    def begin(self) -> None:
        if len(self.parts) == MOST_FIELDS:
            raise bad_request(f"a form has {MOST_FIELDS} parts at most")
        self.parts.append(Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self.parts[-1].headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += data[start:end]

    def end(self) -> None:
        self.ended = True


def parse_multipart(raw: bytes, content_type: str) -> dict[str, Any]:
    """The form's fields as text and its files as objects, by their names; a name that repeats
    has a list.

    Raises:
        HttpProblem: 400 where it is no such form, or has too many parts.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise bad_request("the Content-Type multipart/form-data has no boundary")
    reader = _Reader()
    try:
        MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin,
                "on_header_field": reader.header_name,
                "on_header_value": reader.header_value,
                "on_header_end": reader.header_end,
                "on_part_data": reader.data,
                "on_end": reader.end,
            },
        ).write(raw)
    except FormParserError as error:
        raise bad_request(f"the body is no multipart/form-data: {error}") from None
    if not reader.ended:
        raise bad_request("the multipart/form-data ends without its last boundary")
    return gathered(_named(part) for part in reader.parts)


def plain_filename(name: str) -> str:
    """A file's name without any path and control character; `file` where nothing is left."""
    last = _NO_PART_OF_A_NAME.sub("", re.split(r"[/\\]", name)[-1]).strip()
    return last[:LONGEST_FILENAME] if last.strip(".") else "file"


def _named(part: Part) -> tuple[str, Any]:
    kind, options = parse_options_header(part.headers.get("content-disposition"))
    name = options.get(b"name")
    if kind != b"form-data" or name is None:
        raise bad_request("a part has no Content-Disposition: form-data with a name")
    coding = part.headers.get("content-transfer-encoding", b"").decode("latin-1").strip().lower()
    if coding not in _AS_IT_IS:
        raise bad_request(f"a part has Content-Transfer-Encoding {coding[:50]!r}: send it as it is")
    filename = options.get(b"filename")
    value = _text(part) if filename is None else _file(part, filename)
    return clean(name.decode("utf-8", "replace")), value


def _text(part: Part) -> str:
    _, options = parse_options_header(part.headers.get("content-type"))
    return decode(bytes(part.content), options.get(b"charset", b"utf-8").decode("latin-1"))


def _file(part: Part, filename: bytes) -> dict[str, Any] | None:
    if not filename and not part.content:
        return None  # a form's field for a file, in which nobody chose one
    kind = part.headers.get("content-type", b"application/octet-stream").decode("latin-1")
    return {
        "filename": plain_filename(filename.decode("utf-8", "replace")),
        "content_type": clean(kind.strip()),
        "size": len(part.content),
        "content_base64": b64encode(part.content).decode(),
    }
