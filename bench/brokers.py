"""RabbitMQ and Redis, with their files on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers import places
from tests.servers.daemon import Daemon
from tests.servers.rabbitmq import RabbitMQServer, find_rabbitmq
from tests.servers.redis import RedisServer, find_redis

KINDS = {"RabbitMQ": (RabbitMQServer, find_rabbitmq), "Redis": (RedisServer, find_redis)}


@contextmanager
def brokers(folder: Path) -> Iterator[dict[str, Daemon]]:
    """Those that are installed here, running, by their names."""
    places.MEMORY = folder  # where test servers keep their files, else in memory
    with ExitStack() as stack:
        yield {name: stack.enter_context(kind()) for name, (kind, find) in KINDS.items() if find()}
