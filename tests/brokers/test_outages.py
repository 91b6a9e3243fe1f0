"""What happens when a broker goes away, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from minizaps.brokers.broker import Broker
from minizaps.errors import BrokerUnavailable
from tests.brokers.support import PATIENCE, Taker, consuming, insist, some_ids
from tests.servers.daemon import Daemon


async def test_what_was_confirmed_survives_a_restart_and_comes_to_who_waits_for_it(
    server: Daemon, broker: Broker, connect: Callable[[Daemon], Broker]
) -> None:
    taker, ids = Taker(), some_ids(3)
    await broker.publish(ids)
    await asyncio.to_thread(server.stop)
    with pytest.raises(BrokerUnavailable):
        await broker.publish(some_ids(1))
    async with consuming(connect(server), taker):
        await asyncio.to_thread(server.start)
        await taker.has(ids)
    assert taker.taken.total() == len(ids)


async def test_nothing_that_was_confirmed_is_lost_when_it_is_killed(
    server: Daemon, broker: Broker, connect: Callable[[Daemon], Broker]
) -> None:
    taker, confirmed = Taker(), list[str]()
    outages = 0

    async def publish() -> None:
        nonlocal outages
        while True:
            try:
                await broker.publish(ids := some_ids(2))
                confirmed.extend(ids)
            except BrokerUnavailable:
                outages += 1
                await asyncio.sleep(0.05)

    async with consuming(connect(server), taker):
        publishing = asyncio.create_task(publish())
        await taker.until(lambda: len(taker.taken) > 20)
        await asyncio.sleep(1)  # RabbitMQ may not survive that a new queue is half a second old
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        before = len(taker.taken)
        await taker.until(lambda: len(taker.taken) > before + 20)
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        await taker.has(confirmed)
    assert outages


async def test_it_goes_on_when_all_messages_and_their_place_are_lost(
    server: Daemon, broker: Broker, connect: Callable[[Daemon], Broker]
) -> None:
    taker = Taker()
    async with consuming(connect(server), taker):
        for _ in range(3):
            await insist(broker, ids := some_ids(1))
            await taker.has(ids)
            await server.forget()
            async with asyncio.timeout(PATIENCE):
                known = len(taker.taken)
                while len(taker.taken) == known:  # one that comes too early may be lost
                    await insist(broker, some_ids(1))
                    await asyncio.sleep(0.01)
