"""Connections of other protocols are under the HTTP client's rules."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from minizaps.connectors.dial import Dialler, network_failed
from minizaps.errors import AddressRefused, NetworkFailed


async def test_it_connects_to_an_address_that_is_allowed() -> None:
    said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.set_result(await reader.read(5))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        dial = Dialler(allow_networks=["127.0.0.0/8"])
        _, writer = await asyncio.open_connection(sock=await dial.connect("localhost", port))
        writer.write(b"hello")
        assert await said == b"hello"
        writer.close()
        await dial.aclose()


async def test_a_private_address_is_refused_unless_it_is_listed() -> None:
    dial = Dialler()
    with pytest.raises(AddressRefused, match="loopback"):
        await dial.connect("localhost", 25)
    with pytest.raises(AddressRefused, match="link-local"):
        await dial.addresses("169.254.169.254", 80)
    await dial.aclose()


async def test_what_cannot_be_reached_is_a_retryable_failure() -> None:
    dial = Dialler(allow_networks=["127.0.0.0/8"])
    with pytest.raises(NetworkFailed, match="refused") as failed:
        await dial.connect("127.0.0.1", 1)
    assert failed.value.retryable
    with pytest.raises(NetworkFailed):
        await dial.addresses("no-such-host.invalid", 80)
    await dial.aclose()


async def test_a_certificate_that_is_not_trusted_is_refused_for_good() -> None:
    said = ssl.SSLCertVerificationError("certificate verify failed")
    said.verify_message = "self-signed certificate"
    wrapped = RuntimeError("no connection")
    wrapped.__cause__ = said
    failed = network_failed("db:5432", wrapped)
    assert str(failed) == "db:5432: its certificate is not trusted: self-signed certificate"
    assert not failed.retryable
    assert network_failed("db:5432", TimeoutError()).retryable
