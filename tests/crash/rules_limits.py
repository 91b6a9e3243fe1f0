"""What must hold between the runs of a workflow that limits them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from minizaps.journal.status import ENDED, Kind
from minizaps.journal.turns import CONCURRENCY

from .evidence import Evidence, Run, Turn
from .workflows import SPECS

Span = tuple[int, int, str]  # when a run passed its gates, when it ended, and its id


def check_limits(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Run ids, with what is wrong there."""
    for spec in SPECS.values():
        runs = {run.id: run for run in evidence.runs.values() if run.workflow == spec.name}
        times = sorted(
            (at, run.finished_at or at, run.id)
            for run in runs.values()
            if (at := _admitted(run)) is not None
        )
        if (concurrency := spec.limits.get("concurrency")) is not None:
            turns = [turn for turn in evidence.turns if turn.run in runs]
            yield from _check_turns(turns, runs.values(), concurrency["limit"])
            yield from _check_times(times, concurrency["limit"], evidence.slack)
        if (rate := spec.limits.get("rate")) is not None:
            yield from _check_rate(times, rate["limit"], int(rate["per"] * 1000))


def _admitted(run: Run) -> int | None:
    """When a run passed its gates; None where it ended at one."""
    first = run.events[0] if run.events else None
    if first is None or first.kind == Kind.START:
        return None if first is None else first.at
    return next((event.at for event in run.of(Kind.WAKE)), None)


def _check_turns(
    turns: Sequence[Turn], runs: Iterable[Run], limit: int
) -> Iterator[tuple[str, str]]:
    """By the order of the turns themselves: no clock has a say."""
    under_way: dict[str, set[str]] = defaultdict(set)
    had = set()
    for turn in turns:
        if not turn.key.startswith(f"{CONCURRENCY}:"):
            continue
        present = under_way[turn.key]
        if turn.what == "taken":
            had.add(turn.run)
            present.add(turn.run)
            if turn.epoch:
                yield turn.run, "was claimed before it took its turn"
            if len(present) > limit:
                yield turn.run, f"{len(present)} runs have a turn, {limit} are allowed"
        elif turn.what == "left" and turn.run in present:
            present.remove(turn.run)
            if turn.status not in ENDED:
                yield turn.run, f"has left its turn while {turn.status}"
    for run in runs:
        if run.of(Kind.CLAIM) and run.id not in had:
            yield run.id, "was claimed without a turn"


def _check_times(times: Sequence[Span], limit: int, slack: int) -> Iterator[tuple[str, str]]:
    """What the events say agrees, as far as the clocks of several processes do."""
    for at, _, run_id in times:
        under_way = [i for begun, ended, i in times if begun <= at < ended - slack]
        if len(under_way) > limit:
            yield run_id, f"{len(under_way)} runs were under way, {limit} are allowed: {under_way}"


def _check_rate(times: Sequence[Span], limit: int, span: int) -> Iterator[tuple[str, str]]:
    for (first, *_), (last, _, run_id) in zip(times, times[limit:], strict=False):
        if last - first < span:
            yield run_id, f"{limit + 1} runs started within {last - first} ms, under {span}"
