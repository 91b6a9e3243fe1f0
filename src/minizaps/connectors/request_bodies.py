"""What a request carries: files and fields as `multipart/form-data` (RFC 7578)."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

from pydantic import ConfigDict, Field, model_validator

from minizaps.connectors.base import ConnectorConfig

_TOKEN = r"[A-Za-z0-9!#$&^_.+-]+"  # noqa: S105
# As browsers write them (HTML, 4.10.21.8): nothing ends the quoted text or the line.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\0": "%00"})


class UploadedFile(ConnectorConfig):
    """A file to send."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str = Field(description="The form field's name.")
    filename: str = Field(description="The file's name.")
    content: str | None = Field(default=None, description="What is in it, as text (UTF-8).")
    content_base64: str | None = Field(
        default=None, description="What is in it, as Base64: the form in which a step has a file."
    )
    content_type: str = Field(
        default="application/octet-stream",
        max_length=200,
        pattern=rf'^{_TOKEN}/{_TOKEN}( *; *{_TOKEN}=({_TOKEN}|"[ !#-\[\]-~]*"))*$',
        description="Its media type.",
    )

    @model_validator(mode="after")
    def _one_content(self) -> UploadedFile:
        if (self.content is None) == (self.content_base64 is None):
            raise ValueError("set exactly one of content and content_base64")
        return self

    def raw(self) -> bytes:
        """What is in it."""
        if self.content_base64 is None:
            return (self.content or "").encode()
        try:
            return b64decode(self.content_base64, validate=True)
        except ValueError as error:
            raise ValueError(f"the file {self.filename[:64]!r} is not Base64: {error}") from None


class Multipart(ConnectorConfig):
    """The fields and files of a form."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    fields: dict[str, str] = Field(default_factory=dict, description="Its fields.")
    files: list[UploadedFile] = Field(
        default_factory=list, max_length=100, description="Its files."
    )

    def encoded(self) -> tuple[bytes, str]:
        """The body and its media type; the same each time, for an attempt that is repeated.

        Raises:
            ValueError: a content is not Base64, or a text is not Unicode.
        """
        parts = [(_head(name), value.encode()) for name, value in self.fields.items()]
        for file in self.files:
            head = f'{_head(file.name)}; filename="{file.filename.translate(_ESCAPES)}"'
            parts.append((f"{head}\r\nContent-Type: {file.content_type}", file.raw()))
        digest = sha256()
        for head, content in parts:
            digest.update(head.encode() + b"\0" + content)
        # No content can hold a digest of itself. RFC 2046 allows 70 characters.
        boundary = f"mini-zaps-{digest.hexdigest()[:48]}"
        pieces = []
        for head, content in parts:
            pieces += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), content, b"\r\n"]
        pieces.append(f"--{boundary}--\r\n".encode())
        return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _head(name: str) -> str:
    return f'Content-Disposition: form-data; name="{name.translate(_ESCAPES)}"'
