"""Connections of other protocols than HTTP, to addresses that may be reached."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Iterator
from functools import cached_property

from aiohttp.abc import AbstractResolver

from minizaps.connectors.addresses import AddressRules, Network
from minizaps.connectors.kept import Kept
from minizaps.connectors.outbound import reason_of
from minizaps.connectors.resolver import CheckedResolver, SystemResolver
from minizaps.errors import NetworkFailed


class Dialler:
    """Finds addresses and opens connections, under the rules of the HTTP client.

    Args:
        allow_networks: private networks that may be reached, such as `10.0.0.0/8`.
        resolver: what looks names up. Its answers are checked like any other.
        tls: certificates to trust in place of the system's.

    Attributes:
        kept: the connections that are kept between attempts.
    """

    def __init__(
        self,
        *,
        allow_networks: Iterable[str | Network] = (),
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        rules = AddressRules(allow_networks)
        self._resolver = CheckedResolver(rules, resolver or SystemResolver())
        self._tls = tls
        self.kept = Kept()

    async def aclose(self) -> None:
        """Stop looking names up, and close what is kept."""
        await self.kept.aclose()
        await self._resolver.close()

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Checks certificates; made once, since reading the system's takes 16 ms."""
        return self._tls or ssl.create_default_context()

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be reached; one of them is what to connect to.

        Raises:
            AddressRefused: it has none that may be reached.
            NetworkFailed: it has no address.
        """
        try:
            found = await self._resolver.resolve(host, port)
        except OSError as error:
            raise NetworkFailed(f"{host}: {reason_of(error)}", retryable=True) from error
        return list(dict.fromkeys(result["host"] for result in found))

    async def connect(self, host: str, port: int, *, timeout: float = 30.0) -> socket.socket:
        """A connected TCP socket, which does not block.

        Args:
            timeout: seconds for the name and the connection.

        Raises:
            AddressRefused: no address of the host may be reached.
            NetworkFailed: no connection.
        """
        where, problem = f"{host}:{port}", "no connection"
        try:
            async with asyncio.timeout(timeout):
                for address in await self.addresses(host, port):
                    try:
                        return await _connect(address, port)
                    except OSError as error:
                        problem = reason_of(error)
        except TimeoutError:
            problem = f"no connection within {timeout:g} s"
        raise NetworkFailed(f"{where}: {problem}", retryable=True)


def network_failed(where: str, error: BaseException) -> NetworkFailed:
    """The error for a connection that failed or broke.

    A certificate that is not trusted will not be at the next attempt either.

    Args:
        error: what a library raised; its cause may be what the system said.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            problem = cause.verify_message
            return NetworkFailed(f"{where}: its certificate is not trusted: {problem}")
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno:
            return NetworkFailed(f"{where}: {reason_of(cause)}", retryable=True)
    reason = "no answer in time" if isinstance(error, TimeoutError) else str(error)
    return NetworkFailed(f"{where}: {reason or type(error).__name__}", retryable=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def _connect(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection
