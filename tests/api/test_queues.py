"""Triggers that listen to queues, on real servers: each message a run, once, and none is lost."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aio_pika import connect as connect_rabbitmq
from redis.asyncio import Redis

from minizaps.connectors import redis_consumer
from minizaps.connectors.amqp_consumer import QueueLine
from minizaps.connectors.redis_consumer import StreamLine
from minizaps.errors import JournalUnavailable
from minizaps.journal.records import NewRun, Started
from minizaps.worker import consumer, consumers
from minizaps.worker.consumers import Consumers
from tests.api.queues import (
    NUMBER,
    Queue,
    add_credential,
    emptied,
    error_of,
    inputs,
    listening,
    numbers,
    shown,
)
from tests.api.support import API, Server, definition, pointers
from tests.servers.daemon import Daemon

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
BROKERS = {"amqp": "rabbitmq_server", "redis": "redis_server"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation looks no second time, tests do; servers are tried again soon."""
    monkeypatch.setattr(consumers, "PAUSE", 3600)
    monkeypatch.setattr(consumer, "LATEST", 0.2)
    monkeypatch.setattr(consumer, "PAUSE", 0.02)
    monkeypatch.setattr(redis_consumer, "BLOCK", 200)


@pytest.fixture
async def server(open_server: Callable[..., Any]) -> Server:
    """An installation that keeps credentials."""
    return await open_server(secret_key=b64encode(bytes(32)).decode())


@pytest.fixture
async def own(server: Server) -> AsyncIterator[Consumers]:
    """The consumers of this process."""
    async with Consumers(server.app.door()) as own:
        yield own


@pytest.fixture(params=["amqp", "redis"])
async def queue(request: pytest.FixtureRequest, server: Server) -> Queue:
    """An empty queue, and the credential for it."""
    broker: Daemon = request.getfixturevalue(BROKERS[request.param])
    if not broker.running:
        broker.start()
    await add_credential(server, request.param, url=broker.url)
    queue = Queue(broker, request.param)
    await queue.create()
    return queue


