"""What both brokers do, on real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import pytest

from minizaps.brokers.address import Address
from minizaps.brokers.broker import BATCH, PREFETCH, Broker
from minizaps.brokers.redis import Redis
from tests.brokers.foreign import left, write
from tests.brokers.support import PATIENCE, Taker, consuming, some_ids
from tests.servers.daemon import Daemon
from tests.servers.redis import RedisServer

Connect = Callable[[Daemon], Broker]


async def test_each_id_comes_once_to_one_of_two_consumers(
    server: Daemon, broker: Broker, connect: Connect
) -> None:
    ids, one = some_ids(40 * 5), Taker()
    two = Taker(beside=one)
    async with consuming(broker, one), consuming(connect(server), two):
        await asyncio.gather(*(broker.publish(ids[i : i + 5]) for i in range(0, 200, 5)))
        for taker in (one, two):
            await taker.until(lambda: (one.taken | two.taken).keys() == set(ids))
    assert (one.taken + two.taken).total() == len(ids)


async def test_what_was_acknowledged_is_gone(server: Daemon, broker: Broker) -> None:
    taker, ids = Taker(), some_ids(BATCH)
    async with consuming(broker, taker):
        for run_id in ids:
            await broker.publish([run_id])
        await taker.has(ids)
    assert await left(server.url) == 0


async def test_a_delivery_that_was_not_taken_comes_again(broker: Broker) -> None:
    taker, ids = Taker(), some_ids(3)
    taker.fails = 1
    async with consuming(broker, taker):
        await broker.publish(ids)
        await taker.has(ids)
    assert taker.refused == [ids]


async def test_what_a_killed_consumer_had_comes_to_another(server: Daemon, broker: Broker) -> None:
    if isinstance(broker, Redis):
        broker = Redis(Address.parse(server.url), idle=1)
    ids, taker = some_ids(3), Taker()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.brokers.consumer", server.url, stdout=asyncio.subprocess.PIPE
    )
    try:
        await broker.publish(ids)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert (await process.stdout.readline()).split() == [i.encode() for i in ids]
        async with consuming(broker, taker):
            assert not taker.taken
            os.kill(process.pid, signal.SIGKILL)
            await taker.has(ids)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
        await broker.close()


async def test_a_consumer_without_room_holds_few_messages(
    server: Daemon, broker: Broker, connect: Connect
) -> None:
    ids, full = some_ids(100), Taker()
    other = Taker(beside=full)
    full.open.clear()
    async with consuming(broker, full):
        await broker.publish(ids[:1])
        await full.until(lambda: full.offered > 0)
        async with consuming(connect(server), other):
            for run_id in ids[1:]:
                await broker.publish([run_id])
            await other.until(lambda: len(other.taken) >= len(ids) - 1 - PREFETCH)
            full.open.set()
            await full.until(lambda: (full.taken | other.taken).keys() == set(ids))
    assert len(full.taken) <= 1 + PREFETCH


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", b'{"runs": ["x"]}', b"[1]", b'{"runs": 1}'])
async def test_garbage_is_dropped(
    server: Daemon, broker: Broker, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    taker, ids = Taker(), some_ids(1)
    async with consuming(broker, taker):
        await broker.publish(ids)
        await taker.has(ids)
        await write(server.url, garbage)
        await broker.publish(more := some_ids(1))
        await taker.has(more)
    assert list(taker.taken) == ids + more
    assert "was dropped" in caplog.text
    assert await left(server.url) == 0


async def test_a_dead_consumer_is_forgotten(redis_server: RedisServer) -> None:
    await redis_server.flush()
    address, taker = Address.parse(redis_server.url), Taker()
    dead, living = Redis(address), Redis(address, idle=0.05)
    async with consuming(dead, taker):
        await dead.publish(ids := some_ids(1))
        await taker.has(ids)
    async with consuming(living, taker), asyncio.timeout(PATIENCE):
        while await _consumers(redis_server) != 1:
            await living.publish(ids := some_ids(1))
            await taker.has(ids)
    await asyncio.gather(dead.close(), living.close())


async def _consumers(server: RedisServer) -> int:
    client = Redis(Address.parse(server.url))._client()
    async with client:
        return len(await client.xinfo_consumers("minizaps:runs", "workers"))
