"""The rules for blocks and waits on small stories: content with the truth, and with no lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from .checker import check
from .evidence import Answer, Event, Evidence
from .stories import CHILD, RUN, alarm, approval, change, edit, hurry, items, place, sender, sides

Lie = Callable[[Evidence], object]
STORIES = {story.__name__: story for story in (items, sides, approval, hurry, alarm, sender)}


def moved(kind: str, path: str | None, by: int) -> Lie:
    """An event that is said to have happened at another time."""

    def falsify(evidence: Evidence) -> None:
        at = place(evidence, kind, path)
        edit(evidence, lambda e: e.__setitem__(at, replace(e[at], at=e[at].at + by)))

    return falsify


def inserted(after: tuple[str, str], *event: Any) -> Lie:
    """An event more, after another one."""

    def falsify(evidence: Evidence) -> None:
        at = place(evidence, *after)
        time = evidence.runs[RUN].events[at].at
        edit(evidence, lambda e: e.insert(at + 1, Event(0, time, *event)))

    return falsify


def left_out(kind: str, path: str | None = None) -> Lie:
    """An event that is kept secret."""

    def falsify(evidence: Evidence) -> None:
        at = place(evidence, kind, path)
        edit(evidence, lambda e: e.pop(at))

    return falsify


def told_otherwise(kind: str, path: str | None, **facts: Any) -> Lie:
    """An event with other facts."""

    def falsify(evidence: Evidence) -> None:
        at = place(evidence, kind, path)
        events = evidence.runs[RUN].events
        told = replace(events[at], data={**events[at].data, **facts})
        edit(evidence, lambda e: e.__setitem__(at, told))

    return falsify


def swapped(first: tuple[str, str], second: tuple[str, str]) -> Lie:
    """Two events in each other's place."""

    def falsify(evidence: Evidence) -> None:
        one, two = place(evidence, *first), place(evidence, *second)

        def swap(events: list[Event]) -> None:
            events[one], events[two] = events[two], events[one]

        edit(evidence, swap)

    return falsify


def another_order(evidence: Evidence) -> None:
    output = dict(evidence.runs[RUN].events[-1].data["output"])
    output["each"] = [output["each"][1], output["each"][0], *output["each"][2:]]
    told_otherwise("succeed", None, output=output)(evidence)


def one_result_less(evidence: Evidence) -> None:
    output = dict(evidence.runs[RUN].events[-1].data["output"])
    told_otherwise("succeed", None, output=output | {"each": output["each"][:5]})(evidence)


def called_after_its_result(evidence: Evidence) -> None:
    (call,) = [call for call in evidence.calls if call.step == "each[0].put"]
    late = evidence.runs[RUN].finished_at or 0
    evidence.calls.append(replace(call, at=late - 1, call=2))


def never_came_in(evidence: Evidence) -> None:
    change(evidence, signals={})


def refused_without_another(evidence: Evidence) -> None:
    never_came_in(evidence)
    evidence.answers.pop(0)


def both_acknowledged(evidence: Evidence) -> None:
    evidence.answers[1] = replace(evidence.answers[1], status=200)


def another_url(evidence: Evidence) -> None:
    call = next(call for call in evidence.calls if call.url)
    evidence.calls.append(replace(call, call=2, url="http://callbacks/2"))


def refused_twice(evidence: Evidence) -> None:
    first = evidence.answers[0]
    evidence.answers.append(replace(first, at=first.at + 1, status=409))


def answered_too_late(evidence: Evidence) -> None:
    (late,) = evidence.answers
    evidence.answers[0] = replace(late, status=200)


def unknown_token(evidence: Evidence) -> None:
    evidence.answers.append(Answer(1, RUN, "ask_ada[ask].mail", {"said": "x"}, 404))


def started_twice(evidence: Evidence) -> None:
    """The second attempt has made a run of its own."""
    told_otherwise("begin", "send", run="run-3")(evidence)
    evidence.runs["run-3"] = replace(evidence.runs[CHILD], id="run-3")


def lost(evidence: Evidence) -> None:
    del evidence.runs[CHILD]


def of_another(evidence: Evidence) -> None:
    evidence.runs["run-3"] = replace(evidence.runs[CHILD], id="run-3")


def goes_on_alone(evidence: Evidence) -> None:
    """Its parent was cancelled long before."""
    at = place(evidence, "wait")
    time = evidence.runs[RUN].events[at].at
    edit(evidence, lambda e: e.__setitem__(slice(at + 1, None), [Event(0, time, "cancel")]))
    change(evidence, status="cancelled", finished_at=time, signals={})
    later = (evidence.runs[CHILD].finished_at or 0) + 60_000
    evidence.runs[CHILD] = replace(evidence.runs[CHILD], finished_at=later)


