"""The workflows that the crash test runs."""

from __future__ import annotations

from typing import Any

from .spec import Failed, From, Spec, Step

BUSY_CALLS = 2  # calls of a step that the sink's /busy refuses before it gives in


def _call(name: str, behaviour: str, kind: str = "webhook", **keys: Any) -> Step:
    return {"id": name, "type": kind, "config": {"url": behaviour}, **keys}


def _set(name: str, **values: Any) -> Step:
    return {"id": name, "type": "set", "config": {"values": values}}


def _foreach(name: str, items: Any, *steps: Step, **keys: Any) -> Step:
    config = {
        "items": items,
        **{k: keys.pop(k) for k in ("concurrency", "on_item_error") if k in keys},
    }
    return {"id": name, "type": "foreach", "config": config, "steps": list(steps), **keys}


def _workflow(name: str, called: str, **keys: Any) -> Step:
    passed = {"token": "{{ trigger.body.token }}", "delay": "{{ trigger.body.delay }}"}
    return {
        "id": name,
        "type": "workflow",
        "config": {"workflow": called, "input": passed},
        **keys,
    }


def _wait(name: str, ask: str, timeout: float, **keys: Any) -> Step:
    mail = _call(ask, "ask")
    mail = {**mail, "config": {**mail["config"], "json": {"url": "{{ callback.url }}"}}}
    return {"id": name, "type": "wait", "config": {"timeout": timeout}, "steps": [mail], **keys}


def _branch(name: str, *steps: Step) -> dict[str, Any]:
    return {"id": name, "steps": list(steps)}


def _receipts(path: str, count: int) -> list[str]:
    return [path.replace("[]", f"[{n}]") for n in range(count)]


_TOKEN = _set("start", token="{{ trigger.body.token }}")
_PAUSE = {"id": "pause", "type": "delay", "config": {"seconds": "{{ trigger.body.delay }}"}}
_ONCE = {"max_attempts": 1}
_FEW = {"max_attempts": 2, "delay": 0.05}
_MANY = {"max_attempts": 6, "delay": 0.1, "max_delay": 0.2}
_LONG = 600.0  # seconds that nobody lets a step wait

_CALL_BY_CALL = (
    Spec(
        "relay",
        (
            _TOKEN,
            _call("first", "ok"),
            _PAUSE,
            _call("second", "ok"),
            _set(
                "last",
                token="{{ steps.start.token }}",
                first="{{ steps.first.body.receipt }}",
                second="{{ steps.second.body.receipt }}",
            ),
        ),
    ),
    Spec(
        "values",
        (_TOKEN, _set("copy", seen="{{ token }}"), _set("last", token="{{ seen }}")),
    ),
    Spec("stubborn", (_call("busy", "busy", retry=_MANY), _TOKEN)),
    Spec("hopeless", (_call("broken", "broken", retry=_FEW),), frozenset({"http_status"}), False),
    Spec(
        "caught",
        (
            _call("broken", "broken", retry=_ONCE, on_error={"steps": [_call("excuse", "ok")]}),
            _call("after", "ok"),
            _TOKEN,
        ),
    ),
    Spec(
        "charge",
        (_call("pay", "ok", "charge"), _call("tell", "ok"), _TOKEN),
        frozenset({"outcome_unknown"}),
    ),
    Spec(
        "alarm",
        (_TOKEN, _call("broken", "broken", retry=_FEW)),
        frozenset({"http_status"}),
        may_succeed=False,
        on_failure=(_call("notify", "ok"), _call("again", "busy", retry=_MANY)),
    ),
)

_BESIDE_EACH_OTHER = (
    Spec(
        "items",
        (
            _TOKEN,
            _foreach(
                "each",
                list("abcdef"),
                _call("put", "ok"),
                _set("kept", receipt="{{ steps.put.body.receipt }}"),
                concurrency=3,
            ),
            _set("last", token="{{ token }}", each="{{ steps.each | map('receipt') }}"),
        ),
        gives={"each": _receipts("each[].put", 6)},
    ),
    Spec(
        "grid",
        (
            _TOKEN,
            _foreach(
                "rows",
                [0, 1, 2],
                _set("own", row="{{ index }}"),
                _foreach(
                    "cells",
                    ["x", "y"],
                    {
                        "id": "pick",
                        "type": "switch",
                        "cases": [
                            {"if": "{{ (row + index) % 2 == 0 }}", "steps": [_call("even", "ok")]}
                        ],
                        "default": [_call("odd", "ok")],
                    },
                    _set("cell", receipt="{{ steps.pick.body.receipt }}"),
                    concurrency=2,
                ),
                _set("whole", row="{{ steps.cells | map('receipt') }}"),
                concurrency=2,
                number="{{ row }}",
            ),
            _set("last", token="{{ steps.start.token }}", rows="{{ steps.rows | map('row') }}"),
        ),
        gives={
            "rows": [
                [
                    f"rows[{row}].cells[{cell}]."
                    + ("pick[default].odd" if (row + cell) % 2 else "pick[0].even")
                    for cell in (0, 1)
                ]
                for row in (0, 1, 2)
            ]
        },
    ),
    Spec(
        "sides",
        (
            _TOKEN,
            {
                "id": "both",
                "type": "parallel",
                "config": {},
                "branches": [
                    _branch("left", _call("here", "ok"), _PAUSE, _call("late", "ok")),
                    _branch("right", _call("there", "busy", retry=_MANY), _call("soon", "ok")),
                ],
            },
            _call("after", "ok"),
            _set(
                "last",
                token="{{ steps.start.token }}",
                left="{{ steps.both.left.body.receipt }}",
                right="{{ steps.both.right.body.receipt }}",
                here="{{ steps.here.body.receipt }}",
                after="{{ steps.after.body.receipt }}",
            ),
        ),
        gives={
            "left": "both[left].late",
            "right": "both[right].soon",
            "here": "both[left].here",
        },
    ),
    Spec(
        "spotty",
        (
            _TOKEN,
            _foreach(
                "each",
                ["ok", "busy", "broken", "ok"],
                _call("put", "{{ item }}", retry=_MANY),
                _set("kept", receipt="{{ steps.put.body.receipt }}"),
                concurrency=2,
                on_item_error="continue",
            ),
            _set("last", token="{{ steps.start.token }}", each="{{ steps.each }}"),
        ),
        gives={
            "each": [
                {"receipt": "each[0].put"},
                {"receipt": "each[1].put"},
                Failed("http_status"),
                {"receipt": "each[3].put"},
            ]
        },
    ),
    Spec(
        "brittle",
        (
            _TOKEN,
            _foreach(
                "each",
                ["ok", "busy", "broken", "ok"],
                _call("put", "{{ item }}", retry=_FEW),
                _call("more", "ok"),
                concurrency=3,
                on_error={"steps": [_call("excuse", "ok"), _call("sorry", "busy", retry=_MANY)]},
            ),
            _call("after", "ok"),
            _set("last", token="{{ steps.start.token }}"),
        ),
    ),
    Spec(
        "tolls",
        (_TOKEN, _foreach("each", [1, 2, 3, 4], _call("pay", "ok", "charge"), concurrency=3),
         _set("last", token="{{ steps.start.token }}")),
        frozenset({"outcome_unknown"}),
        on_failure=(_call("notify", "ok"),),
    ),
)  # fmt: skip

