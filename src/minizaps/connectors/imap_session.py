"""A session with a mailbox (IMAP4rev1, RFC 3501), which blocks and so has a thread of its own."""

from __future__ import annotations

import asyncio
import imaplib
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from imapclient import IMAPClient
from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
)

from minizaps.connectors.dial import Dialler, network_failed
from minizaps.connectors.mail_reader import read_mail
from minizaps.credentials.types import Imap
from minizaps.errors import ConnectorError, CredentialRefused

PATIENCE = 60.0  # seconds for an answer
ROOM = 900 * 2**10  # bytes of JSON; a step's output has 1 MiB
LARGEST_MAIL = 25 * 2**20  # bytes; of a larger one, only the headers are read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Search:
    """Which mails of a folder.

    Attributes:
        since_uid: only those with a higher UID.
        limit: how many: after `since_uid` the oldest ones, else the newest ones.
    """

    unseen: bool = False
    since_uid: int | None = None
    sender: str | None = None
    subject: str | None = None
    limit: int = 10

    def criteria(self) -> list[str]:
        """As IMAP writes it."""
        found = ["ALL"]
        if self.unseen:
            found.append("UNSEEN")
        if self.since_uid is not None:
            found += ["UID", f"{self.since_uid + 1}:*"]
        for key, value in (("FROM", self.sender), ("SUBJECT", self.subject)):
            if value is not None:
                found += [key, value]
        return found


async def in_mailbox(server: Imap, dial: Dialler, work: Callable[[IMAPClient], T]) -> T:
    """Log in, do some work in a thread, log out.

    Args:
        work: uses the session and blocks; it ends when the session is cut off, as it is where the
            task is cancelled.

    Raises:
        AddressRefused: the server may not be reached.
        NetworkFailed: no connection, or it broke.
        CredentialRefused: the server does not take the name and the password.
        ConnectorError: the server refuses (type `mailbox`).
    """
    connection = await dial.connect(server.host, server.port, timeout=PATIENCE)
    tls = None if server.security == "none" else dial.tls
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="imap")
    with connection.dup() as same:  # TLS takes the first one over
        try:
            return await loop.run_in_executor(thread, _session, connection, server, tls, work)
        except asyncio.CancelledError:
            with suppress(OSError):
                same.shutdown(socket.SHUT_RDWR)
            raise
        finally:
            thread.shutdown(wait=False)


def fetch_mails(
    client: IMAPClient, search: Search, attachment_limit: int
) -> tuple[list[dict[str, Any]], int]:
    """The mails of the selected folder that a search finds, and the last one's UID.

    They are read one by one, and do not become seen. Where they would be more than `ROOM` together,
    they are fewer.

    Args:
        attachment_limit: how many bytes of attachments are wanted of each.
    """
    criteria = search.criteria()
    charset = None if all(part.isascii() for part in criteria) else "UTF-8"
    # `n:*` has the last mail also where its UID is below n.
    found = sorted(uid for uid in client.search(criteria, charset) if uid > (search.since_uid or 0))
    newest_first = search.since_uid is None
    mails: list[dict[str, Any]] = []
    room = ROOM
    for uid in sorted(found, reverse=newest_first)[: search.limit]:
        mail = _fetch(client, uid, attachment_limit)
        if mail is None:
            continue
        room -= len(orjson.dumps(mail))
        if room < 0 and mails:
            break
        mails.append(mail)
    mails.sort(key=lambda mail: int(mail["uid"]))
    return mails, mails[-1]["uid"] if mails else search.since_uid or 0


def _fetch(client: IMAPClient, uid: int, attachment_limit: int) -> dict[str, Any] | None:
    """A mail; None where it is gone meanwhile."""
    sizes = client.fetch([uid], ["RFC822.SIZE"])
    if uid not in sizes:
        return None
    whole = sizes[uid][b"RFC822.SIZE"] <= LARGEST_MAIL
    part = "BODY.PEEK[]" if whole else "BODY.PEEK[HEADER]"
    raw = client.fetch([uid], [part]).get(uid, {}).get(part.replace(".PEEK", "").encode())
    if raw is None:
        return None
    mail = read_mail(raw, attachment_limit)
    return {"uid": uid, **mail, "truncated": mail["truncated"] or not whole}


class _Client(IMAPClient):  # type: ignore[misc] # the library has no types
    """A client on a connection that is there."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self._connection = connection
        super().__init__(host, ssl=False, timeout=PATIENCE)

    def _poll_socket(self, sock: socket.socket, timeout: float | None = None) -> list[Any]:
        """What has been read from the socket already counts, too, as long as nobody took it."""
        with suppress(OSError):  # of a socket that has nothing now, under TLS
            if self._imap.file.peek(1):
                return [sock]
        events: list[Any] = super()._poll_socket(sock, timeout)
        return events

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - the library's name
        return _Wire(self._connection, self.host)


class _Wire(imaplib.IMAP4):
    def __init__(self, connection: socket.socket, host: str) -> None:
        self._connection = connection
        super().__init__(host)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._connection


def _session(
    connection: socket.socket,
    server: Imap,
    tls: ssl.SSLContext | None,
    work: Callable[[IMAPClient], T],
) -> T:
    where = f"{server.host}:{server.port}"
    connection.settimeout(PATIENCE)
    with connection, _errors(where):
        if server.security == "tls" and tls is not None:
            connection = tls.wrap_socket(connection, server_hostname=server.host)
        with connection:
            client = _Client(connection, server.host)
            try:
                if server.security == "starttls":
                    if not client.has_capability("STARTTLS"):
                        raise ConnectorError(f"{where}: it has no STARTTLS", type="mailbox")
                    client.starttls(tls)
                _log_in(client, server, where)
                result = work(client)
                with suppress(IMAPClientError, OSError):
                    client.logout()
                return result
            finally:
                with suppress(OSError):
                    client.shutdown()  # its reader holds the socket open


def _log_in(client: IMAPClient, server: Imap, where: str) -> None:
    # By PLAIN, names and passwords may have letters beyond ASCII.
    log_in = client.plain_login if client.has_capability("AUTH=PLAIN") else client.login
    try:
        log_in(server.username, server.password.get_secret_value())
    except LoginError as error:
        if isinstance(error.__context__, IMAPClientAbortError):
            raise network_failed(where, error) from error
        if "UNAVAILABLE" in str(error):  # RFC 5530: for now
            message = f"{where}: {error}"
            raise ConnectorError(message, type="mailbox", retryable=True) from error
        raise CredentialRefused(f"{where}: {error}") from error


@contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except (IMAPClientAbortError, OSError) as error:
        raise network_failed(where, error) from error
    except IMAPClientError as error:
        raise ConnectorError(f"{where}: {error}", type="mailbox") from error
