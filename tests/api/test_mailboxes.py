"""Triggers that watch mailboxes, on a real server: each mail a run, once, whoever watches."""

from __future__ import annotations

import asyncio
import imaplib
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from minizaps.connectors import imap_session, imap_watch
from minizaps.worker import mailboxes
from minizaps.worker.mailboxes import Mailboxes
from minizaps.worker.watcher import EMAIL, HELD
from tests.api.queues import add_credential, error_of, inputs, shown
from tests.api.support import API, PATIENCE, Server, definition, pointers, set_step
from tests.connectors.wire import cut_at
from tests.servers.dovecot import PASSWORD, DovecotServer

MAIL = b"From: ada@acme.test\r\nMessage-ID: <x@acme.test>\r\nSubject: %s\r\n\r\nHello\r\n"
USERS = iter(f"watched{number}" for number in range(10_000))
Put = Callable[..., None]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation looks no second time, tests do."""
    monkeypatch.setattr(mailboxes, "PAUSE", 3600)


@pytest.fixture
async def server(open_server: Callable[..., Any]) -> Server:
    """An installation that keeps credentials."""
    return await open_server(secret_key=b64encode(bytes(32)).decode())


@pytest.fixture
async def own(server: Server) -> AsyncIterator[Mailboxes]:
    """The mailboxes of this process."""
    async with Mailboxes(server.app.post()) as own:
        yield own


@pytest.fixture
async def user(server: Server, dovecot_server: DovecotServer) -> str:
    """The owner of an empty mailbox, and the credential for it."""
    if not dovecot_server.running:
        dovecot_server.start()
    user = next(USERS)
    login = {"username": user, "password": PASSWORD}
    port = dovecot_server.port
    await add_credential(server, "imap", host="localhost", port=port, security="none", **login)
    return user


@pytest.fixture
def box(user: str, dovecot_server: DovecotServer) -> Iterator[imaplib.IMAP4]:
    """The mailbox, as its owner sees it."""
    with imaplib.IMAP4("127.0.0.1", dovecot_server.port) as client:
        client.login(user, PASSWORD)
        client.select()
        yield client


@pytest.fixture
def put(box: imaplib.IMAP4) -> Put:
    """Puts a mail into the mailbox."""

    def put(subject: str, **headers: str) -> None:
        message = EmailMessage()
        message["From"], message["Subject"] = "Ada <ada@acme.test>", subject
        message["Message-ID"] = headers.get("message_id", f"<{subject}@acme.test>")
        message["Date"] = "Thu, 31 Jan 2030 09:00:00 +0100"
        message.set_content("Hello\n")
        box.append("INBOX", "", "", message.as_bytes())

    return put


def watched(**config: Any) -> dict[str, Any]:
    trigger = {"id": "inbox", "type": "email", "config": {"credential": "imap", **config}}
    return definition(set_step("note", s="{{ trigger.body.subject }}"), triggers=[trigger])


@pytest.fixture
def looked(server: Server, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set whenever something was written down of the mailbox."""
    looked, fire = asyncio.Event(), server.app.triggers.fire

    async def noted(firings: Any) -> Any:
        fired = await fire(firings)
        looked.set()
        return fired

    monkeypatch.setattr(server.app.triggers, "fire", noted)
    return looked


async def subjects(server: Server, count: int) -> list[str]:
    """Wait for so many runs; return their mails' subjects, sorted."""
    async with asyncio.timeout(PATIENCE):
        while len(await inputs(server)) < count:
            await asyncio.sleep(0.01)
    return sorted(run["input"]["subject"] for run in await inputs(server))


async def test_a_mail_that_comes_starts_a_run_at_once(
    server: Server, own: Mailboxes, put: Put, looked: asyncio.Event
) -> None:
    put("old")
    await server.save(watched())
    await own.run_once()
    await looked.wait()
    began = time.monotonic()
    put("one")
    assert await subjects(server, 1) == ["one"]
    assert time.monotonic() - began < 2
    put("two")
    assert await subjects(server, 2) == ["one", "two"]
    (run, _) = await inputs(server)
    assert run["trigger"] == {"id": "inbox", "type": "email"}
    assert (run["input"]["from"], run["input"]["text"]) == ("Ada <ada@acme.test>", "Hello\n")
    found = await shown(server)
    assert found["last_fired_at"]
    assert (found["error"], found["next_fire_at"]) == (None, None)


