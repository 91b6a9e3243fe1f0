"""A way to a server that breaks at a word, or speaks TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager


@asynccontextmanager
async def cut_at(
    word: bytes, port: int, tls: ssl.SSLContext | None = None, heard: bytearray | None = None
) -> AsyncIterator[int]:
    """A port that leads to another one, until a client says the word.

    Args:
        tls: what it shows to clients.
        heard: where what clients say is noted.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, noted: bytearray | None = None
    ) -> None:
        try:
            while word not in (data := await reader.read(65536)) and data:
                if noted is not None:
                    noted.extend(data)
                writer.write(data)
        finally:
            writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        tasks.add(asyncio.create_task(pass_on(reader, back, heard)))
        tasks.add(asyncio.create_task(pass_on(there, writer)))

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def with_tls(port: int, tls: ssl.SSLContext) -> AbstractAsyncContextManager[int]:
    """A port that leads to another one, and speaks TLS."""
    return cut_at(b"no such word", port, tls)


def overheard(port: int, heard: bytearray) -> AbstractAsyncContextManager[int]:
    """A port that leads to another one, and notes what clients say."""
    return cut_at(b"no such word", port, heard=heard)
