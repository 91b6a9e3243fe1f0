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

from aiohttp import web

from .workflows import BUSY_CALLS, receipt

SLOWEST = 0.4


class Sink:
    """Answers as the first part of the path says: ok, busy (at first), broken."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("a")
        self._calls: Counter[tuple[str, str]] = Counter()

    async def answer(self, request: web.Request) -> web.Response:
        behaviour, run, step = (request.match_info[k] for k in ("behaviour", "run", "step"))
        self._calls[run, step] += 1
        nth = self._calls[run, step]
        busy = behaviour == "busy" and nth <= BUSY_CALLS
        status = 500 if behaviour == "broken" else 503 if busy else 200
        line = {
            "at": time.time_ns() // 1_000_000,
            "run": run,
            "step": step,
            "call": nth,
            "attempt": request.headers.get("X-Attempt"),
            "key": request.headers.get("Idempotency-Key"),
            "status": status,
        }
        self._log.write(json.dumps(line) + "\n")
        self._log.flush()
        await asyncio.sleep(SLOWEST * random.Random(f"{run}{step}{nth}").random() ** 2)
        return web.json_response({"receipt": receipt(run, step)}, status=status)


async def serve(log: Path) -> None:
    """Serve on a free port, which is printed, until SIGTERM."""
    app = web.Application()
    app.router.add_post("/{behaviour}/{run}/{step}", Sink(log).answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
