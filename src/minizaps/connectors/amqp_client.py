"""Messages to RabbitMQ (AMQP 0-9-1), each confirmed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aio_pika import Message, connect
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import exceptions
from yarl import URL

from minizaps.connectors.dial import Dialler, network_failed
from minizaps.connectors.named_tls import NamedTLS
from minizaps.errors import ConnectorError, CredentialRefused, CredentialUnusable, NetworkFailed

PATIENCE = 60.0  # seconds for everything
FAREWELL = 5.0
HEARTBEAT = 10  # seconds

# What the library logs of a connection that fails is in the step's error.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


async def publish(
    url: str, dial: Dialler, exchange: str, routing_key: str, message: Message
) -> None:
    """Publish a message, and wait until RabbitMQ has taken it into a queue.

    The connection is kept for the next ones: to open one takes 2.6 ms of CPU, a message on it 0.3.

    Args:
        exchange: the exchange's name; empty for the default one, whose keys are queues' names.

    Raises:
        ConnectorError: it was not confirmed; or no queue takes it (type `unroutable`).
    """
    async with open_channel(url, dial) as channel:
        place = await channel.get_exchange(exchange, ensure=False)
        await place.publish(message, routing_key, mandatory=True)


@asynccontextmanager
async def open_channel(url: str, dial: Dialler) -> AsyncIterator[AbstractChannel]:
    """A channel whose messages are confirmed, and come back as errors where no queue takes them."""
    async with (
        dial.kept.use((__name__, url), lambda: Server(url, dial)) as server,
        server.errors(),
        asyncio.timeout(PATIENCE),
    ):
        # A channel of its own: what RabbitMQ closes for one message is not another's.
        connection = await server.connection()
        async with connection.channel(publisher_confirms=True, on_return_raises=True) as channel:
            yield channel


class Server:
    """A server with the connection to it.

    Attributes:
        where: its host and port.
    """

    def __init__(self, url: str, dial: Dialler) -> None:
        parsed = URL(url)
        if parsed.scheme not in ("amqp", "amqps") or not parsed.host or parsed.query_string:
            raise CredentialUnusable("the URL is not like amqps://USER:PASSWORD@HOST:5671/VHOST")
        self._dial = dial
        self._url = parsed
        self._host = parsed.host
        self._port = parsed.port or (5671 if parsed.scheme == "amqps" else 5672)
        self.where = f"{self._host}:{self._port}"
        self._connection: AbstractConnection | None = None
        self._opening = asyncio.Lock()

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def connection(self) -> AbstractConnection:
        """The connection; opened where it is not."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed:
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> AbstractConnection:
        encrypted = self._url.scheme == "amqps"
        problem: Exception | None = None
        for address in await self._dial.addresses(self._host, self._port):
            try:
                return await connect(
                    self._url.with_host(address).with_port(self._port) % {"heartbeat": HEARTBEAT},
                    ssl_context=NamedTLS.of(self._dial.tls, self._host) if encrypted else None,
                )
            except exceptions.AMQPConnectionError as error:
                if isinstance(error, exceptions.AuthenticationError):
                    raise
                problem = error
        assert problem is not None  # noqa: S101 - there is an address, or an error
        raise problem

    @asynccontextmanager
    async def errors(self) -> AsyncIterator[None]:
        """Translate the library's errors; after one of the connection, open another."""
        try:
            yield
        except (
            exceptions.AuthenticationError,
            exceptions.ProbableAuthenticationError,
            exceptions.ConnectionNotAllowed,
            exceptions.ChannelAccessRefused,
        ) as error:
            raise CredentialRefused(f"{self.where}: {error}") from error
        except (exceptions.PublishError, exceptions.ChannelClosed) as error:
            message = f"the broker does not take the message: {error}"
            raise ConnectorError(message, type="unroutable") from error
        except exceptions.DeliveryError as error:
            message = "the broker does not take the message now: its queue may be full"
            raise ConnectorError(message, type="unroutable", retryable=True) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The library cancels what waits for a connection that it closes.
            raise await self._failed(error) from error
        except (exceptions.AMQPError, RuntimeError, OSError) as error:
            raise await self._failed(error) from error

    async def _failed(self, error: BaseException) -> NetworkFailed:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                async with asyncio.timeout(FAREWELL):
                    await connection.close()
        return network_failed(self.where, error)
