"""Steps and blocks, written short, and how a run has ended."""

from __future__ import annotations

from typing import Any

from minizaps.journal.status import Kind
from tests.engine.conftest import Driver


def values(step_id: str = "v", **given: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "set", "config": {"values": given}}


def probe(step_id: str = "p", **keys: Any) -> dict[str, Any]:
    config = {k: keys.pop(k) for k in ("output", "fail", "hang", "retryable") if k in keys}
    return {"id": step_id, "type": "probe", "config": config, **keys}


def foreach(items: Any, *steps: dict[str, Any], **keys: Any) -> dict[str, Any]:
    config = {"items": items}
    for key in ("concurrency", "on_item_error"):
        if key in keys:
            config[key] = keys.pop(key)
    return {"id": "each", "type": "foreach", "config": config, "steps": list(steps), **keys}


async def output(driver: Driver, run_id: str) -> Any:
    last = (await driver.events(run_id))[-1]
    assert last.kind is Kind.SUCCEED, last
    return last.data["output"]


def parallel(**branches: list[dict[str, Any]]) -> dict[str, Any]:
    named = [{"id": key, "steps": steps} for key, steps in branches.items()]
    return {"id": "par", "type": "parallel", "branches": named}


def delay(seconds: Any, step_id: str = "pause") -> dict[str, Any]:
    return {"id": step_id, "type": "delay", "config": {"seconds": seconds}}


async def failure(driver: Driver, run_id: str) -> dict[str, Any]:
    last = (await driver.events(run_id))[-1]
    assert last.kind is Kind.FAIL, last
    error: dict[str, Any] = last.data["error"]
    return error