LIES: list[tuple[str, str, Lie, str]] = [
    ("items", "an item that runs twice",
     inserted(("complete", "each[5].kept"), "begin", "each[0].put", 2), "after its end"),
    ("items", "a step of an item that runs twice",
     inserted(("complete", "each[4].put"), "begin", "each[4].put", 2), "each[4].kept's turn"),
    ("items", "too many items at a time",
     inserted(("begin", "each[4].put"), "begin", "each[5].put", 1), "while 3 others are under"),
    ("items", "an item of which nobody knows",
     inserted(("complete", "each[4].kept"), "begin", "each[6].put", 1), "nothing is known"),
    ("items", "a lane out of order",
     swapped(("complete", "each[4].put"), ("complete", "each[4].kept")), "each[4].put's turn"),
    ("items", "an item left out", left_out("complete", "each[2].kept"), "but not its 2"),
    ("items", "a block that was not entered", left_out("enter", "each"), "is not under way"),
    ("items", "a block that is entered twice",
     inserted(("enter", "each"), "enter", "each", None, {"items": []}), "entered again"),
    ("items", "results in another order", another_order, "of which each is wrong"),
    ("items", "a result that is missing", one_result_less, "of which each is wrong"),
    ("items", "a call after the item's result", called_after_its_result, "after its result"),
    ("items", "an attempt that nothing cut", left_out("rescue"), "while attempt 1 is under way"),
    ("sides", "a retry too early", moved("begin", "both[right].there", -30), "there 10 ms early"),
    ("sides", "a pause too short", moved("complete", "both[left].pause", -40), "20 ms early"),
    ("sides", "a branch left out", left_out("complete", "both[right].soon"), "not its right"),
    ("sides", "a branch out of order",
     swapped(("begin", "both[right].there"), ("begin", "both[right].soon")), "there's turn"),
    ("sides", "a wake too early", moved("wake", None, -5), "woken by nothing, 5 ms early"),
    ("sides", "a sleep too long", told_otherwise("wait", None, until=9999), "but is due at"),
    ("sides", "a sleep for ever", told_otherwise("wait", None, until=None), "until None"),
    ("sides", "the next step while a branch is under way",
     swapped(("complete", "both"), ("begin", "after")), "both's turn"),
    ("approval", "a lost answer", never_came_in, "was acknowledged for ask_ada, the journal has"),
    ("approval", "two answers that count", both_acknowledged, "'no'} was acknowledged"),
    ("approval", "another answer than came in",
     told_otherwise("complete", "ask_ada", output={"said": "no"}), "but came in"),
    ("approval", "an answer that is made up",
     told_otherwise("signal", None, data={"output": {"said": "no"}}), "did not come in"),
    ("approval", "an answer that is taken in twice",
     inserted(("signal", None), "signal", None, None,
              {"name": "ask_ada", "number": 1, "data": {"output": {"said": "yes"}}}),
     "took in the signals [1, 1]"),
    ("approval", "a refusal without a reason", refused_without_another, "there was no other"),
    ("approval", "a refusal of the same answer", refused_twice, "refused the second time"),
    ("approval", "a token that is forgotten", unknown_token, "answered with 404"),
    ("approval", "another URL at each attempt", another_url, "several URLs"),
    ("approval", "an answer that was not told", left_out("signal"), "woken by nothing"),
    ("approval", "a wait that asks nobody", left_out("complete", "ask_ada[ask].mail"),
     "not its ask"),
    ("hurry", "an acknowledged answer that came too late", answered_too_late, "was acknowledged"),
    ("hurry", "a time that is over too early", moved("catch", "ask_bob", -40), "timed out"),
    ("alarm", "steps that go on after the failure",
     inserted(("complete", "on_failure.notify"), "begin", "broken", 2), "not under way"),
    ("alarm", "an alarm that is left out", left_out("complete", "on_failure.again"),
     "failed before on_failure.again was done"),
    ("sender", "a child that is started twice", started_twice, "send started 2 runs"),
    ("sender", "a child that is lost", lost, "which the journal does not have"),
    ("sender", "a child that nobody started", of_another, "which has not started it"),
    ("sender", "a child that goes on alone", goes_on_alone, "after the end of its parent"),
    ("sender", "an output that is not the child's",
     told_otherwise("complete", "send", output={"brought": "x"}), "but its run gave"),
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_a_true_story_has_no_violations(story: str) -> None:
    assert check(STORIES[story]()) == []


@pytest.mark.parametrize(("story", "lie"), [(story, lie) for story, lie, _, _ in LIES])
def test_a_lie_is_seen(story: str, lie: str) -> None:
    evidence = STORIES[story]()
    falsify, expected = next((f, e) for s, name, f, e in LIES if (s, name) == (story, lie))
    falsify(evidence)
    found = [str(violation) for violation in check(evidence)]
    assert any(expected in what for what in found), found
