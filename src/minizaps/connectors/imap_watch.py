"""Watches a folder of a mailbox: by IDLE (RFC 2177), or by looking each minute where there is none.

It blocks, and so is the work of a session in a thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

from imapclient import SEEN, IMAPClient

from minizaps.connectors.imap_session import Search, fetch_mails
from minizaps.definition.email_trigger import EmailTriggerConfig

TICK = 20.0  # seconds after which it is told that the watch goes on
RENEWED = 600.0  # seconds; servers may end an IDLE after 30 minutes, and routers forget it earlier
POLLED = 60.0  # seconds between two looks without IDLE
BATCH = 20  # mails
KNOWN = 80 * 86_400_000  # milliseconds for which mails that were read are surely known


@dataclass(frozen=True, slots=True)
class Position:
    """How far a folder has been read.

    Attributes:
        uid_validity: another one says that the server has given out all UIDs anew.
        uid: of the last mail that was read.
        since: milliseconds; when it was begun to watch, or later.
        renumbered: up to this UID mails may be old ones with new UIDs: those that the server had
            before `since` are passed over.
    """

    uid_validity: int
    uid: int
    since: int
    renumbered: int = 0


class Batch(NamedTuple):
    """Some mails as `imap_session.fetch_mails` reads them, and the position behind them."""

    mails: list[dict[str, Any]]
    position: Position


def watch(
    client: IMAPClient,
    config: EmailTriggerConfig,
    position: Position | None,
    now: Callable[[], int],
    take: Callable[[Batch], None],
    tick: Callable[[], None],
) -> NoReturn:
    """Hand over the mails that are new, and each one that comes, for ever.

    Args:
        position: where the last watch ended; None for the first one.
        now: the time in milliseconds.
        take: keeps a batch with its position; the first one may have no mails.
        tick: called every `TICK` seconds.
    """
    folder = client.select_folder(config.folder, readonly=config.mark == "none")
    last = int(folder.get(b"UIDNEXT") or max(client.search("ALL"), default=0) + 1) - 1
    position = _first(config, folder[b"UIDVALIDITY"], last, position, now())
    take(Batch([], position))
    while True:
        for batch in _new(client, config, position):
            take(batch)
            position = batch.position
            if config.mark == "seen" and batch.mails:
                client.add_flags([mail["uid"] for mail in batch.mails], [SEEN], silent=True)
        _wait(client, tick)


def _first(
    config: EmailTriggerConfig, validity: int, last: int, position: Position | None, now: int
) -> Position:
    if position is None:
        return Position(validity, 0 if config.start == "all" else last, now)
    if position.uid_validity == validity:
        return position
    since = max(position.since, now - KNOWN)
    return Position(validity, 0, since, renumbered=last)


def _new(client: IMAPClient, config: EmailTriggerConfig, position: Position) -> Iterator[Batch]:
    """The mails behind a position."""
    while True:
        _announced(client)
        search = Search(since_uid=position.uid, limit=BATCH)
        mails, last = fetch_mails(client, search, config.max_attachment_bytes)
        if not mails:
            return
        position = replace(position, uid=last)
        old = [mail["uid"] for mail in mails if mail["uid"] <= position.renumbered]
        came = client.fetch(old, ["INTERNALDATE"]) if old else {}
        before = {
            uid
            for uid, fields in came.items()
            if fields[b"INTERNALDATE"].timestamp() * 1000 < position.since
        }
        yield Batch([mail for mail in mails if mail["uid"] not in before], position)


def _wait(client: IMAPClient, tick: Callable[[], None]) -> None:
    """Wait until the folder may have changed."""
    idle = client.has_capability("IDLE")
    end = time.monotonic() + (RENEWED if idle else POLLED)
    if idle:
        client.idle()
    changed = _announced(client)
    while not changed and (left := end - time.monotonic()) > 0:
        changed = _stirs(client, min(left, TICK), idle=idle)
        tick()
    if idle:
        client.idle_done()
    else:
        client.noop()


def _announced(client: IMAPClient) -> bool:
    """Whether the server has told of mails in the answer to a command, since this was asked last.

    It does not tell again of them while the client idles.
    """
    return client._imap.untagged_responses.pop("EXISTS", None) is not None


def _stirs(client: IMAPClient, seconds: float, *, idle: bool) -> bool:
    """Whether the server says something, or has hung up, within so many seconds."""
    if not idle:
        return bool(IMAPClient._poll_socket(client, client.socket(), seconds))
    began = time.monotonic()
    said = client.idle_check(seconds)
    return bool(said) or time.monotonic() - began < seconds / 2  # it has hung up
