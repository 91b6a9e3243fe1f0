"""The checker on a small story: it is content with the true one, and with no falsified one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from .checker import check
from .evidence import Call, Cancel, Event, Evidence, Life, Post, Run
from .workflows import receipt

RUN = "run-1"


def event(seq: int, kind: str, step: str | None = None, number: int | None = None, **facts: Any):
    return Event(seq, 1000 + 100 * seq, kind, step, number, facts)


def called(step: str) -> dict[str, Any]:
    return {"status": 200, "body": {"receipt": receipt(RUN, step)}}


def story() -> Evidence:
    """A relay whose first call was cut by a kill: called twice, paused, succeeded."""
    output = {"token": "t", "first": receipt(RUN, "first"), "second": receipt(RUN, "second")}
    events = (
        event(1, "start", trigger={"body": {"token": "t", "delay": 0.3}}),
        event(2, "claim"),
        event(3, "complete", "start", 1, output={"token": "t"}),
        event(4, "begin", "first", 1),
        event(5, "rescue"),
        event(6, "claim"),
        event(7, "begin", "first", 2),
        event(8, "complete", "first", 2, output=called("first")),
        event(9, "pause", "pause", 1, started_at=1900, until=2200, output={}),
        replace(event(10, "wait", until=2200), at=1901),
        replace(event(11, "wake"), at=2201),
        replace(event(12, "claim"), at=2202),
        replace(event(13, "complete", "pause", output={}), at=2203),
        replace(event(14, "begin", "second", 1), at=2204),
        event(15, "complete", "second", 1, output=called("second")),
        event(16, "complete", "last", 1, output=output),
        event(17, "succeed", output=output),
    )
    run = Run(RUN, "relay", "succeeded", 3, 2700, None, None, events)
    post = Post("t", "relay", "hook", "key-t", 0.3, sent=2, run_ids=[RUN, RUN])
    calls = [
        Call(1410, RUN, "first", 1, None, f"{RUN}:first", 200),
        Call(1710, RUN, "first", 2, None, f"{RUN}:first", 200),
        Call(2210, RUN, "second", 1, None, f"{RUN}:second", 200),
    ]
    lives = [
        Life(900, ready=1000, ended=1420, how="effect.after"),
        Life(1430, ready=1505, ended=3000, how="SIGTERM"),
    ]
    return Evidence([post], [], calls, lives, {RUN: run})


def change(evidence: Evidence, **fields: Any) -> None:
    evidence.runs[RUN] = replace(evidence.runs[RUN], **fields)


def change_event(evidence: Evidence, seq: int, /, **fields: Any) -> None:
    events = evidence.runs[RUN].events
    change(evidence, events=tuple(replace(e, **fields) if e.seq == seq else e for e in events))


def without_event(evidence: Evidence, seq: int) -> None:
    """Leave an event out and number the others anew."""
    left = [e for e in evidence.runs[RUN].events if e.seq != seq]
    change(evidence, events=tuple(replace(e, seq=n) for n, e in enumerate(left, 1)))


def another_end(evidence: Evidence) -> None:
    change(evidence, events=(*evidence.runs[RUN].events, event(18, "cancel")))


def another_call(evidence: Evidence, at: int) -> None:
    evidence.calls.append(Call(at, RUN, "second", 2, None, f"{RUN}:second", 200))


def as_charge(evidence: Evidence) -> None:
    """The same cut and repeat, but of a step that may not be repeated."""
    events = [replace(e, path="pay" if e.path == "first" else e.path) for e in story_events()]
    kept = [e for e in events if e.kind in ("start", "claim", "begin", "rescue")][:6]
    error = {"type": "outcome_unknown", "step": "pay"}
    end = event(7, "fail", error=error)
    numbered = [replace(e, seq=n, at=1000 + 100 * n) for n, e in enumerate(kept, 1)]
    evidence.posts[0].workflow = "charge"
    evidence.lives[1].ready = 1600
    evidence.calls = [replace(c, step="pay", key=f"{RUN}:pay") for c in evidence.calls[:2]]
    change(evidence, workflow="charge", events=(*numbered, end), epoch=2, finished_at=1700,
           status="failed", error_type="outcome_unknown", dead_letter="open")  # fmt: skip


def story_events() -> tuple[Event, ...]:
    return story().runs[RUN].events


LIES: dict[str, tuple[Callable[[Evidence], object], str]] = {
    "a lost run": (lambda e: e.runs.clear(), "which the journal does not have"),
    "a run of nobody": (lambda e: e.posts.clear(), "nobody asked for it"),
    "two runs for a key": (lambda e: e.posts[0].run_ids.append("run-2"), "several runs"),
    "a refusal": (lambda e: e.posts[0].refusals.append("500"), "answered 500"),
    "another workflow": (lambda e: setattr(e.posts[0], "workflow", "values"), "not of values"),
    "a lost cancel": (lambda e: e.cancels.append(Cancel(RUN, "api")), "but it was not"),
    "a crash": (lambda e: setattr(e.lives[0], "how", "code 1"), "ended by code 1"),
    "a rescue of the living": (lambda e: setattr(e.lives[1], "ready", 1490), "was alive"),
    "a gap": (lambda e: change_event(e, 9, seq=99), "numbered"),
    "another end": (another_end, "2 ends"),
    "no end": (lambda e: without_event(e, 17), "0 ends"),
    "another status": (lambda e: change(e, status="failed"), "the row says failed"),
    "another epoch": (lambda e: change(e, epoch=2), "epoch 2"),
    "another time": (lambda e: change(e, finished_at=1), "finished at 1"),
    "a letter": (lambda e: change(e, dead_letter="open"), "the row has None, open"),
    "other data": (
        lambda e: change_event(e, 17, data={"output": {"first": "x"}}),
        "first is wrong",
    ),
    "no claim": (lambda e: without_event(e, 6), "begin while queued"),
    "no rescue": (lambda e: without_event(e, 5), "claim while running"),
    "a missing step": (lambda e: without_event(e, 16), "succeeded before last was done"),
    "no begin": (lambda e: without_event(e, 14), "came without an attempt"),
    "an attempt left out": (lambda e: change_event(e, 7, attempt=3), "attempt 3 is the 2th"),
    "an early wake": (lambda e: change_event(e, 11, at=2199), "nothing, 1 ms early"),
    "an early step": (lambda e: change_event(e, 13, at=2198), "pause 2 ms early"),
    "a short pause": (
        lambda e: change_event(e, 9, data={"started_at": 1901, "until": 2200, "output": {}}),
        "shorter than 0.3 s",
    ),
    "no call": (lambda e: e.calls.pop(), "no call of it"),
    "a call too many": (lambda e: another_call(e, 2220), "without an attempt"),
    "a call too late": (lambda e: another_call(e, 2550), "after its result"),
    "a call too early": (
        lambda e: e.calls.__setitem__(2, replace(e.calls[2], at=2190)),
        "called 10 ms early",
    ),
    "another key": (
        lambda e: e.calls.__setitem__(0, replace(e.calls[0], key="other")),
        "with the key other",
    ),
    "a repeated charge": (as_charge, "begins again after its attempt was cut"),
}


def test_a_true_story_has_no_violations() -> None:
    assert check(story()) == []


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_seen(lie: str) -> None:
    evidence = story()
    falsify, expected = LIES[lie]
    falsify(evidence)
    found = [str(violation) for violation in check(evidence)]
    assert any(expected in what for what in found), found
