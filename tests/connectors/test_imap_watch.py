"""The watch of a folder, on a real server: what comes is handed over at once, over TLS too."""

from __future__ import annotations

import asyncio
import imaplib
import time
from typing import Any, NoReturn

import pytest
from imapclient import IMAPClient

from minizaps.connectors.base import Context
from minizaps.connectors.imap_session import in_mailbox
from minizaps.connectors.imap_watch import Batch, watch
from minizaps.credentials.types import Imap
from minizaps.definition.email_trigger import EmailTriggerConfig
from tests.servers.dovecot import PASSWORD, DovecotServer

USERS = iter(f"seen{number}" for number in range(10_000))
MAIL = b"From: ada@acme.test\r\nSubject: %d\r\n\r\nHello\r\n"


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_mails_that_come_at_any_moment_are_handed_over_at_once(
    trusting: Context, dovecot_server: DovecotServer, security: str
) -> None:
    port = dovecot_server.tls_port if security == "tls" else dovecot_server.port
    user = next(USERS)
    fields = {"host": "localhost", "port": port, "security": security, "username": user}
    server = Imap.model_validate({**fields, "password": PASSWORD})
    config = EmailTriggerConfig(credential="post")
    loop, arrived = asyncio.get_running_loop(), asyncio.Queue[Any]()

    def take(batch: Batch) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, batch)

    def work(client: IMAPClient) -> NoReturn:
        watch(client, config, None, lambda: 0, take, lambda: None)

    watching = asyncio.create_task(in_mailbox(server, trusting.dial, work))
    assert (await arrived.get()).mails == []
    with imaplib.IMAP4("127.0.0.1", dovecot_server.port) as box:
        box.login(user, PASSWORD)
        began = time.monotonic()
        for number in range(40):
            # Now between two commands of the watch, now while it idles.
            await asyncio.to_thread(box.append, "INBOX", "", "", MAIL % number)
            if number % 3 == 0:
                await asyncio.sleep(number % 7 / 200)
        subjects: list[str] = []
        while len(subjects) < 40:
            async with asyncio.timeout(5):
                subjects += [mail["subject"] for mail in (await arrived.get()).mails]
        assert subjects == [str(number) for number in range(40)]
        assert time.monotonic() - began < 5
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
