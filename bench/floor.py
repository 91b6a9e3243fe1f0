"""The floor: the same requests and calls on the same libraries, with no engine and no journal.

`python -m bench.floor PORT SINK_PORT`. POST /w1 answers 202, then calls the sink twice; POST /w2
answers 202. What is lost when this process dies is what Mini-Zaps is for.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Any

import aiohttp
import orjson
import uvicorn
import uvloop
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope


async def main(port: int, sink: str) -> None:
    """Serve until the process is stopped."""
    tasks: set[asyncio.Task[None]] = set()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1000), cookie_jar=aiohttp.DummyCookieJar()
    )

    async def post(path: str, data: Any) -> Any:
        sent = orjson.dumps(data)
        headers = {"Content-Type": "application/json"}
        async with session.post(sink + path, data=sent, headers=headers) as response:
            return orjson.loads(await response.read())

    async def two_calls(order: Any) -> None:
        await post("/second", await post("/first", order))

    async def serve(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"
        raw, more = b"", True
        while more:
            message: Any = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        order = orjson.loads(raw) if raw else None
        if scope["path"] == "/w1":
            task = asyncio.create_task(two_calls(order))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        body = orjson.dumps({"run_id": "0199a0f0-0000-7000-8000-000000000000"})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send(
            {"type": "http.response.start", "status": 202, "headers": headers, "trailers": False}
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    config = uvicorn.Config(
        serve, port=port, lifespan="off", log_config=None, access_log=False, http="httptools",
        ws="none", server_header=False, proxy_headers=False, timeout_keep_alive=75, backlog=2048,
    )  # fmt: skip
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # as `minizaps serve` does
    await uvicorn.Server(config).serve()
    await session.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), f"http://127.0.0.1:{sys.argv[2]}"))
