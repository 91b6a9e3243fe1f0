"""The standard suite itself: a sound connector passes, and each fault is found."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import orjson
import pytest
from pydantic import BaseModel, Field, SecretStr

from minizaps import BaseConnector, ConnectorConfig, ConnectorError, Context, Credential
from minizaps.credentials.types import HttpBearer
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import CredentialUnusable, NetworkFailed
from minizaps.testing import ConnectorSuite, Partner, declaration

SECRET = "canary-51e0"


class SayConfig(ConnectorConfig):
    """Whom to say it to."""

    host: str = Field(description="The host.")
    port: int = Field(description="The port.")
    words: list[str] = Field(default=["hello"], description="What to say.")


class Say(BaseConnector[SayConfig]):
    """Says a line to a server and returns what it says."""

    idempotent = True

    async def execute(self, context: Context) -> dict[str, Any]:
        line = f"{context.idempotency_key} {self.config.words[0]}\n".encode()
        return {"said": (await self.talk(context, line)).decode()}

    async def talk(self, context: Context, line: bytes) -> bytes:
        connection = await context.dial.connect(self.config.host, self.config.port)
        try:
            return await exchange(connection, line)
        except OSError as error:
            raise NetworkFailed(f"the connection broke: {error}", retryable=True) from error
        finally:
            connection.close()


async def exchange(connection: socket.socket, line: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, line)
    answer = await loop.sock_recv(connection, 1000)
    if not answer.endswith(b"!\n"):
        raise ConnectorError("the server said something else", type="response")
    return answer.removesuffix(b"\n")


class SaySuite(ConnectorSuite):
    entry = (Say, SayConfig)

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"host": partner.host, "port": partner.port}

    def credential(self, partner: Partner) -> Credential:
        return HttpBearer(token=SecretStr(SECRET))

    @asynccontextmanager
    async def partner(self) -> AsyncIterator[Partner]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            partner.heard.extend(line := await reader.readline())
            writer.write(line.strip() + b"!\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        partner = Partner("127.0.0.1", server.sockets[0].getsockname()[1])
        async with server:
            yield partner


class TestSay(SaySuite):
    """A protocol of its own, sound."""


class NotJson(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        return {"said": object()}


class Changes(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        self.config.words.append("more")
        return {}


class ChangesData(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        context.data["trigger"]["body"]["id"] = 8
        return {}


class ShowsInOutput(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        token = context.opened(HttpBearer).token.get_secret_value()
        return {"sent": b64encode(f"ada:{token}".encode()).decode()}


class ShowsInError(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        token = context.opened(HttpBearer).token.get_secret_value()
        raise CredentialUnusable("not accepted", details={"sent": {"token": token}})


class ShowsInLog(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        context.logger.debug("asking with %s", context.opened(HttpBearer).header()[1])
        return {}


class Swallows(Say):
    async def talk(self, context: Context, line: bytes) -> bytes:
        try:
            return await super().talk(context, line)
        except asyncio.CancelledError:
            return b""


class LeavesOpen(Say):
    kept: ClassVar[list[socket.socket]] = []

    async def talk(self, context: Context, line: bytes) -> bytes:
        connection = await context.dial.connect(self.config.host, self.config.port)
        self.kept.append(connection)
        return await exchange(connection, line)


class LeavesTask(Say):
    kept: ClassVar[list[asyncio.Task[Any]]] = []

    async def talk(self, context: Context, line: bytes) -> bytes:
        self.kept.append(asyncio.create_task(asyncio.sleep(60)))
        return await super().talk(context, line)


class Raises(Say):
    async def talk(self, context: Context, line: bytes) -> bytes:
        _, writer = await asyncio.open_connection(self.config.host, self.config.port)
        writer.close()
        await writer.wait_closed()
        return b""


class GivesUp(Say):
    async def talk(self, context: Context, line: bytes) -> bytes:
        try:
            return await super().talk(context, line)
        except NetworkFailed as error:
            raise NetworkFailed(str(error), retryable=False) from error


class OddType(Say):
    async def talk(self, context: Context, line: bytes) -> bytes:
        raise ConnectorError("no", type="No Luck", retryable=True)


class Keyless(Say):
    async def execute(self, context: Context) -> dict[str, Any]:
        return {"said": (await self.talk(context, b"hello\n")).decode()}


class Repeats(Say):
    idempotent = False
    retry = RetryPolicy(max_attempts=3)

    async def talk(self, context: Context, line: bytes) -> bytes:
        try:
            return await super().talk(context, line)
        except ConnectorError as error:
            raise NetworkFailed("the connection broke", retryable=True) from error


class TriesBadly(Say):
    @classmethod
    async def try_credential(cls, context: Context) -> str | None:
        return f"asked with {context.opened(HttpBearer).header()[1]}"


JSON = "test_the_output_is_json_and_what_was_given_is_left_alone"
SHOWN = "test_no_secret_is_shown"
TRIED = "test_trying_the_credential_ends_in_words_or_in_a_connector_error"
CANCEL = "test_it_ends_when_it_is_cancelled"
TIMEOUT = "test_it_ends_at_its_timeout"
OUTSIDE = "test_what_goes_wrong_outside_is_a_connector_error"
SAME = "test_the_same_key_gives_the_same_result"


@pytest.mark.parametrize(
    ("connector", "check", "says"),
    [
        (NotJson, JSON, "the output is not JSON"),
        (Changes, JSON, "has changed its config"),
        (ChangesData, JSON, "changed the run's data"),
        (ShowsInOutput, SHOWN, "the output or error shows a secret, in base64"),
        (ShowsInError, SHOWN, "the output or error shows a secret, as it is"),
        (ShowsInLog, SHOWN, "the log shows a secret, as it is"),
        (TriesBadly, TRIED, "shows a secret, as it is"),
        (Swallows, CANCEL, "swallowed the cancellation"),
        (Swallows, TIMEOUT, "swallowed the cancellation"),
        (LeavesOpen, CANCEL, "has left a connection open"),
        (LeavesTask, CANCEL, "has left tasks behind"),
        (Raises, OUTSIDE, "which is no ConnectorError"),
        (GivesUp, OUTSIDE, "so it is retryable"),
        (OddType, OUTSIDE, "type is 'No Luck'"),
        (Keyless, SAME, "has not heard context.idempotency_key"),
        (Repeats, OUTSIDE, "it would be tried again"),
    ],
)
def test_each_fault_is_found(
    connector: type[Say], check: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minizaps.testing.suite.PROMPTLY", 0.1)
    suite = type("Faulty", (SaySuite,), {"entry": (connector, SayConfig)})()
    try:
        with pytest.raises(AssertionError, match=says):
            getattr(suite, check)()
    finally:
        for connection in LeavesOpen.kept:
            connection.close()


def test_a_fault_may_be_explained() -> None:
    entry = (Keyless, SayConfig)
    why = "the server takes the same line twice"
    type("Explained", (SaySuite,), {"entry": entry, "without_key": why})().__getattribute__(SAME)()


class Loose(BaseModel):
    """A part that takes everything."""

    name: str


class LooseConfig(ConnectorConfig):
    """A config."""

    part: Loose = Field(description="A part.")
    size: int = 3


class Contradictory(Say):
    timeout = 0
    pure = True
    idempotent = False
    credential_required = True


def test_what_a_declaration_lacks_is_said() -> None:
    assert declaration.schema_problems(LooseConfig) == [
        "LooseConfig.size has no description",
        "Loose takes unknown fields: inherit from ConnectorConfig",
        "Loose.name has no description",
    ]
    assert declaration.documentation_problems(Contradictory, SayConfig) == [
        "the docstring of Contradictory does not begin with a sentence"
    ]
    assert len(declaration.facts_problems(Contradictory)) == 3
    assert orjson.dumps(SayConfig.model_json_schema())
    assert not declaration.schema_problems(SayConfig)