async def test_the_mails_that_are_there_start_runs_where_that_is_asked(
    server: Server, own: Mailboxes, put: Put
) -> None:
    for number in range(25):
        put(str(number))
    await server.save(watched(start="all"))
    await own.run_once()
    assert await subjects(server, 25) == sorted(map(str, range(25)))


async def test_what_comes_while_nobody_watches_is_found_later_and_once(
    server: Server, put: Put
) -> None:
    await server.save(watched(start="all"))
    async with Mailboxes(server.app.post()) as own:
        await own.run_once()
        put("one")
        assert await subjects(server, 1) == ["one"]
    put("two")
    async with Mailboxes(server.app.post()) as next_one:
        await next_one.run_once()  # at once: the first one has let go of it
        assert await subjects(server, 2) == ["one", "two"]


async def test_a_second_process_takes_over_what_a_dead_one_held(server: Server, put: Put) -> None:
    await server.save(watched(start="all"))
    triggers, clock = server.app.triggers, server.clock
    (trigger,) = await triggers.due(EMAIL, 9)
    assert await triggers.hold(trigger, clock.now() + HELD)  # and dies
    put("one")
    async with Mailboxes(server.app.post()) as other:
        clock.advance(HELD / 1000 - 1)
        await other.run_once()
        assert not other.count
        clock.advance(1)
        await other.run_once()
        assert await subjects(server, 1) == ["one"]


async def test_one_of_two_processes_watches_and_keeps_the_mailbox_while_it_lives(
    server: Server, own: Mailboxes, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap_watch, "TICK", 0.02)
    await server.save(watched(start="all"))
    put("one")
    async with Mailboxes(server.app.post()) as other:
        await asyncio.gather(own.run_once(), other.run_once())
        assert own.count + other.count == 1
        assert await subjects(server, 1) == ["one"]
        for _ in range(3):
            server.clock.advance(HELD / 1000 - 1)
            due = server.clock.now() + HELD
            async with asyncio.timeout(PATIENCE):
                while await server.app.triggers.next_due(EMAIL) != due:
                    await asyncio.sleep(0.005)
            await other.run_once()
        assert own.count + other.count == 1


async def test_a_mail_that_is_moved_out_and_back_starts_no_second_run(
    server: Server, own: Mailboxes, put: Put, box: imaplib.IMAP4
) -> None:
    await server.save(watched(start="all"))
    await own.run_once()
    put("one")
    assert await subjects(server, 1) == ["one"]
    box.noop()
    box.copy("1", "INBOX")
    put("two")
    assert await subjects(server, 2) == ["one", "two"]
    put("three", message_id="<two@acme.test>")  # a sender who gives all mails one id
    assert await subjects(server, 3) == ["one", "three", "two"]


async def test_uids_that_are_given_out_anew_start_nothing_again(
    server: Server, put: Put, box: imaplib.IMAP4, looked: asyncio.Event
) -> None:
    put("old")
    server.clock.advance(time.time() - 1 - server.clock.now() / 1000)  # as the mail server's
    await server.save(watched(folder="Post"))
    box.create("Post")
    box.copy("1", "Post")
    async with Mailboxes(server.app.post()) as own:
        await own.run_once()
        await looked.wait()
        box.append("Post", "", imaplib.Time2Internaldate(time.time() + 60), MAIL % b"one")
        assert await subjects(server, 1) == ["one"]
    box.select("Post")
    kept = [b"".join(box.fetch(n, "(RFC822)")[1][0][1:2]) for n in ("1", "2")]
    box.select("INBOX")
    box.delete("Post")
    box.create("Post")
    for raw, date in zip(kept, (time.time() - 60, time.time() + 60), strict=True):
        box.append("Post", "", imaplib.Time2Internaldate(date), raw)
    box.append("Post", "", imaplib.Time2Internaldate(time.time() + 60), MAIL % b"two")
    async with Mailboxes(server.app.post()) as own:
        await own.run_once()
        assert await subjects(server, 2) == ["one", "two"]
    assert await subjects(server, 2) == ["one", "two"]


async def test_mails_become_seen_where_that_is_asked(
    server: Server, own: Mailboxes, put: Put, box: imaplib.IMAP4
) -> None:
    await server.save(watched(start="all", mark="seen"))
    await own.run_once()
    put("one")
    assert await subjects(server, 1) == ["one"]
    async with asyncio.timeout(PATIENCE):
        while box.search(None, "SEEN")[1] != [b"1"]:
            await asyncio.sleep(0.01)


