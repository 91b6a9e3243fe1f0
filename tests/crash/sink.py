"""What the workflows call: a server of its own that logs each call before it answers."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from .workflows import BUSY_CALLS, receipt

SLOWEST = 0.4
AGAIN_AFTER = 0.1
THINKS_FOR = 1.4  # seconds at most, before an answer is given
GIVEN_ANSWERS = (200, 401, 404, 405, 409, 422)


class Sink:
    """Answers as the first part of the path says: ok, busy (at first), broken, ask.

    To `ask` it is told a URL, which it calls back later, perhaps twice, until it is answered.
    """

    def __init__(self, log: Path, answers: Path) -> None:
        self._log = log.open("a")
        self._answers = answers.open("a")
        self._calls: Counter[tuple[str, str]] = Counter()
        self._thinking: set[asyncio.Task[None]] = set()

    async def answer(self, request: web.Request) -> web.Response:
        behaviour, run, step = (request.match_info[k] for k in ("behaviour", "run", "step"))
        self._calls[run, step] += 1
        nth = self._calls[run, step]
        busy = behaviour == "busy" and nth <= BUSY_CALLS
        status = 500 if behaviour == "broken" else 503 if busy else 200
        url = (await request.json())["url"] if behaviour == "ask" else None
        line = {
            "at": _now(),
            "run": run,
            "step": step,
            "call": nth,
            "attempt": request.headers.get("X-Attempt"),
            "key": request.headers.get("Idempotency-Key"),
            "status": status,
            "url": url,
        }
        _write(self._log, line)
        rng = random.Random(f"{run}{step}{nth}")
        if url is not None:
            task = asyncio.create_task(self._think(url, run, step, nth, rng))
            self._thinking.add(task)
            task.add_done_callback(self._thinking.discard)
        await asyncio.sleep(SLOWEST * rng.random() ** 2)
        return web.json_response({"receipt": receipt(run, step)}, status=status)

    async def _think(self, url: str, run: str, step: str, nth: int, rng: random.Random) -> None:
        """Answer, and perhaps say the same again, or something else."""
        await asyncio.sleep(THINKS_FOR * rng.random() ** 2)
        said = {"said": f"yes {nth}"}
        await self._call_back(url, run, step, said)
        second = rng.random()
        if second < 0.6:
            await asyncio.sleep(THINKS_FOR * rng.random())
            await self._call_back(url, run, step, said if second < 0.2 else {"said": f"no {nth}"})

    async def _call_back(self, url: str, run: str, step: str, body: dict[str, str]) -> None:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.post(url, json=body) as response:
                        await response.read()
                        if response.status in GIVEN_ANSWERS:
                            break
                except (aiohttp.ClientError, TimeoutError, OSError):
                    pass
                await asyncio.sleep(AGAIN_AFTER)
        line = {"at": _now(), "run": run, "step": step, "body": body, "status": response.status}
        _write(self._answers, line)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _write(log: Any, line: dict[str, Any]) -> None:
    log.write(json.dumps(line) + "\n")
    log.flush()


async def serve(log: Path, answers: Path) -> None:
    """Serve on a free port, which is printed, until SIGTERM."""
    app = web.Application()
    app.router.add_post("/{behaviour}/{run}/{step}", Sink(log, answers).answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(*map(Path, sys.argv[1:])))