_ASKING = (
    Spec(
        "approval",
        (
            _TOKEN,
            _wait("ask_ada", "mail", _LONG),
            _call("after", "ok"),
            _set("last", token="{{ steps.start.token }}", said="{{ steps.ask_ada.said }}"),
        ),
        gives={"said": From("ask_ada", "said")},
    ),
    Spec(
        "hurry",
        (
            _TOKEN,
            _wait("ask_bob", "mail", 0.7, on_error="continue"),
            _call("after", "ok"),
            _set("last", token="{{ steps.start.token }}"),
        ),
    ),
    Spec(
        "votes",
        (
            _TOKEN,
            _foreach("each", [0, 1, 2], _wait("vote", "mail", _LONG), concurrency=2),
            _set(
                "last",
                token="{{ steps.start.token }}",
                votes="{{ steps.each | map('said') }}",
            ),
        ),
        gives={"votes": [From(f"each[{n}].vote", "said") for n in range(3)]},
    ),
)

_CALLED = (
    Spec(
        "courier",
        (
            _TOKEN,
            _call("fetch", "ok"),
            _PAUSE,
            _call("bring", "ok"),
            _set("last", token="{{ token }}", brought="{{ steps.bring.body.receipt }}"),
        ),
        gives={"brought": "bring"},
        called=True,
    ),
    Spec(
        "sleeper",
        (_TOKEN, {"id": "pause", "type": "delay", "config": {"seconds": _LONG}}),
        may_succeed=False,
        called=True,
    ),
)

_CALLING = (
    Spec(
        "sender",
        (
            _TOKEN,
            _workflow("send", "courier"),
            _call("after", "ok"),
            _set(
                "last", token="{{ steps.start.token }}", brought="{{ steps.send.output.brought }}"
            ),
        ),
        errors=frozenset({"workflow_failed"}),
        gives={"brought": From("send", "brought")},
    ),
    Spec(
        "impatient",
        (
            _TOKEN,
            _workflow("sleep", "sleeper", timeout=0.6, on_error="continue"),
            _call("after", "ok"),
            _set("last", token="{{ steps.start.token }}"),
        ),
    ),
    Spec(
        "senders",
        (
            _TOKEN,
            _foreach("each", [1, 2, 3], _workflow("send", "courier"), concurrency=2),
            _set(
                "last",
                token="{{ steps.start.token }}",
                each="{{ steps.each | map('output') | map('brought') }}",
            ),
        ),
        errors=frozenset({"workflow_failed"}),
        gives={"each": [From(f"each[{n}].send", "brought") for n in range(3)]},
    ),
)

_LIMITED = (
    Spec(
        "counter",
        (_TOKEN, _call("first", "ok"), _PAUSE, _set("last", token="{{ steps.start.token }}")),
        limits={"concurrency": {"limit": 2}},
    ),
    Spec(
        "paced",
        (_TOKEN, _call("first", "ok"), _set("last", token="{{ steps.start.token }}")),
        limits={"rate": {"limit": 5, "per": 1}},
    ),
)

_SCHEDULED = (
    Spec(
        "ticker",
        (_TOKEN, _call("first", "ok"), _PAUSE, _set("last", token="{{ steps.start.token }}")),
        schedule={"every": 1, "misfire": "all", "input": {"token": "tick", "delay": 0.1}},
    ),
)

_ASKED_FOR = (*_CALL_BY_CALL, *_BESIDE_EACH_OTHER, *_ASKING)
SPECS = {spec.name: spec for spec in (*_CALLED, *_CALLING, *_LIMITED, *_SCHEDULED, *_ASKED_FOR)}
MIX = tuple(
    spec.name for spec in (*_CALLING, *_LIMITED, *_ASKED_FOR)
)  # what the client asks for, each as often


def receipt(run_id: str, step: str) -> str:
    """What the sink answers to a call, the same for every repeat."""
    return f"{step} of {run_id}"
