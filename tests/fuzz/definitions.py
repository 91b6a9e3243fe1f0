"""Fuzzing the checks of definitions and of JSON: only typed errors may come out."""

from __future__ import annotations

import random
import time
from typing import Any

import orjson

from minizaps import WorkflowEngine
from minizaps.definition.strict_json import parse_document
from minizaps.engine.plan import make_plan
from minizaps.errors import DefinitionInvalid, JsonInvalid

SEED_DEFINITION: dict[str, Any] = {
    "name": "big-orders",
    "triggers": [{"id": "shop", "type": "webhook", "config": {}}],
    "input_schema": {"type": "object", "required": ["id"]},
    "timeout": "P30D",
    "steps": [
        {
            "id": "order",
            "type": "webhook",
            "timeout": "PT30S",
            "config": {"method": "GET", "url": "https://api.test/{{ trigger.body.id }}"},
            "retry": {"max_attempts": 5, "delay": "PT2S", "backoff": 2, "jitter": True},
            "on_error": {"steps": [{"type": "set", "config": {"values": {"e": "{{ error }}"}}}]},
        },
        {"type": "delay", "config": {"seconds": 300}, "if": "{{ steps.order.status == 200 }}"},
        {"type": "set", "config": {"values": {"x": ["{{ steps.order.body }}", 1, None]}}},
    ],
}
ODD: list[Any] = [
    None, True, 0, -1, 1e308, 2**64, "", "trigger", "__class__", "{{", "{{ 1 + }}", "{{ x.y }}",
    "P1M", "PT0.5S", "\x00", "é" * 100, [], {}, [[[[]]]], {"steps": []}, {"if": "{{ true }}"},
    "{{ steps.order.body }}", "fail", "continue", "ftp://x", "webhok", [None], {"": ""},
]  # fmt: skip


def fuzz(seed: int, seconds: float) -> int:
    """Check mutated definitions for `seconds`; return how many.

    Raises:
        AssertionError: an error came out that is not typed, or a checked definition did not plan.
    """
    chance = random.Random(seed)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        count += 1
        definition = orjson.loads(orjson.dumps(SEED_DEFINITION))
        for _ in range(chance.randint(1, 4)):
            _mutate(definition, chance)
        _check_definition(definition)
        _check_text(_garble(definition, chance))
    return count


def _check_definition(definition: Any) -> None:
    try:
        checked = WorkflowEngine.check(definition)
    except DefinitionInvalid:
        return
    except Exception as error:
        raise AssertionError(f"{definition!r}: {error!r}") from error
    assert WorkflowEngine.check(checked) == checked, definition
    make_plan("w", 1, checked, WorkflowEngine.CONNECTOR_MAP)


def _check_text(text: bytes) -> None:
    try:
        parse_document(text)
    except JsonInvalid:
        return
    except Exception as error:
        raise AssertionError(f"{text!r}: {error!r}") from error


def _mutate(value: Any, chance: random.Random) -> None:
    """Replace, remove or add something somewhere."""
    while True:
        if not isinstance(value, (dict, list)) or not value:
            return
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        if isinstance(value[key], (dict, list)) and value[key] and chance.random() < 0.75:
            value = value[key]
            continue
        break
    action = chance.random()
    if action < 0.6:
        value[key] = chance.choice(ODD)
    elif action < 0.8:
        del value[key]
    elif isinstance(value, dict):
        value[chance.choice(["id", "type", "if", "x", "config", "steps", "__proto__"])] = value[key]
    else:
        value.append(value[key])


def _garble(definition: Any, chance: random.Random) -> bytes:
    text = bytearray(orjson.dumps(definition, default=str, option=orjson.OPT_NON_STR_KEYS)
                     if _is_json(definition) else b'{"a": 1, "a": 2}')  # fmt: skip
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(text))
        text[place : place + chance.randint(0, 3)] = chance.choice(
            [b"[", b"{", b'"', b"\\u0000", b"\\ud800", b"1e999", b"NaN", b"\xff", b"9" * 30, b""]
        )
    return bytes(text)


def _is_json(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
