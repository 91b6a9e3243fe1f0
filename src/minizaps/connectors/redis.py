"""The `redis` connector."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal

import orjson
from pydantic import Field

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.extras import load
from minizaps.connectors.request_rules import bad_request
from minizaps.credentials.types import Redis
from minizaps.definition.steps import FIXED, RetryPolicy

# Neither those that scan or empty a whole server, nor those that block, nor scripts.
Reading = Literal[
    "EXISTS", "GET", "GETRANGE", "HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HVALS",
    "LINDEX", "LLEN", "LRANGE", "MGET", "PING", "PTTL", "SCARD", "SISMEMBER", "SMEMBERS", "STRLEN",
    "TTL", "TYPE", "XLEN", "XRANGE", "XREVRANGE", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANK", "ZSCORE",
]  # fmt: skip
Writing = Literal[
    "APPEND", "DECR", "DECRBY", "DEL", "EXPIRE", "EXPIREAT", "GETDEL", "GETEX", "HDEL", "HINCRBY",
    "HSET", "HSETNX", "INCR", "INCRBY", "INCRBYFLOAT", "LPOP", "LPUSH", "LREM", "LSET", "LTRIM",
    "MSET", "PERSIST", "PEXPIRE", "PUBLISH", "RPOP", "RPUSH", "SADD", "SET", "SETNX", "SPOP",
    "SREM", "UNLINK", "XADD", "XTRIM", "ZADD", "ZINCRBY", "ZREM",
]  # fmt: skip
_READING = frozenset(Reading.__args__)  # type: ignore[attr-defined]


class RedisConfig(ConnectorConfig):
    """One command with its arguments."""

    command: Reading | Writing = Field(
        json_schema_extra=FIXED, description="The command; in capitals, as fixed text."
    )
    arguments: list[Any] = Field(
        default_factory=list,
        max_length=10_000,
        description="Its arguments, each a value of its own; lists and objects become JSON text.",
    )


class RedisConnector(BaseConnector[RedisConfig]):
    """Gives one command to a Redis server.

    The output is `{"result"}`: numbers, text, lists and, for `HGETALL`, an object. What is not
    text in UTF-8 is base64 text.

    A command that reads may be repeated. One that writes and whose connection breaks before the
    answer is `outcome_unknown`.
    """

    timeout = 90.0
    retry = RetryPolicy(max_attempts=5, delay=1, backoff=3, max_delay=300, jitter=True)
    credential = (Redis,)
    credential_required = True

    def may_repeat(self) -> bool:
        return self.config.command in _READING

    async def execute(self, context: Context) -> dict[str, Any]:
        arguments = [_argument(value) for value in self.config.arguments]
        result = await _call(context, self.config.command, *arguments, repeatable=self.may_repeat())
        return {"result": _plain(result)}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        await _call(context, "PING", repeatable=True)
        return "connected, and asked for PING"


async def _call(context: Context, command: str, *arguments: Any, repeatable: bool) -> Any:
    url = context.opened(Redis).url.get_secret_value()
    call = load("redis_client", "redis").call
    return await call(url, context.dial, command, *arguments, repeatable=repeatable)


def _argument(value: Any) -> str | int | float:
    if value is None:
        raise bad_request("an argument is null, which Redis does not have")
    if isinstance(value, bool | list | dict):
        return orjson.dumps(value).decode()
    argument: str | int | float = value
    return argument


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return b64encode(value).decode()
        case dict():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case set():
            return sorted((_plain(each) for each in value), key=str)
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if value in (float("inf"), float("-inf")):
            return str(value)
    return value
