"""The connectors of other protocols are held to the standard suite, with real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aio_pika
import apsw
import pytest
from yarl import URL

from minizaps import Credential, WorkflowEngine
from minizaps.credentials.types import Amqp, Database, Imap, Redis, Smtp
from minizaps.testing import ConnectorSuite, Partner
from minizaps.testing.partners import rude
from tests.servers.dovecot import PASSWORD as MAILBOX_PASSWORD
from tests.servers.dovecot import DovecotServer
from tests.servers.rabbitmq import PASSWORD as BROKER_PASSWORD
from tests.servers.rabbitmq import RabbitMQServer
from tests.servers.redis import RedisServer

from .mail_server import PASSWORD as MAIL_PASSWORD
from .mail_server import mail_server
from .wire import overheard

CONNECTORS = WorkflowEngine.CONNECTOR_MAP
ORDER = {"id": 7, "total": 110.5}


class TestEmail(ConnectorSuite):
    entry = CONNECTORS["email"]
    repeats = (
        "what breaks before the mail is handed over has sent nothing; after it, none is repeated"
    )

    def config(self, partner: Partner) -> dict[str, Any]:
        people = {"from": "shop@example.org", "to": ["ada@example.com"]}
        return {**people, "subject": "Your order 7", "body": "The total is 110.50."}

    def credential(self, partner: Partner) -> Credential:
        server = {"host": partner.host, "port": partner.port, "security": "none"}
        return Smtp.model_validate({**server, "username": "shop", "password": MAIL_PASSWORD})

    @asynccontextmanager
    async def partner(self) -> AsyncIterator[Partner]:
        async with mail_server(auth_require_tls=False) as box:
            yield Partner("127.0.0.1", box.port)


class AtAServer(ConnectorSuite):
    """A connector whose partner is a server that runs for all tests."""

    port: int

    @asynccontextmanager
    async def partner(self) -> AsyncIterator[Partner]:
        heard = bytearray()
        async with overheard(self.port, heard) as port:
            yield Partner("127.0.0.1", port, heard=heard)


class TestImap(AtAServer):
    entry = CONNECTORS["imap"]
    without_key = "a search changes nothing"

    @pytest.fixture(autouse=True)
    def _server(self, dovecot_server: DovecotServer) -> None:
        self.port = dovecot_server.port

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"folder": "INBOX", "unseen": True, "subject": "Invoice", "limit": 20}

    def credential(self, partner: Partner) -> Credential:
        server = {"host": partner.host, "port": partner.port, "security": "none"}
        return Imap.model_validate({**server, "username": "suite", "password": MAILBOX_PASSWORD})


class TestSql(AtAServer):
    entry = CONNECTORS["sql"]
    repeats = "a transaction that breaks before its commit leaves nothing; in it, none is repeated"

    @pytest.fixture(autouse=True)
    def _server(self, fresh_postgres_url: str) -> None:
        self.url = URL(fresh_postgres_url)
        self.port = self.url.port or 5432

    def config(self, partner: Partner) -> dict[str, Any]:
        query = "SELECT id, total FROM (VALUES (7, 110.5), (9, 2)) AS o (id, total) WHERE id = $1"
        return {"query": query, "parameters": [7]}

    def credential(self, partner: Partner) -> Credential:
        return Database.model_validate({"url": str(self.url.with_port(partner.port))})

    def _bad_partners(self) -> dict[str, Any]:
        # asyncpg never returns from a message of negative length, as the suite's nonsense has one.
        other = partial(rude, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        return {**super()._bad_partners(), "it talks nonsense": other}


class TestSqlFile(ConnectorSuite):
    entry = CONNECTORS["sql"]
    local = True

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "canary-shop.db"
        connection = apsw.Connection(str(self.path))
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total TEXT)")
        connection.close()

    def config(self, partner: Partner) -> dict[str, Any]:
        query = "INSERT INTO orders (total) VALUES (:total) RETURNING id, total"
        return {"query": query, "parameters": {"total": "110.50"}}

    def credential(self, partner: Partner) -> Credential:
        return Database.model_validate({"url": f"sqlite:///{self.path}"})


class TestRedis(AtAServer):
    entry = CONNECTORS["redis"]
    repeats = "what breaks before a command is sent has done nothing; after it, none is repeated"

    @pytest.fixture(autouse=True)
    def _server(self, redis_server: RedisServer) -> None:
        self.port = redis_server.port

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"command": "HSET", "arguments": ["page:tea", "visits", 41, "last", ORDER]}

    def credential(self, partner: Partner) -> Credential:
        # Where no password is set, Redis takes any of the user `default`.
        return Redis.model_validate(
            {"url": f"redis://default:canary-cache@{partner.host}:{partner.port}/0"}
        )


class TestQueuePublish(AtAServer):
    entry = CONNECTORS["queue_publish"]

    @pytest.fixture(autouse=True)
    def _server(self, rabbitmq_server: RabbitMQServer) -> None:
        self.port = rabbitmq_server.port
        asyncio.run(_declare(rabbitmq_server.url, "suite"))

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"queue": "suite", "json": ORDER, "headers": {"source": "mini-zaps"}}

    def credential(self, partner: Partner) -> Credential:
        url = f"amqp://guest:{BROKER_PASSWORD}@{partner.host}:{partner.port}/"
        return Amqp.model_validate({"url": url})


class TestQueuePublishStream(TestRedis):
    entry = CONNECTORS["queue_publish"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"stream": "suite", "maxlen": 1000, "json": ORDER}

    def test_the_same_key_gives_the_same_result(self) -> None:
        """An entry is added each time, with the id by which consumers know it again."""

        async def check() -> None:
            async with self.partner() as partner:
                first, second = [await self._once(partner) for _ in range(2)]
                assert isinstance(first, dict)
                assert isinstance(second, dict)
                assert first["message_id"] == second["message_id"]
                assert bytes(partner.heard).count(first["message_id"].encode()) == 2

        asyncio.run(check())


async def _declare(url: str, queue: str) -> None:
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.declare_queue(queue, auto_delete=False)
