"""Messages as they come from a queue, whichever server they come from."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, NamedTuple, Protocol


class Delivery(NamedTuple):
    """One message.

    Attributes:
        body: its bytes; the fields of an entry of a stream that has no field `body`; None if the
            entry was removed before it was taken.
        id: what tells it from other messages; None if nothing does.
        headers: what its sender has put beside the body.
        facts: what else is known, as JSON.
        handle: by which its line settles it.
    """

    body: bytes | dict[str, Any] | None
    content_type: str | None
    id: str | None
    headers: dict[str, Any]
    facts: dict[str, Any]
    handle: Any


class Line(Protocol):
    """A connection on which messages come. It does not mend itself."""

    async def receive(self) -> list[Delivery]:
        """Wait for messages; none if there are none for a while.

        Raises:
            ConnectorError: no more will come.
        """

    async def settle(self, delivery: Delivery, *, taken: bool) -> None:
        """Tell the server that a message is done with.

        Args:
            taken: False for one that nobody can take: it is not to come again.
        """


def plain(value: Any) -> Any:
    """A header's value as JSON, without the character NUL, which databases do not take."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value.replace("\0", "")
        case bytes():
            try:
                return value.decode().replace("\0", "")
            except UnicodeDecodeError:
                return b64encode(value).decode()
        case dict():
            return {str(plain(key)): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return str(value)
