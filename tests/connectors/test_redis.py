from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from yarl import URL

from minizaps.connectors.base import Context
from minizaps.connectors.redis import RedisConfig, RedisConnector
from minizaps.credentials.types import Redis
from minizaps.errors import ConnectorError, CredentialRefused, CredentialUnusable
from tests.servers.redis import RedisServer

from .wire import cut_at, with_tls


def opened(context: Context, url: str) -> Context:
    return replace(context, credential=Redis(url=url))


async def give(context: Context, command: str, *arguments: Any) -> Any:
    config = RedisConfig.model_validate({"command": command, "arguments": list(arguments)})
    return (await RedisConnector(config).execute(context))["result"]


async def failure(context: Context, command: str, *arguments: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as failed:
        await give(context, command, *arguments)
    return failed.value


@pytest.fixture
async def cache(context: Context, redis_server: RedisServer) -> Context:
    await redis_server.flush()
    return opened(context, redis_server.url)


async def test_answers_are_json(cache: Context) -> None:
    assert await give(cache, "SET", "a", "ü\r\nDEL a") is True
    assert await give(cache, "GET", "a") == "ü\r\nDEL a"
    assert await give(cache, "GET", "none") is None
    assert await give(cache, "INCRBY", "n", 5) == 5
    assert await give(cache, "HSET", "h", "x", 1.5, "y", {"z": [True]}) == 2
    assert await give(cache, "HGETALL", "h") == {"x": "1.5", "y": '{"z":[true]}'}
    assert await give(cache, "RPUSH", "l", "a", "b") == 2
    assert await give(cache, "LRANGE", "l", 0, -1) == ["a", "b"]
    assert await give(cache, "SADD", "s", "b", "a") == 2
    assert await give(cache, "SMEMBERS", "s") == ["a", "b"]
    assert await give(cache, "ZADD", "z", 1, "a") == 1
    assert await give(cache, "ZSCORE", "z", "a") == 1.0
    entry = await give(cache, "XADD", "x", "*", "k", "v")
    assert await give(cache, "XRANGE", "x", "-", "+") == [[entry, {"k": "v"}]]
    assert await RedisConnector.try_credential(cache)


async def test_bytes_that_are_no_text_are_base64(cache: Context, redis_server: RedisServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", redis_server.port)
    writer.write(b"*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$2\r\n\xff\x00\r\n")
    assert await reader.readline() == b"+OK\r\n"
    writer.close()
    await writer.wait_closed()
    assert await give(cache, "GET", "b") == "/wA="


@pytest.mark.parametrize("command", ["FLUSHALL", "EVAL", "CONFIG", "KEYS", "BLPOP", "get"])
def test_other_commands_are_refused(command: str) -> None:
    with pytest.raises(ValidationError):
        RedisConfig(command=command)


def test_only_commands_that_read_may_be_repeated() -> None:
    assert RedisConnector(RedisConfig(command="GET")).may_repeat()
    assert not RedisConnector(RedisConfig(command="INCR")).may_repeat()


async def test_what_redis_refuses_fails_for_good(cache: Context) -> None:
    await give(cache, "SET", "a", "x")
    for arguments in (("INCR", "a"), ("LPUSH", "a", "b"), ("SET", "a")):
        failed = await failure(cache, *arguments)
        assert (failed.type, failed.retryable) == ("query", False)
    assert (await failure(cache, "SET", "a", None)).type == "bad_request"


async def notice() -> None:
    """Let the loop learn that a connection was closed, which takes it a few turns."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_server_that_is_gone_is_found_again(
    cache: Context, redis_server: RedisServer
) -> None:
    await give(cache, "SET", "a", "x")
    redis_server.restart()
    await notice()
    assert await give(cache, "GET", "a") == "x"
    redis_server.stop()
    await notice()
    failed = await failure(cache, "SET", "a", "y")
    redis_server.start()
    assert (failed.type, failed.retryable) == ("network", True)


async def test_what_breaks_before_the_answer_is_known_for_what_reads_alone(
    context: Context, redis_server: RedisServer
) -> None:
    url = URL(redis_server.url)
    async with cut_at(b"INCR", redis_server.port) as port:
        failed = await failure(opened(context, str(url.with_port(port))), "INCR", "a")
        assert (failed.type, failed.retryable) == ("outcome_unknown", False)
    async with cut_at(b"STRLEN", redis_server.port) as port:
        failed = await failure(opened(context, str(url.with_port(port))), "STRLEN", "a")
        assert (failed.type, failed.retryable) == ("network", True)


async def test_a_cancelled_command_leaves_no_answer_to_the_next(
    cache: Context, redis_server: RedisServer
) -> None:
    await give(cache, "SET", "a", "x")
    redis_server.hang()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await give(cache, "GET", "a")
    redis_server.resume()
    assert await give(cache, "STRLEN", "a") == 1


async def test_a_password_that_is_wrong_is_told(
    context: Context, redis_server: RedisServer
) -> None:
    url = f"redis://:wrong-one@127.0.0.1:{redis_server.port}/0"
    with pytest.raises(ConnectorError) as failed:
        await RedisConnector.try_credential(opened(context, url))
    assert not failed.value.retryable
    assert isinstance(failed.value, CredentialRefused)
    assert "wrong-one" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["http://a/0", "redis:///0", "redis://a/x", "rediss://a/0?ssl_cert_reqs=none"]
)
async def test_a_url_of_another_kind_is_no_credential(context: Context, url: str) -> None:
    with pytest.raises(CredentialUnusable):
        await give(opened(context, url), "PING")


async def test_only_addresses_that_are_allowed_are_reached(context: Context) -> None:
    failed = await failure(opened(context, "redis://169.254.169.254/0"), "PING")
    assert (failed.type, failed.retryable) == ("address_refused", False)
    failed = await failure(opened(context, "redis://127.0.0.1:1/0"), "PING")
    assert (failed.type, failed.retryable) == ("network", True)


async def test_tls_is_checked_against_the_name(
    context: Context, trusting: Context, server_tls: ssl.SSLContext, redis_server: RedisServer
) -> None:
    async with with_tls(redis_server.port, server_tls) as port:
        url = f"rediss://localhost:{port}/0"
        assert await give(opened(trusting, url), "PING") is True
        other = opened(trusting, url.replace("localhost", "127.0.0.1"))
        for shown in (opened(context, url), other):
            failed = await failure(shown, "PING")
            assert "not trusted" in str(failed)
            assert (failed.type, failed.retryable) == ("network", False)
