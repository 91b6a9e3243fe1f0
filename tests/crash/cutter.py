"""A line to the database that can lose answers: what was sent arrives, what comes back does not."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

CHUNK = 65_536


class Cutter:
    """A proxy in front of a database server.

    Attributes:
        port: where it listens on loopback.
        cuts: how many answers it has lost.
    """

    def __init__(self, target: int, rng: random.Random) -> None:
        self.port = 0
        self.cuts = 0
        self._target = target
        self._rng = rng
        self._due = 0
        self._lines: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Cutter:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    def cut(self, answers: int) -> None:
        """Lose the next answers, each with its connection."""
        self._due += answers

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)
        with suppress(OSError):
            answers, requests = await asyncio.open_connection("127.0.0.1", self._target)
            there = asyncio.create_task(self._forward(reader, requests))
            back = asyncio.create_task(self._answer(answers, writer))
            try:
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in (there, back):
                    way.cancel()
                requests.close()
        writer.close()

    async def _forward(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                to.write(data)
                await to.drain()

    async def _answer(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                if self._due and self._rng.random() < 0.3:
                    self._due -= 1
                    self.cuts += 1
                    return
                to.write(data)
                await to.drain()
