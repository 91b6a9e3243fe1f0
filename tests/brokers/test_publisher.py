"""The publisher never holds up whoever has something to publish."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from minizaps.brokers.broker import BATCH, Broker, Take
from minizaps.brokers.open import open_broker
from minizaps.brokers.publisher import MOST_WAITING, Publisher
from minizaps.worker.duties import repeat
from tests.brokers.support import PATIENCE, Taker, consuming, some_ids
from tests.servers.daemon import Daemon
from tests.servers.places import free_port


@asynccontextmanager
async def publishing(broker: Broker) -> AsyncIterator[Publisher]:
    publisher = Publisher(broker)
    duty = asyncio.create_task(repeat(publisher.run_once, publisher.pause))
    try:
        yield publisher
    finally:
        duty.cancel()
        await asyncio.gather(duty, return_exceptions=True)
        await publisher.close()


def published(outcome: str) -> float:
    value = REGISTRY.get_sample_value("minizaps_broker_published_total", {"outcome": outcome})
    return value or 0.0


async def test_what_is_queued_arrives(
    server: Daemon, broker: Broker, connect: Callable[[Daemon], Broker]
) -> None:
    taker, ids = Taker(), some_ids(1234)
    async with consuming(connect(server), taker), publishing(broker) as publisher:
        for start in range(0, len(ids), 7):
            publisher.queued(ids[start : start + 7])
        await taker.has(ids)
    assert taker.taken.total() == len(ids)


async def test_a_broker_that_hangs_holds_up_nobody(
    server: Daemon,
    broker: Broker,
    connect: Callable[[Daemon], Broker],
    caplog: pytest.LogCaptureFixture,
) -> None:
    taker, before = Taker(), published("failed") + published("dropped")
    async with consuming(connect(server), taker), publishing(broker) as publisher:
        publisher.queued(ids := some_ids(1))
        await taker.has(ids)
        server.hang()
        count, slowest = 0, 0.0
        async with asyncio.timeout(PATIENCE):
            while "publications have stopped" not in caplog.text:
                ids = some_ids(100)
                started = time.monotonic()
                publisher.queued(ids)
                await asyncio.sleep(0)
                slowest = max(slowest, time.monotonic() - started)
                count += len(ids)
                assert len(publisher._waiting) <= MOST_WAITING
                await asyncio.sleep(0.002)
        assert slowest < 0.2
        assert count > MOST_WAITING
        server.resume()
        async with asyncio.timeout(PATIENCE):
            while "publications go on" not in caplog.text:
                publisher.queued(ids := some_ids(1))
                await asyncio.sleep(0.05)
        publisher.queued(ids := some_ids(1))
        await taker.has(ids)
    assert published("failed") + published("dropped") - before >= count - MOST_WAITING
    assert caplog.text.count("publications have stopped") == 1
    assert caplog.text.count("publications go on") == 1


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
async def test_a_broker_that_is_not_there_is_told_once_and_without_its_password(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = open_broker(f"{scheme}://user:hunter%2f2@127.0.0.1:{free_port()}/")
    before, tries = published("dropped"), published("failed")
    async with publishing(broker) as publisher, consuming(broker, Taker()):
        async with asyncio.timeout(PATIENCE):
            while published("failed") < tries + 3 or published("dropped") < before + 3:
                publisher.queued(some_ids(1))
                await asyncio.sleep(0.01)
    await broker.close()
    said = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert sorted(record.getMessage().split(": ")[0] for record in said) == [
        "deliveries have stopped",
        "publications have stopped",
    ]
    assert f"the broker {scheme}://127.0.0.1:" in said[0].getMessage()
    assert "hunter" not in caplog.text


class Slow:
    """A broker that confirms when it is told to."""

    name = "slow"

    def __init__(self) -> None:
        self.messages: list[Sequence[str]] = []
        self.confirm = asyncio.Event()

    async def publish(self, run_ids: Sequence[str]) -> None:
        self.messages.append(run_ids)
        await self.confirm.wait()

    async def consume(self, take: Take) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        pass


async def test_what_waits_shares_messages_and_is_bounded() -> None:
    broker = Slow()
    dropped = published("dropped")
    async with publishing(broker) as publisher:
        publisher.queued(first := some_ids(1))
        while not broker.messages:
            await asyncio.sleep(0)
        publisher.queued(more := some_ids(120))
        publisher.queued(some_ids(MOST_WAITING))
        assert published("dropped") - dropped == 120
        broker.confirm.set()
    assert broker.messages[0] == first
    assert [len(message) for message in broker.messages[1:4]] == [BATCH] * 3
    assert [i for message in broker.messages[1:4] for i in message][:120] == more
    assert sum(map(len, broker.messages)) == 1 + MOST_WAITING
