from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aio_pika import connect
from aio_pika.abc import AbstractChannel
from pydantic import ValidationError
from redis.asyncio import Redis as Client
from yarl import URL

from minizaps.connectors.base import Context
from minizaps.connectors.queue_publish import QueuePublishConfig, QueuePublishConnector
from minizaps.credentials.types import Amqp, Redis
from minizaps.errors import ConnectorError, CredentialRefused, CredentialUnusable
from tests.servers.rabbitmq import PASSWORD, RabbitMQServer
from tests.servers.redis import RedisServer

from .conftest import NOW
from .wire import cut_at, with_tls


async def publish(context: Context, **config: Any) -> dict[str, Any]:
    body = {} if "text" in config else {"json": {"n": 1}}
    model = QueuePublishConfig.model_validate({**body, **config})
    return await QueuePublishConnector(model).execute(context)


async def failure(context: Context, **config: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as failed:
        await publish(context, **config)
    return failed.value


@pytest.fixture
def rabbit(context: Context, rabbitmq_server: RabbitMQServer) -> Context:
    return replace(context, credential=Amqp(url=rabbitmq_server.url))


@pytest.fixture
async def channel(rabbitmq_server: RabbitMQServer) -> AsyncIterator[AbstractChannel]:
    async with await connect(rabbitmq_server.url) as connection, connection.channel() as channel:
        yield channel


async def test_a_message_is_in_the_queue_when_the_step_has_ended(
    rabbit: Context, channel: AbstractChannel
) -> None:
    queue = await channel.declare_queue("orders")
    output = await publish(rabbit, queue="orders", json={"ü": [1, None]}, headers={"x": "y"})
    assert output == {"message_id": "key-of-this-step"}
    message = await queue.get()
    assert message.body == '{"ü":[1,null]}'.encode()
    assert message.content_type == "application/json"
    assert message.message_id == "key-of-this-step"
    assert message.delivery_mode == 2
    assert message.headers == {"x": "y"}
    assert message.timestamp == NOW
    await publish(replace(rabbit, idempotency_key="k" * 300), queue="orders", text="tëxt")
    other = await queue.get()
    assert other.body == "tëxt".encode()
    assert other.message_id is not None
    assert len(other.message_id) == 64


async def test_an_exchange_routes_by_the_key(rabbit: Context, channel: AbstractChannel) -> None:
    exchange = await channel.declare_exchange("shop", "topic", auto_delete=True)
    queue = await channel.declare_queue("german", exclusive=True)
    await queue.bind(exchange, "*.de")
    await publish(rabbit, exchange="shop", routing_key="order.de")
    assert (await queue.get()).routing_key == "order.de"
    failed = await failure(rabbit, exchange="shop", routing_key="order.fr")
    assert (failed.type, failed.retryable) == ("unroutable", False)


async def test_what_no_queue_takes_is_an_error_for_this_message_alone(
    rabbit: Context, channel: AbstractChannel
) -> None:
    await channel.declare_queue("there", exclusive=True)
    good = [publish(rabbit, queue="there") for _ in range(5)]
    bad = [failure(rabbit, exchange="nowhere"), failure(rabbit, queue="nowhere")]
    *outputs, first, second = await asyncio.gather(*good, *bad)
    assert outputs == [{"message_id": "key-of-this-step"}] * 5
    for failed in (first, second):
        assert (failed.type, failed.retryable) == ("unroutable", False)


async def test_a_queue_that_is_full_is_tried_again(
    rabbit: Context, channel: AbstractChannel
) -> None:
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    await channel.declare_queue("small", exclusive=True, arguments=full)
    await publish(rabbit, queue="small")
    failed = await failure(rabbit, queue="small")
    assert (failed.type, failed.retryable) == ("unroutable", True)


async def test_a_broken_connection_is_opened_again(
    context: Context, rabbitmq_server: RabbitMQServer, channel: AbstractChannel
) -> None:
    await channel.declare_queue("orders")
    url = URL(rabbitmq_server.url)
    async with cut_at(b"poison", rabbitmq_server.port) as port:
        shown = replace(context, credential=Amqp(url=str(url.with_port(port))))
        await publish(shown, queue="orders")
        failed = await failure(shown, queue="orders", text="poison")
        assert (failed.type, failed.retryable) == ("network", True)
        await publish(shown, queue="orders")


async def test_a_credential_is_tried_without_an_effect(
    rabbit: Context, rabbitmq_server: RabbitMQServer
) -> None:
    assert "channel" in await QueuePublishConnector.try_credential(rabbit)
    wrong = URL(rabbitmq_server.url).with_password("wrong-one")
    with pytest.raises(CredentialRefused) as refused:
        await QueuePublishConnector.try_credential(replace(rabbit, credential=Amqp(url=str(wrong))))
    assert "wrong-one" not in str(refused.value)


async def test_only_addresses_that_are_allowed_are_reached(context: Context) -> None:
    far = replace(context, credential=Amqp(url="amqp://a:b@169.254.169.254/"))
    assert (await failure(far, queue="q")).type == "address_refused"
    gone = replace(context, credential=Amqp(url="amqp://a:b@127.0.0.1:1/"))
    failed = await failure(gone, queue="q")
    assert (failed.type, failed.retryable) == ("network", True)
    odd = replace(context, credential=Amqp(url="amqps://a:b@c/?no_verify_ssl=1"))
    with pytest.raises(CredentialUnusable):
        await publish(odd, queue="q")


async def test_tls_is_checked_against_the_name(
    context: Context,
    trusting: Context,
    server_tls: ssl.SSLContext,
    rabbitmq_server: RabbitMQServer,
    channel: AbstractChannel,
) -> None:
    await channel.declare_queue("orders")
    async with with_tls(rabbitmq_server.port, server_tls) as port:
        url = f"amqps://guest:{PASSWORD}@localhost:{port}/"
        await publish(replace(trusting, credential=Amqp(url=url)), queue="orders")
        other = Amqp(url=url.replace("localhost", "127.0.0.1"))
        for shown in (
            replace(context, credential=Amqp(url=url)),
            replace(trusting, credential=other),
        ):
            failed = await failure(shown, queue="orders")
            assert "not trusted" in str(failed)
            assert (failed.type, failed.retryable) == ("network", False)


async def test_a_stream_gets_an_entry_and_stays_short(
    context: Context, redis_server: RedisServer
) -> None:
    await redis_server.flush()
    shown = replace(context, credential=Redis(url=redis_server.url))
    assert "PING" in await QueuePublishConnector.try_credential(shown)
    output = await publish(shown, stream="orders", headers={"source": "shop", "body": "x"})
    async with Client.from_url(redis_server.url, decode_responses=True) as client:
        assert await client.xrange("orders") == [
            (
                output["entry_id"],
                {
                    "source": "shop",
                    "body": '{"n":1}',
                    "message_id": "key-of-this-step",
                    "content_type": "application/json",
                },
            )
        ]
        for _ in range(300):
            await publish(shown, stream="orders", maxlen=10)
        assert await client.xlen("orders") < 250  # Redis trims whole nodes


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"text": "x"}, "exactly one of queue"),
        ({"queue": "a", "stream": "b", "text": "x"}, "exactly one of queue"),
        ({"queue": "a"}, "exactly one of json"),
        ({"queue": "a", "json": 1, "text": "x"}, "exactly one of json"),
        ({"queue": "a", "routing_key": "x", "text": ""}, "for an exchange"),
    ],
)
def test_what_is_no_message_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        QueuePublishConfig.model_validate(config)


async def test_the_credential_has_to_fit_the_place(rabbit: Context) -> None:
    assert (await failure(rabbit, stream="s")).type == "credential"
