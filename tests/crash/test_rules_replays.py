"""The rules for replays on a run with one of them: content with the truth, and with no lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from .evidence import Event, Evidence, Replay, Run
from .rules_replays import check_replays


def story() -> Evidence:
    noted = Event(7, 1000, "replay", data={"by": "a key", "run": "run-2"})
    origin = Run("run-1", "values", "succeeded", 1, 900, None, None, (noted,))
    replayed = Run("run-2", "values", "succeeded", 1, 1900, None, None, (), "run-1")
    runs = {run.id: run for run in (origin, replayed)}
    return Evidence([], [], [], [], runs, replays=[Replay("run-1", ["run-2"])])


def made_twice(evidence: Evidence) -> None:
    evidence.runs["run-3"] = replace(evidence.runs["run-2"], id="run-3")


def not_noted(evidence: Evidence) -> None:
    evidence.runs["run-1"] = replace(evidence.runs["run-1"], events=())


LIES: dict[str, tuple[Callable[[Evidence], object], str]] = {
    "a replay too many": (made_twice, "one key made 2 runs"),
    "a lost replay": (lambda e: e.runs.pop("run-2"), "the journal has none"),
    "a replay that nobody noted": (not_noted, "notes the replays []"),
    "a replay of nobody": (lambda e: e.replays.clear(), "nobody asked"),
}


def test_a_true_story_has_no_violations() -> None:
    assert list(check_replays(story())) == []


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_seen(lie: str) -> None:
    evidence = story()
    falsify, expected = LIES[lie]
    falsify(evidence)
    found = [what for _, what in check_replays(evidence)]
    assert any(expected in what for what in found), found
