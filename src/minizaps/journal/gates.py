"""What a run passes before it is ready: the gates debounce, rate and concurrency, in this order.

A run that is held back is a waiting row, which says at which gate and when to look again; its place
there is a row of `turns`. Whoever reads or changes what belongs to a gate's key has the key to
itself: every function here runs in a write with the `keys_of` the run's limits, and looks at the
clock there: before, it may have waited for the keys.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from minizaps.clock import LATEST, Clock
from minizaps.journal import rates
from minizaps.journal.records import Limits
from minizaps.journal.rows import dump, to_limits
from minizaps.journal.status import Kind
from minizaps.journal.transaction import Transaction
from minizaps.journal.transitions import Earlier, Start
from minizaps.journal.turns import (
    CONCURRENCY,
    DEBOUNCE,
    EVERY,
    RATE,
    Arrival,
    Moves,
    Turn,
    has_room,
    ids_of,
    key_at,
    pass_on,
    turn_away,
    write_event,
)

Begin = Callable[[Transaction, Start], Awaitable[Earlier | None]]


class Verdict(NamedTuple):
    """What the gates say about a run at this moment.

    Attributes:
        gate: what holds it back, and until when; None where it may start.
        turn: the row that it gets in `turns`.
        starts: the times under its rate key, this one included, if it passes that gate now.
        replaced: the runs that are cancelled for it, if they have not ended.
        skipped: whether it is cancelled itself.
    """

    gate: tuple[str, int] | None = None
    turn: Turn | None = None
    starts: list[int] | None = None
    replaced: Sequence[str] = ()
    skipped: bool = False


async def enter(
    tx: Transaction, begin: Begin, start: Start, place: int, clock: Clock
) -> Earlier | Moves:
    """Accept a run under limits: ready, held back or cancelled at once.

    Args:
        begin: writes the run, unless it is there already.
        place: its place among all that arrive.
    """
    run_id, new, now = start.run_id, start.new, clock.now()
    assert new.limits is not None  # noqa: S101 - only such runs come to a gate
    if new.id is not None and await tx.rows("run", run_id):
        return Earlier(run_id, "")
    deadline = LATEST if new.deadline is None else new.deadline
    arrival = Arrival(run_id, new.priority, place, now, deadline)
    verdict = await _judge(tx, arrival, new.limits, None)
    gate = (CONCURRENCY, now) if verdict.skipped else verdict.gate
    earlier = await begin(tx, start._replace(now=now, gate=gate))
    if earlier is not None:
        return earlier
    moves = await _carry_out(tx, arrival, new.limits, verdict, None)
    return moves if verdict.gate or verdict.skipped else moves.and_queued(run_id)


async def look_again(tx: Transaction, run_id: str, place: int, clock: Clock) -> Moves:
    """Let a run whose time at a gate has come go on, through the gates that are left."""
    now = clock.now()
    for gate, text, priority, deadline in await tx.rows("gated", run_id, now):
        limits = to_limits(text)
        bound = LATEST if deadline is None else deadline
        arrival = Arrival(run_id, priority, place, now, bound)
        verdict = await _judge(tx, arrival, limits, gate)
        if verdict.gate is not None:
            await tx.execute("hold_back", run_id, *verdict.gate)
        elif not verdict.skipped:
            await tx.value("pass_gates", run_id, now)
            await write_event(tx, run_id, now, Kind.WAKE)
        moves = await _carry_out(tx, arrival, limits, verdict, gate)
        return moves if verdict.gate or verdict.skipped else moves.and_queued(run_id)
    return Moves()


async def leave(tx: Transaction, run_id: str, limits: Limits, clock: Clock) -> Moves:
    """Take an ended run from its gates, and let those go on that waited for it."""
    moves, now = Moves(), clock.now()
    left = {key for (key,) in await tx.rows("leave_turns", run_id, keys_of(limits))}
    if limits.rate is not None and key_at(RATE, limits.rate[0]) in left:
        moves = moves.and_due(await rates.line_up(tx, limits.rate, now))
    if limits.concurrency is not None:
        moves = moves.and_queued(*await pass_on(tx, limits.concurrency[0], now))
    return moves


def keys_of(limits: Limits) -> list[str]:
    """The keys of the gates that a run under these limits passes."""
    gates = zip((DEBOUNCE, RATE, CONCURRENCY), limits, strict=True)
    return [key_at(gate, limit[0]) for gate, limit in gates if limit is not None]


def stops_others(limits: Limits) -> bool:
    """Whether a run under these limits may end one that a worker drives."""
    return limits.concurrency is not None and limits.concurrency[2] == "cancel_running"


async def _judge(tx: Transaction, run: Arrival, limits: Limits, at: str | None) -> Verdict:
    """What the gates say, of those behind the one at which the run is; nothing is changed.

    A run whose timeout is over passes them all, for a worker to fail it.

    Args:
        at: the gate at which it waits; None for a run that has just come.
    """
    if run.now >= run.deadline:
        return Verdict()
    verdict = await _ask(tx, run, limits, at)
    if verdict.gate is None:
        return verdict
    gate, until = verdict.gate
    return verdict._replace(gate=(gate, min(until, run.deadline)))


async def _ask(tx: Transaction, run: Arrival, limits: Limits, at: str | None) -> Verdict:
    """The first gate that holds the run back, or the last one."""
    if limits.debounce is not None and at is None:
        key, silence = limits.debounce
        pending = await ids_of(tx, "waiting_turns", key_at(DEBOUNCE, key), EVERY)
        turn = Turn(key_at(DEBOUNCE, key), taken=False)
        return Verdict((DEBOUNCE, run.now + silence), turn, replaced=pending)
    starts = None
    if limits.rate is not None and at != CONCURRENCY:
        key = key_at(RATE, limits.rate[0])
        window = await rates.window(tx, limits.rate, run.now)
        if at != RATE and await tx.rows("waiting_turns", key, 1):
            return Verdict((RATE, LATEST), Turn(key, taken=False))
        if not window.open:
            return Verdict((RATE, window.opens_at), Turn(key, taken=False))
        starts = [*window.starts, run.now]
    if limits.concurrency is None:
        return Verdict(starts=starts)
    verdict = await _ask_concurrency(tx, run, limits.concurrency)
    return verdict if verdict.skipped else verdict._replace(starts=starts)


async def _ask_concurrency(
    tx: Transaction, run: Arrival, concurrency: tuple[str, int, str]
) -> Verdict:
    name, limit, on_limit = concurrency
    key = key_at(CONCURRENCY, name)
    taken, room = await has_room(tx, key, limit, run.priority)
    if room:
        return Verdict(turn=Turn(key, taken=True))
    if on_limit == "queue":
        return Verdict((CONCURRENCY, LATEST), Turn(key, taken=False))
    over = await ids_of(tx, "over_turns", key)
    excess = taken - len(over) - limit + 1
    if excess <= 0:
        return Verdict(turn=Turn(key, taken=True), replaced=over)
    if on_limit == "skip":
        return Verdict(skipped=True)
    oldest = await ids_of(tx, "oldest_turns", key, excess + len(over))
    live = [run_id for run_id in oldest if run_id not in over][:excess]
    return Verdict(turn=Turn(key, taken=True), replaced=[*over, *live])


async def _carry_out(
    tx: Transaction, run: Arrival, limits: Limits, verdict: Verdict, at: str | None
) -> Moves:
    """Write what a verdict means for everything but the run's own row."""
    moves = Moves()
    if verdict.gate is not None:
        moves = moves.and_due(verdict.gate[1])
        if verdict.gate[0] == at:
            return moves
    keys = keys_of(limits)
    if at is not None:
        await tx.rows("leave_turns", run.run_id, keys)
    facts: dict[str, Any] = {"by": CONCURRENCY if verdict.gate is None else verdict.gate[0]}
    if verdict.skipped:
        await turn_away(tx, run.run_id, run.now, dump(facts))
        moves = moves.and_cancelled(run.run_id)
    for other in verdict.replaced:
        if await turn_away(tx, other, run.now, dump(facts | {"run": run.run_id})):
            moves = moves.and_cancelled(other)
        await tx.rows("leave_turns", other, keys)
    if verdict.turn is not None:
        key, taken = verdict.turn
        await tx.execute("insert_turn", key, run.run_id, int(taken), run.order(key), run.place)
    if verdict.starts is not None and limits.rate is not None:
        await rates.keep(tx, limits.rate, verdict.starts)
    if at == RATE and limits.rate is not None:
        moves = moves.and_due(await rates.line_up(tx, limits.rate, run.now))
    return moves
