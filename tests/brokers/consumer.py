"""A consumer in a process of its own: it prints what it is given, and never acknowledges it."""

from __future__ import annotations

import asyncio
import sys

from minizaps.brokers.open import open_broker


async def take(run_ids: list[str]) -> None:
    print(*run_ids, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(open_broker(sys.argv[1]).consume(take))
