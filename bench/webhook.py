"""What the connector `webhook` costs over the bare HTTP client, a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import aiohttp
import orjson

from bench.client import FIRST_NUMBER
from bench.options import Options
from bench.processes import free_port, start_module
from bench.server import wait_ready
from bench.table import Row
from minizaps.clock import SystemClock, to_datetime
from minizaps.connectors.base import Context
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import USER_AGENT, HttpClient
from minizaps.connectors.webhook import WebhookConfig, WebhookConnector

AT_A_TIME = 16
CALLS = 800  # in a turn
TURNS = 6  # a second of load, each of every kind

Call = Callable[[], Awaitable[object]]


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure calls of a local server in another process, in turns with the bare client."""
    cpu = Row("webhook", "CPU per call", "us")
    checked = Row("webhook", "CPU per call, its config checked each time", "us")
    port = free_port()
    sink = start_module("bench.sink", str(port), folder=folder)
    try:
        await wait_ready(sink, port, "/ended")
        url, order = f"http://127.0.0.1:{port}/first", {"number": FIRST_NUMBER, "note": "x" * 100}
        async with HttpClient(allow_networks=["127.0.0.0/8"]) as http, _bare() as session:
            raw = {"url": url, "json": order}
            connector = WebhookConnector(WebhookConfig.model_validate(raw))
            context = _context(http)
            sent = orjson.dumps(order)
            headers = {
                "Idempotency-Key": context.idempotency_key,
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
            }

            async def ours() -> object:
                return await connector.execute(context)

            async def from_raw() -> object:
                return await WebhookConnector(WebhookConfig.model_validate(raw)).execute(context)

            async def bare() -> object:
                async with session.post(url, data=sent, headers=headers) as response:
                    return await response.read()

            await _spent(ours)
            await _spent(bare)
            for _ in range(options.repeat):
                turns = range(max(1, round(TURNS * options.seconds)))
                calls = (ours, from_raw, bare)
                times = [[await _spent(call) for call in calls] for _ in turns]
                executed, validated, base = (median(turn[n] for turn in times) for n in range(3))
                cpu.add(executed, base)
                checked.add(validated, base)
    finally:
        sink.stop()
    return [cpu, checked]


async def _spent(call: Call) -> float:
    """Microseconds of this process's CPU that a call took."""

    async def repeat() -> None:
        for _ in range(CALLS // AT_A_TIME):
            await call()

    began = time.process_time()
    await asyncio.gather(*(repeat() for _ in range(AT_A_TIME)))
    return (time.process_time() - began) / CALLS * 1e6


def _bare() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1000), cookie_jar=aiohttp.DummyCookieJar()
    )


def _context(http: HttpClient) -> Context:
    key = "0199a0f0-0000-7000-8000-000000000000:call"
    clock = SystemClock()
    return Context({}, "run", "call", 1, key, http, Dialler(), lambda: to_datetime(clock.now()))
