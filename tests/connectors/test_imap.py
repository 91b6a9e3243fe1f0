from __future__ import annotations

import asyncio
import imaplib
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.imap import ImapConfig, ImapConnector
from minizaps.credentials.types import Imap
from minizaps.errors import AddressRefused, ConnectorError, CredentialRefused, NetworkFailed
from tests.servers.dovecot import PASSWORD, DovecotServer

USERS = iter(f"user{number}" for number in range(10_000))
Put = Callable[..., int]


def opened(context: Context, port: int, user: str, **fields: Any) -> Context:
    given = {"host": "localhost", "port": port, "security": "none", "username": user}
    credential = Imap.model_validate({**given, "password": PASSWORD, **fields})
    return replace(context, credential=credential)


async def run(context: Context, **config: Any) -> dict[str, Any]:
    return await ImapConnector(ImapConfig.model_validate(config)).execute(context)


async def failure(context: Context, **config: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as failed:
        await run(context, **config)
    return failed.value


@pytest.fixture
def mailbox(context: Context, dovecot_server: DovecotServer) -> Context:
    """An empty mailbox."""
    return opened(context, dovecot_server.port, next(USERS))


@pytest.fixture
def put(mailbox: Context, dovecot_server: DovecotServer) -> Iterator[Put]:
    """Puts a mail into the mailbox, and answers how many there are."""
    assert isinstance(mailbox.credential, Imap)
    with imaplib.IMAP4("127.0.0.1", dovecot_server.port) as client:
        client.login(mailbox.credential.username, PASSWORD)
        client.create('"Archiv &- Ablage"')

        def put(raw: bytes | EmailMessage, flags: str = "") -> int:
            data = raw if isinstance(raw, bytes) else raw.as_bytes()
            client.append("INBOX", flags, "", data)
            return int(client.select()[1][0] or 0)

        yield put


def mail(subject: str = "Hello", sender: str = "Ada <ada@acme.test>") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "shop@acme.test", subject
    message["Date"] = "Thu, 31 Jan 2030 09:00:00 +0100"
    message["Message-ID"] = "<1@acme.test>"
    message.set_content("Grüße\n")
    return message


async def test_a_mail_is_read_with_all_its_parts(mailbox: Context, put: Put) -> None:
    message = mail("Grüße", "Jürgen <j@acme.test>")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    message.add_attachment(b"\x00\xff", maintype="image", subtype="png", filename="Bild ü.png")
    message.add_attachment(b"x" * 200, maintype="text", subtype="plain", filename="long.txt")
    message.add_attachment(mail("Inner"))
    put(message)
    output = await run(mailbox, max_attachment_bytes=100)
    (found,) = output["messages"]
    inner = found["attachments"].pop()
    headers = found.pop("headers")
    assert found == {
        "uid": 1,
        "message_id": "<1@acme.test>",
        "from": "Jürgen <j@acme.test>",
        "to": "shop@acme.test",
        "subject": "Grüße",
        "date": "2030-01-31T09:00:00+01:00",
        "text": "Grüße\n",
        "html": "<p>Grüße</p>\n",
        "attachments": [
            {
                "filename": "Bild ü.png",
                "content_type": "image/png",
                "size": 2,
                "content_base64": "AP8=",
            },
            {
                "filename": "long.txt",
                "content_type": "text/plain",
                "size": 200,
                "content_base64": None,
            },
        ],
        "truncated": True,
    }
    assert headers["subject"] == "Grüße"
    assert inner["content_type"] == "message/rfc822"
    assert output["last_uid"] == 1
    assert output["uid_validity"] > 0


async def test_reading_does_not_make_a_mail_seen(mailbox: Context, put: Put) -> None:
    put(mail())
    for _ in range(2):
        assert len((await run(mailbox, unseen=True))["messages"]) == 1


async def test_mails_are_found_by_their_fields(mailbox: Context, put: Put) -> None:
    put(mail("Invoice 1"))
    put(mail('Rechnung "ß" 2', "Bob <bob@acme.test>"), r"(\Seen)")
    put(mail("Invoice 3", "Bob <bob@acme.test>"))

    async def uids(**config: Any) -> list[int]:
        return [message["uid"] for message in (await run(mailbox, **config))["messages"]]

    assert await uids() == [1, 2, 3]
    assert await uids(limit=2) == [2, 3]
    assert await uids(since_uid=0, limit=2) == [1, 2]
    assert await uids(since_uid=2) == [3]
    assert await uids(since_uid=3) == []
    assert await uids(unseen=True) == [1, 3]
    assert await uids(subject="invoice", **{"from": "bob"}) == [3]
    assert await uids(subject='"ß"') == [2]
    assert (await run(mailbox, since_uid=3))["last_uid"] == 3
    assert (await run(mailbox, since_uid=0, limit=2))["last_uid"] == 2


async def test_mails_that_are_too_much_together_are_fewer(mailbox: Context, put: Put) -> None:
    for _ in range(8):
        put(b"Subject: x\r\n\r\n" + b"line of a long mail\r\n" * 8_000)
    found, since = [], 0
    while messages := (output := await run(mailbox, since_uid=since))["messages"]:
        assert len(messages) < 8
        found += [message["uid"] for message in messages]
        since = output["last_uid"]
    assert found == list(range(1, 9))
    newest = (await run(mailbox))["messages"]
    assert newest[-1]["uid"] == 8


async def test_mails_are_marked_and_moved(mailbox: Context, put: Put) -> None:
    for subject in ("a", "b"):
        put(mail(subject))
    validity = (await run(mailbox))["uid_validity"]
    mark = {"action": "mark", "uids": [1], "uid_validity": validity}
    assert await run(mailbox, **mark, seen=True, flagged=True) == {"uids": [1]}
    assert [m["uid"] for m in (await run(mailbox, unseen=True))["messages"]] == [2]
    await run(mailbox, **mark, seen=False)
    assert [m["uid"] for m in (await run(mailbox, unseen=True))["messages"]] == [1, 2]
    for _ in range(2):
        assert await run(mailbox, **mark, move="Archiv & Ablage") == {"uids": [1]}
    assert [m["uid"] for m in (await run(mailbox))["messages"]] == [2]
    assert len((await run(mailbox, folder="Archiv & Ablage"))["messages"]) == 1
    assert await run(mailbox, action="mark", uids=[], seen=True) == {"uids": []}
    failed = await failure(mailbox, **{**mark, "uid_validity": 1}, seen=True)
    assert (failed.type, failed.retryable) == ("mailbox", False)


async def test_a_folder_that_is_not_there_is_an_error(mailbox: Context) -> None:
    failed = await failure(mailbox, folder="Nothing")
    assert (failed.type, failed.retryable) == ("mailbox", False)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_the_password_goes_over_tls(
    context: Context, trusting: Context, dovecot_server: DovecotServer, security: str
) -> None:
    port = dovecot_server.tls_port if security == "tls" else dovecot_server.port
    user = next(USERS)
    known = opened(trusting, port, user, security=security)
    assert await ImapConnector.try_credential(known) == f"logged in at localhost:{port}"
    with pytest.raises(CredentialRefused) as refused:
        await run(opened(trusting, port, user, security=security, password="wröng"))
    assert "wröng" not in str(refused.value)
    for shown, host in ((context, "localhost"), (trusting, "127.0.0.1")):
        failed = await failure(opened(shown, port, user, security=security, host=host))
        assert isinstance(failed, NetworkFailed)
        assert "not trusted" in str(failed)
        assert not failed.retryable


async def test_only_addresses_that_are_allowed_are_reached(context: Context) -> None:
    with pytest.raises(AddressRefused):
        await run(opened(context, 993, "a", host="169.254.169.254", security="tls"))
    failed = await failure(opened(context, 1, "a"))
    assert (failed.type, failed.retryable) == ("network", True)


@pytest.mark.parametrize("security", ["none", "tls"])
async def test_a_server_that_answers_no_more_is_given_up_with_the_attempt(
    context: Context, security: str
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    ended = asyncio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        shown = opened(context, server.sockets[0].getsockname()[1], "a", security=security)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await run(shown)
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"folder": "a\r\nb"}, "line break"),
        ({"subject": "a\nb"}, "line break"),
        ({"move": "x"}, "move is not for search"),
        ({"action": "mark", "uids": [1], "unseen": True}, "unseen is not for mark"),
        ({"action": "mark", "seen": True}, "uids: is required"),
        ({"action": "mark", "uids": [1]}, "at least one of seen"),
        ({"action": "mark", "uids": [0], "seen": True}, "greater than or equal to 1"),
    ],
)
def test_what_contradicts_itself_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ImapConfig.model_validate(config)
