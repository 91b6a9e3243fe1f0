"""The rules of limited runs see what is wrong, and nothing where all is well."""

from __future__ import annotations

from minizaps.clock import ManualClock
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.status import Kind
from tests.journal.limited import claim, end, start

from .evidence import CLOCKS_APART, Event, Evidence, Run, Trouble, Turn
from .rules_limits import check_limits
from .turn_log import keep_turns, read_turns

KEY = "concurrency:counter"
TROUBLE = Trouble(0, "a worker is paused")


def run(workflow: str, number: int, *, accepted: int, admitted: int | None, ended: int) -> Run:
    """A run that was admitted when it was accepted, later, or never."""
    if admitted == accepted:
        events = [Event(1, accepted, Kind.START)]
    else:
        events = [Event(1, accepted, Kind.DEFER)]
        events += [] if admitted is None else [Event(2, admitted, Kind.WAKE)]
    return Run(f"run-{number}", workflow, "succeeded", 1, ended, None, None, tuple(events))


def wrong(*runs: Run, troubles: tuple[Trouble, ...] = ()) -> list[str]:
    evidence = Evidence([], [], [], [], {run.id: run for run in runs}, list(troubles))
    return [what for _, what in check_limits(evidence)]


def test_no_more_runs_than_allowed_are_under_way() -> None:
    first = run("counter", 1, accepted=0, admitted=0, ended=100)
    second = run("counter", 2, accepted=10, admitted=10, ended=200)
    held = run("counter", 3, accepted=20, admitted=100, ended=300)
    never = run("counter", 4, accepted=30, admitted=None, ended=40)
    assert wrong(first, second, held, never) == []
    early = run("counter", 3, accepted=20, admitted=99, ended=300)
    assert "3 runs were under way, 2 are allowed" in wrong(first, second, early)[0]


def test_the_times_of_several_processes_are_compared_as_far_as_their_clocks_agree() -> None:
    first = run("counter", 1, accepted=0, admitted=0, ended=100)
    second = run("counter", 2, accepted=10, admitted=10, ended=200)
    for early, said in ((CLOCKS_APART, 0), (CLOCKS_APART + 1, 1)):
        third = run("counter", 3, accepted=20, admitted=100 - early, ended=300)
        assert len(wrong(first, second, third, troubles=(TROUBLE,))) == said


def wrong_turns(*told: tuple[int, str, str, int]) -> list[str]:
    """What is wrong with turns: of which run, what, the run's status and epoch then."""
    turns = [
        Turn(KEY, f"run-{number}", what, status, epoch) for number, what, status, epoch in told
    ]
    runs = {}
    for number in (1, 2, 3):
        events = (Event(1, 0, Kind.DEFER), Event(2, 0, Kind.CLAIM))
        row = ("counter", "succeeded", 1, None, None, None, events)
        runs[f"run-{number}"] = Run(f"run-{number}", *row)
    return [what for _, what in check_limits(Evidence([], [], [], [], runs, turns=turns))]


def test_turns_are_as_many_as_allowed_taken_before_a_claim_and_left_after_the_end() -> None:
    first, second = (1, "taken", "queued", 0), (2, "taken", "queued", 0)
    waits, third = (3, "waits", "waiting", 0), (3, "taken", "waiting", 0)
    left = (1, "left", "succeeded", 1)
    assert wrong_turns(first, second, waits, left, third) == []
    assert wrong_turns(first, second, waits, third) == ["3 runs have a turn, 2 are allowed"]
    early = (1, "left", "running", 1)
    assert wrong_turns(first, second, early, third) == ["has left its turn while running"]
    late = (3, "taken", "running", 1)
    assert wrong_turns(first, second, left, late) == ["was claimed before it took its turn"]
    assert wrong_turns(first, second, waits, left) == ["was claimed without a turn"]
    gone = (3, "left", "waiting", 0)  # it waited at another gate
    assert wrong_turns(first, second, waits, gone, left, third) == []


def test_no_more_runs_than_allowed_start_in_a_span() -> None:
    paced = [run("paced", n, accepted=0, admitted=n * 200, ended=5000) for n in range(10)]
    assert wrong(*paced) == []
    hasty = [run("paced", n, accepted=0, admitted=n * 199, ended=5000) for n in range(10)]
    assert "6 runs started within 995 ms, under 1000" in wrong(*hasty)[0]


async def test_the_log_of_turns_says_what_has_happened_to_each(database_url: str) -> None:
    database = await open_database(database_url)
    journal = Journal(database, ManualClock())
    await keep_turns(database_url)
    first, second = [await start(journal, concurrency=("w:a", 1, "queue")) for _ in range(2)]
    assert await claim(journal) == [first]
    await end(journal, database, first)
    assert await read_turns(database_url) == [
        Turn("concurrency:w:a", first, "taken", "queued", 0),
        Turn("concurrency:w:a", second, "waits", "waiting", 0),
        Turn("concurrency:w:a", first, "left", "succeeded", 1),
        Turn("concurrency:w:a", second, "taken", "waiting", 0),
    ]
    await database.close()
