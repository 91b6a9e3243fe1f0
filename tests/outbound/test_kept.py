"""Connections are kept while they are used, and a while longer."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.connectors import kept
from minizaps.connectors.kept import Kept


class Line:
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def aclose(self) -> None:
        self.closed.set()


async def test_one_is_shared_and_closed_at_the_end() -> None:
    shelf = Kept()
    async with shelf.use("a", Line) as first, shelf.use("a", Line) as second:
        assert first is second
        async with shelf.use("b", Line) as other:
            assert other is not first
    async with shelf.use("a", Line) as again:
        assert again is first
    await shelf.aclose()
    assert first.closed.is_set()
    assert other.closed.is_set()


async def test_one_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "IDLE", 0)
    shelf = Kept()
    async with shelf.use("a", Line) as line, shelf.use("a", Line):
        pass
    await asyncio.wait_for(line.closed.wait(), 5)
    async with shelf.use("a", Line) as another:
        assert another is not line
    await shelf.aclose()


async def test_one_that_cannot_be_closed_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(Line):
        async def aclose(self) -> None:
            self.closed.set()
            await asyncio.Event().wait()

    class Broken(Line):
        async def aclose(self) -> None:
            self.closed.set()
            raise OSError("gone")

    monkeypatch.setattr(kept, "FAREWELL", 0)
    shelf = Kept()
    async with shelf.use("a", Stuck) as stuck, shelf.use("b", Broken) as broken:
        pass
    await asyncio.wait_for(shelf.aclose(), 5)
    assert broken.closed.is_set()
    assert stuck.closed.is_set()