async def test_each_message_starts_a_run_and_is_acknowledged(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await queue.numbers(1, 2)
    await server.save(listening(queue))
    await own.run_once()
    assert await numbers(server, 2) == [1, 2]
    await queue.numbers(3)
    assert await numbers(server, 3) == [1, 2, 3]
    await emptied(queue)
    found = await shown(server)
    assert found["last_fired_at"]
    assert (found["error"], found["failures"], found["next_fire_at"]) == (None, 0, None)


async def test_a_run_sees_what_the_message_says_of_itself(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await server.save(
        {**listening(queue), "steps": [{**NUMBER, "config": {"values": {"t": "{{ trigger }}"}}}]}
    )
    await own.run_once()
    await queue.put(("m1", b'{"n": 1}'), content_type="application/json")
    await numbers(server, 1)
    await server.settle()
    (run,) = await inputs(server)
    seen = run["output"]["t"]
    assert seen["headers"] == {"x-shop": "north"}
    assert (seen["message"]["id"], seen["message"]["redelivered"]) == ("m1", False)
    own = {"routing_key": queue.name} if queue.kind == "amqp" else {"stream": queue.name}
    assert own.items() <= seen["message"].items()


async def test_a_message_that_comes_twice_starts_one_run(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await server.save(listening(queue))
    await own.run_once()
    await queue.numbers(1, 1, 1)
    await queue.put(("m1", b'{"n": 2}'))  # another message, from a sender who gives all one id
    assert await numbers(server, 2) == [1, 2]
    await emptied(queue)
    assert await numbers(server, 2) == [1, 2]


async def test_a_process_that_dies_before_it_acknowledges_starts_no_second_run(
    server: Server, queue: Queue, own: Consumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = []
    for line in (QueueLine, StreamLine):
        settle: Any = line.settle

        async def dies_once(self: Any, *args: Any, settle: Any = settle, **keys: Any) -> None:
            if not died:
                died.append(await inputs(server))
                raise ConnectionError("died")
            await settle(self, *args, **keys)

        monkeypatch.setattr(line, "settle", dies_once)
    await server.save(listening(queue))
    await own.run_once()
    await queue.numbers(1)
    await queue.numbers(2)
    assert await numbers(server, 2) == [1, 2]
    await emptied(queue)
    assert len(died[0]) >= 1  # the run was there before the acknowledgement
    assert await numbers(server, 2) == [1, 2]


async def test_a_message_that_can_start_no_run_is_told_and_does_not_come_again(
    server: Server, queue: Queue, own: Consumers
) -> None:
    schema = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await server.save(listening(queue, input_schema=schema))
    await own.run_once()
    await queue.put(("bad", b"{"), content_type="application/json")
    assert "not acceptable JSON" in (await error_of(server, "was refused"))["error"]["detail"]
    await queue.put(("worse", b'{"n": "x"}'))
    await error_of(server, "/n")
    await queue.put(("large", b"1" * 1_100_000))
    await error_of(server, "1048576 are allowed")
    await queue.numbers(4)
    assert await numbers(server, 1) == [4]
    await emptied(queue)
    assert (await shown(server))["error"]["type"] == "not_started"  # what came after hides nothing
    if queue.kind == "amqp":
        assert await queue.left("-dead") == 3


async def test_a_journal_that_takes_no_writes_delays_messages(server: Server, queue: Queue) -> None:
    calls = []

    async def fails_at_first(new: NewRun) -> Started:
        calls.append(new)
        if len(calls) < 3:
            raise JournalUnavailable("the disk is full")
        return await server.app.start(new)

    await server.save(listening(queue))
    await queue.numbers(1)
    async with Consumers(server.app.door()._replace(start=fails_at_first)) as failing:
        await failing.run_once()
        assert await numbers(server, 1) == [1]
        await emptied(queue)
    assert len(calls) == 3


@on_sqlite
async def test_a_server_that_goes_away_is_told_and_found_again(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await server.save(listening(queue))
    await own.run_once()
    await queue.numbers(1)
    assert await numbers(server, 1) == [1]
    queue.server.stop()
    found = await error_of(server, "127.0.0.1")
    assert found["failures"] >= 1
    queue.server.start()
    await queue.numbers(2)
    assert await numbers(server, 2) == [1, 2]
    await emptied(queue)
    found = await shown(server)
    assert (found["error"], found["failures"]) == (None, 0)


async def test_a_queue_that_is_not_there_is_told(
    server: Server, queue: Queue, own: Consumers
) -> None:
    if queue.kind == "redis":
        async with Redis.from_url(queue.server.url) as client:
            await client.set(queue.name, "no stream")
    missing = Queue(queue.server, queue.kind, f"{queue.name}-none")
    listened = missing if queue.kind == "amqp" else queue
    await server.save(listening(listened))
    await own.run_once()
    found = await error_of(server, "no queue" if queue.kind == "amqp" else "WRONGTYPE")
    assert found["error"]["type"] == ("queue" if queue.kind == "amqp" else "query")


async def test_processes_share_the_messages(server: Server, queue: Queue, own: Consumers) -> None:
    await server.save(listening(queue, config={"prefetch": 1}))
    await own.run_once()
    started: list[NewRun] = []

    async def counted(new: NewRun) -> Started:
        started.append(new)
        return await server.app.start(new)

    async with Consumers(server.app.door()._replace(start=counted)) as other:
        await other.run_once()
        await queue.numbers(*range(40))
        assert await numbers(server, 40) == list(range(40))
        await emptied(queue)
    assert 0 < len(started) < 40


async def test_a_workflow_that_is_deactivated_takes_no_messages(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await server.save(listening(queue))
    await own.run_once()
    await queue.numbers(1)
    assert await numbers(server, 1) == [1]
    await server.admin.post(f"{API}/workflows/flow/deactivate")
    await own.run_once()
    await queue.numbers(2)
    assert await queue.left() == 1
    assert await numbers(server, 1) == [1]
    await server.admin.post(f"{API}/workflows/flow/activate")
    await own.run_once()
    assert await numbers(server, 2) == [1, 2]


async def test_a_new_version_takes_the_next_message(
    server: Server, queue: Queue, own: Consumers
) -> None:
    await server.save(listening(queue))
    await own.run_once()
    changed = {**listening(queue), "steps": [NUMBER, {**NUMBER, "id": "second"}]}
    await server.admin.put(f"{API}/workflows/flow", json=changed)
    await own.run_once()
    await queue.numbers(1)
    await numbers(server, 1)
    assert (await inputs(server))[0]["workflow"]["version"] == 2


async def test_entries_of_a_dead_consumer_are_taken_over(
    server: Server, redis_server: Daemon, own: Consumers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_consumer, "DEAD", 50)
    await add_credential(server, "redis", url=redis_server.url)
    queue = Queue(redis_server, "redis")
    async with Redis.from_url(redis_server.url) as client:
        await client.xgroup_create(queue.name, "flow", "0", mkstream=True)
        await client.xadd(queue.name, {"n": "7", "shop": "north"})
        assert await client.xreadgroup("flow", "dead", {queue.name: ">"})
    await server.save(listening(queue))
    await own.run_once()
    await emptied(queue)
    (run,) = await inputs(server)
    assert run["input"] == {"n": "7", "shop": "north"}  # no field `body`: all of them


async def test_a_group_may_begin_with_what_is_new(
    server: Server, redis_server: Daemon, own: Consumers
) -> None:
    await add_credential(server, "redis", url=redis_server.url)
    queue = Queue(redis_server, "redis")
    await queue.numbers(1)
    await server.save(listening(queue, config={"start": "new"}))
    await own.run_once()
    async with asyncio.timeout(5), Redis.from_url(redis_server.url) as client:
        while not await client.xinfo_groups(queue.name):
            await asyncio.sleep(0.02)
    await queue.numbers(2)
    assert await numbers(server, 1) == [2]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"credential": None}, "/credential", "string"),
        ({"queue": None}, "", "exactly one of queue and stream"),
        ({"stream": "s", "group": "g"}, "", "exactly one of queue and stream"),
        ({"group": "g"}, "", "set group with stream"),
        ({"prefetch": 0}, "/prefetch", "greater than or equal to 1"),
        ({"format": "xml"}, "/format", "'auto'"),
        ({"credential": "none"}, "/credential", "there is no credential 'none'"),
        ({"queue": None, "stream": "s", "group": "g"}, "/credential", "not redis"),
        ({"ack": True}, "/ack", "unknown"),
    ],
)
async def test_a_wrong_queue_trigger_is_refused_where_it_is_wrong(
    server: Server, change: dict[str, Any], pointer: str, detail: str
) -> None:
    await add_credential(server, "amqp", url="amqp://guest:guest@127.0.0.1:1/")
    config = {"queue": "orders", "credential": "amqp", **change}
    config = {name: value for name, value in config.items() if value is not None or name != "queue"}
    workflow = definition(triggers=[{"id": "orders", "type": "queue", "config": config}])
    found = pointers(await server.admin.post(f"{API}/workflows", json=workflow))
    assert detail in found[f"/triggers/0/config{pointer}"]


async def test_a_queue_that_was_deleted_is_told(
    server: Server, rabbitmq_server: Daemon, own: Consumers
) -> None:
    await add_credential(server, "amqp", url=rabbitmq_server.url)
    queue = Queue(rabbitmq_server, "amqp")
    await queue.create()
    await server.save(listening(queue))
    await own.run_once()
    await queue.numbers(1)
    await numbers(server, 1)
    async with await connect_rabbitmq(rabbitmq_server.url) as client, client.channel() as channel:
        await channel.queue_delete(queue.name)
    await error_of(server, "no queue")
    await queue.create()
    await queue.numbers(2)
    assert await numbers(server, 2) == [1, 2]


async def test_a_worker_listens_and_stops_with_its_process(
    open_server: Callable[..., Any], redis_server: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "PAUSE", 0.02)
    server = await open_server(secret_key=b64encode(bytes(32)).decode())
    await add_credential(server, "redis", url=redis_server.url)
    queue = Queue(redis_server, "redis")
    await server.save(listening(queue))
    await queue.numbers(1)
    assert await numbers(server, 1) == [1]
    credential = {"data": {"url": "redis://127.0.0.1:1/0"}}
    await server.admin.put(f"{API}/credentials/redis", json=credential)
    await error_of(server, "127.0.0.1:1")  # a changed credential counts at once
