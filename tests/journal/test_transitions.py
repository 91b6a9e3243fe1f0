"""Conformance: every status × every transition."""

from __future__ import annotations

import pytest

from minizaps.clock import ManualClock
from minizaps.errors import Conflict, IdempotencyMismatch, LeaseLost, NotFound
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.queries import load_queries
from minizaps.journal.records import Idempotency
from minizaps.journal.status import ENDED, TRANSITIONS, Kind, Status
from tests.journal.runs import (
    ROOM,
    WORKER,
    append,
    apply,
    change,
    kinds_of,
    new_run,
    run_in,
    status_of,
)

ON_A_RUN = [kind for kind in Kind if kind not in (Kind.START, Kind.DEFER)]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_every_transition_has_a_kind_and_a_statement(database: str) -> None:
    assert set(TRANSITIONS) == set(Kind)
    assert {t.query for t in TRANSITIONS.values()} <= set(load_queries(database))


def test_nothing_leaves_an_end_but_what_people_do_with_it() -> None:
    from_an_end = {kind for kind, t in TRANSITIONS.items() if t.before & ENDED}
    assert from_an_end == {Kind.REPLAY, Kind.DISCARD}


@pytest.mark.parametrize("kind", ON_A_RUN)
@pytest.mark.parametrize("status", Status)
async def test_legal_pairs_land_and_illegal_ones_change_nothing(
    status: Status, kind: Kind, journal: Journal, database: Database, clock: ManualClock
) -> None:
    run_id = await run_in(status, journal, database)
    before = await kinds_of(database, run_id)
    transition = TRANSITIONS[kind]
    if status in transition.before:
        await apply(kind, run_id, journal, database, clock)
        assert await status_of(database, run_id) == (transition.after or status)
        assert await kinds_of(database, run_id) == [*before, kind]
        return
    if transition.leased or kind in (Kind.CANCEL, Kind.REPLAY, Kind.DISCARD):
        with pytest.raises((LeaseLost, Conflict)):
            await apply(kind, run_id, journal, database, clock)
    else:
        await apply(kind, run_id, journal, database, clock)
    assert await status_of(database, run_id) == status
    assert await kinds_of(database, run_id) == before


@pytest.mark.parametrize("kind", [k for k, t in TRANSITIONS.items() if t.leased])
async def test_a_stale_worker_changes_nothing_after_its_run_was_rescued(
    kind: Kind, journal: Journal, database: Database
) -> None:
    run_id = await run_in(Status.RUNNING, journal, database)
    await journal.rescue("worker-2")
    (claimed,) = await journal.claim("worker-2", ROOM)
    assert claimed.epoch == 2
    before = await kinds_of(database, run_id)
    with pytest.raises(LeaseLost):
        await append(journal, database, run_id, 1, kind)
    assert await kinds_of(database, run_id) == before
    await append(journal, database, run_id, 2, Kind.SUCCEED)
    assert await status_of(database, run_id) == Status.SUCCEEDED


async def test_several_changes_are_one_write_and_the_last_decides(
    journal: Journal, database: Database
) -> None:
    run_id = await run_in(Status.RUNNING, journal, database)
    kinds = [Kind.BEGIN, Kind.COMPLETE, Kind.SKIP, Kind.SUCCEED]
    last = await journal.append(run_id, 1, 2, [change(kind, journal.now()) for kind in kinds])
    assert last == 6
    assert (await kinds_of(database, run_id))[2:] == kinds


async def test_a_refused_discard_says_why(journal: Journal, database: Database) -> None:
    run_id = await run_in(Status.FAILED, journal, database)
    await journal.discard(run_id, "default", "ada", None)
    with pytest.raises(Conflict, match="no open dead letter"):
        await journal.discard(run_id, "default", "ada", None)
    with pytest.raises(NotFound):
        await journal.cancel("0-0", "default", "ada")


async def test_another_projects_run_is_not_found(journal: Journal, database: Database) -> None:
    run_id = await run_in(Status.QUEUED, journal, database)
    with pytest.raises(NotFound):
        await journal.cancel(run_id, "other", "eve")


async def test_a_key_gives_the_same_run_and_refuses_another_body(journal: Journal) -> None:
    key = Idempotency("hook:a", "k1", "digest")
    first = await journal.start(new_run(idempotency=key))
    again = await journal.start(new_run(idempotency=key), worker=WORKER)
    assert again.run_id == first.run_id
    assert first.created
    assert not again.created
    with pytest.raises(IdempotencyMismatch):
        await journal.start(new_run(idempotency=Idempotency("hook:a", "k1", "other")))
    other_scope = Idempotency("hook:b", "k1", "other")
    assert (await journal.start(new_run(idempotency=other_scope))).created


async def test_a_refused_replay_leaves_no_new_run(journal: Journal, database: Database) -> None:
    run_id = await run_in(Status.WAITING, journal, database)
    with pytest.raises(Conflict):
        await journal.start(new_run(replay_of=run_id))
    assert not await database.rows("queued_projects")
