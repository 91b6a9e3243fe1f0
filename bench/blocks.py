"""Blocks: what an item of a `foreach` costs beside a plain step, and planning as a run grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.options import Options
from bench.processes import free_port, start_module
from bench.server import wait_ready
from bench.table import Row
from bench.whole_runs import whole_runs

ITEMS = 1000
PLAIN = 400  # steps of a definition without a loop
SHORT = 5  # items of a run of ten events
MANY = 10_000
LONG = 9_995  # items of one of ten thousand


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure the CPU of an item against that of a plain step that does the same."""
    pure = Row("foreach", f"CPU per item, {ITEMS:,} set items", "us")
    calls = Row("foreach", f"CPU per item, {ITEMS:,} webhook items, 50 at a time", "us")
    rate = Row("foreach", f"{ITEMS:,} webhook items, 50 at a time", "items/s")
    planning = Row("planning", "CPU per item, a run of 10,000 events against 10", "us")
    peak = Row("foreach", "peak memory, 10,000 webhook items against none", "MiB")
    port = free_port()
    sink = start_module("bench.sink", str(port), folder=folder)
    try:
        await wait_ready(sink, port, "/ended")
        url = f"http://127.0.0.1:{port}/first"
        for n in range(options.repeat):
            place = folder / str(n)
            place.mkdir()
            looped = await whole_runs(place / "set", _loop(_set("item"), ITEMS), options.loops)
            plain = await whole_runs(place / "sets", _plain(_set("7")), options.loops)
            pure.add(_us(looped, ITEMS * options.loops), _us(plain, PLAIN * options.loops))
            block = _loop(_webhook(url, "item"), ITEMS, concurrency=50)
            looped = await whole_runs(place / "call", block, options.loops)
            plain = await whole_runs(place / "calls", _plain(_webhook(url, "7")), options.loops)
            calls.add(_us(looped, ITEMS * options.loops), _us(plain, PLAIN * options.loops))
            rate.add(
                ITEMS * options.loops / looped["seconds"], PLAIN * options.loops / plain["seconds"]
            )
            block = _loop(_webhook(url, "item"), MANY, concurrency=50)
            many = await whole_runs(place / "many", block, 2)
            none = await whole_runs(place / "none", _loop(_webhook(url, "item"), 0), 2)
            peak.add(many["peak"], none["peak"])
            # A run costs something by itself: what an item adds is the slope.
            planning.add(
                await _slope(place / "long", LONG, options),
                await _slope(place / "short", SHORT, options),
            )
    finally:
        sink.stop()
    return [pure, calls, rate, planning, peak]


async def _slope(place: Path, items: int, options: Options) -> float:
    """Microseconds of CPU that an item of a run of so many items costs."""
    place.mkdir()
    number = max(2, options.loops * ITEMS // items)
    whole = await whole_runs(place / "whole", _loop(_set("item"), items), number)
    empty = await whole_runs(place / "empty", _loop(_set("item"), 0), number)
    return (whole["cpu"] - empty["cpu"]) / number / items * 1e6


def _us(found: dict[str, float], count: int) -> float:
    return found["cpu"] / count * 1e6


def _set(value: str) -> dict[str, Any]:
    return {"type": "set", "config": {"values": {"n": "{{ " + value + " }}"}}}


def _webhook(url: str, value: str) -> dict[str, Any]:
    return {"type": "webhook", "config": {"url": url, "json": {"n": "{{ " + value + " }}"}}}


def _loop(step: dict[str, Any], items: int, concurrency: int = 1) -> dict[str, Any]:
    config = {"items": list(range(items)), "concurrency": concurrency}
    return {"name": "loop", "steps": [{"type": "foreach", "config": config, "steps": [step]}]}


def _plain(step: dict[str, Any]) -> dict[str, Any]:
    return {"name": "plain", "steps": [step] * PLAIN}