async def test_a_mail_that_can_start_no_run_is_passed_over_and_told(
    server: Server, own: Mailboxes, put: Put
) -> None:
    schema = {"properties": {"subject": {"not": {"const": "bad"}}}}
    await server.save({**watched(start="all"), "input_schema": schema})
    put("bad")
    await own.run_once()
    assert "<bad@acme.test>" in (await error_of(server, "passed over"))["error"]["detail"]
    put("good")
    assert await subjects(server, 1) == ["good"]
    assert (await shown(server))["error"] is None


async def test_a_mailbox_that_cannot_be_used_is_told_and_tried_again(
    server: Server, own: Mailboxes, put: Put, user: str, dovecot_server: DovecotServer
) -> None:
    login = {"username": user, "password": PASSWORD, "host": "localhost", "security": "none"}
    async with cut_at(b"DONE", dovecot_server.port) as port:
        credential = {"data": {**login, "port": port}}
        await server.admin.put(f"{API}/credentials/imap", json=credential)
        await server.save(watched(start="all"))
        put("one")
        await own.run_once()
        assert await subjects(server, 1) == ["one"]
        put("two")
        assert (await error_of(server, "localhost"))["failures"] == 1
    server.clock.advance(5)
    await own.run_once()
    async with asyncio.timeout(PATIENCE):
        while (await shown(server))["failures"] < 2:
            await asyncio.sleep(0.01)
    credential = {"data": {**login, "port": dovecot_server.port}}
    await server.admin.put(f"{API}/credentials/imap", json=credential)
    server.clock.advance(10)
    await own.run_once()
    assert await subjects(server, 2) == ["one", "two"]
    found = await shown(server)
    assert (found["error"], found["failures"]) == (None, 0)


async def test_a_folder_that_is_not_there_is_told(server: Server, own: Mailboxes, box: Any) -> None:
    await server.save(watched(folder="Nowhere"))
    await own.run_once()
    assert (await error_of(server, "Nowhere"))["error"]["type"] == "mailbox"


async def test_a_workflow_that_is_deactivated_starts_nothing(
    server: Server, own: Mailboxes, put: Put, looked: asyncio.Event
) -> None:
    await server.save(watched(start="all"))
    await own.run_once()
    await looked.wait()
    await server.admin.post(f"{API}/workflows/flow/deactivate")
    put("one")
    async with asyncio.timeout(PATIENCE):
        while own.count:
            await asyncio.sleep(0.01)
    assert await inputs(server) == []
    await server.admin.post(f"{API}/workflows/flow/activate")
    await own.run_once()
    assert await subjects(server, 1) == ["one"]


async def test_a_new_version_takes_the_next_mail(
    server: Server, own: Mailboxes, put: Put, looked: asyncio.Event
) -> None:
    await server.save(watched())
    await own.run_once()
    await looked.wait()
    changed = {**watched(), "steps": [set_step("note"), set_step("other")]}
    await server.admin.put(f"{API}/workflows/flow", json=changed)
    put("one")
    await subjects(server, 1)
    assert (await inputs(server))[0]["workflow"]["version"] == 2


async def test_a_server_without_idle_is_looked_at_now_and_then(
    server: Server, own: Mailboxes, put: Put, looked: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_capability = imap_session._Client.has_capability
    monkeypatch.setattr(
        imap_session._Client,
        "has_capability",
        lambda self, name: name != "IDLE" and has_capability(self, name),
    )
    monkeypatch.setattr(imap_watch, "POLLED", 0.1)
    await server.save(watched())
    await own.run_once()
    await looked.wait()
    put("one")
    assert await subjects(server, 1) == ["one"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"credential": "none"}, "/credential", "there is no credential 'none'"),
        ({"credential": "other"}, "/credential", "of the type hmac, not imap"),
        ({"folder": "a\r\nb"}, "/folder", "pattern"),
        ({"mark": "deleted"}, "/mark", "'none'"),
        ({"max_attachment_bytes": 10**7}, "/max_attachment_bytes", "262144"),
    ],
)
async def test_a_wrong_email_trigger_is_refused_where_it_is_wrong(
    server: Server, change: dict[str, Any], pointer: str, detail: str
) -> None:
    await add_credential(server, "hmac", secret="a secret")
    await add_credential(server, "imap", host="localhost", username="ada", password="right")
    change = {k: "hmac" if v == "other" else v for k, v in change.items()}
    found = pointers(await server.admin.post(f"{API}/workflows", json=watched(**change)))
    assert detail in found[f"/triggers/0/config{pointer}"]
