"""The fixtures `rabbitmq_server` and `redis_server`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.missing import missing
from tests.servers.rabbitmq import RabbitMQServer, find_rabbitmq
from tests.servers.redis import RedisServer, find_redis


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQServer]:
    """A RabbitMQ for the tests of this process. A test that stops it starts it again."""
    if find_rabbitmq() is None:
        missing("RabbitMQ")
    with RabbitMQServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis for the tests of this process. A test that stops it starts it again."""
    if find_redis() is None:
        missing("Redis")
    with RedisServer() as server:
        yield server
