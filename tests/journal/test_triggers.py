"""The rows of triggers, on both databases: a fire is one, whoever looks and whatever is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.access import Access
from minizaps.journal.catalog import Catalog
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.listings import Listings, RunFilter
from minizaps.journal.records import Idempotency, Limits, NewRun
from minizaps.journal.triggers import DueTrigger, Firing, Triggers

EVERY = {"every": 60}


def tick(**config: Any) -> dict[str, Any]:
    trigger = {"id": "tick", "type": "schedule", "config": {**EVERY, **config}}
    return {"name": "flow", "triggers": [trigger], "steps": []}


@pytest.fixture
async def catalog(database: Database, clock: ManualClock) -> Catalog:
    await Access(database, clock).create_project("default")
    return Catalog(database, clock)


@pytest.fixture
def triggers(database: Database, journal: Journal, clock: ManualClock) -> Triggers:
    return Triggers(database, journal, clock)


def fire_of(trigger: DueTrigger, *, limits: Limits | None = None, key: str = "") -> Firing:
    """One run for the trigger's time, and on to the next one."""
    root = {"id": trigger.id, "type": "schedule", "body": 1, "headers": {}, "query": {}}
    once = Idempotency(f"schedule:{trigger.workflow_id}", key or str(trigger.due_at), "")
    run = NewRun("default", trigger.workflow_id, 1, root, idempotency=once, limits=limits)
    return Firing(trigger, trigger.due_at + 60_000, trigger.due_at, [run])


async def runs_of(database: Database) -> int:
    return len(await Listings(database).runs(RunFilter("default"), 1000))


async def save(catalog: Catalog, name: str = "flow", **config: Any) -> str:
    definition = {**tick(**config), "name": name}
    return (await catalog.create("default", definition, active=True, by="test")).id


async def test_of_two_that_look_at_a_trigger_one_fires_it(
    database: Database, clock: ManualClock, catalog: Catalog, triggers: Triggers
) -> None:
    for number in range(30):
        await save(catalog, f"flow-{number}")
    clock.advance(60)
    other = Triggers(database, Journal(database, clock), clock)
    looks = [await look.due("schedule", 100) for look in (triggers, other)]
    assert [len(found) for found in looks] == [30, 30]
    limits = Limits(concurrency=("x", 5, "queue"))
    some = [fire_of(t, limits=limits if n % 2 else None) for n, t in enumerate(looks[0])]
    others = [fire_of(t, limits=limits if n % 2 else None) for n, t in enumerate(looks[1])]
    won = await asyncio.gather(triggers.fire(some), other.fire(others))
    assert sum(map(len, won)) == 30
    assert await runs_of(database) == 30
    assert await triggers.due("schedule", 100) == []


async def test_a_time_that_has_been_served_starts_no_second_run(
    database: Database, clock: ManualClock, catalog: Catalog, triggers: Triggers
) -> None:
    await save(catalog)
    clock.advance(60)
    (trigger,) = await triggers.due("schedule", 10)
    assert await triggers.fire([fire_of(trigger, key="same")])
    clock.advance(60)
    (trigger,) = await triggers.due("schedule", 10)
    for limits in (None, Limits(concurrency=("x", 5, "queue"))):
        await triggers.fire([fire_of(trigger, key="same", limits=limits)])
    assert await runs_of(database) == 1


@pytest.mark.parametrize("change", ["stop", "edit", "delete", "take out"])
async def test_who_looked_before_a_change_fires_nothing_after_it(
    database: Database, clock: ManualClock, catalog: Catalog, triggers: Triggers, change: str
) -> None:
    workflow_id = await save(catalog)
    clock.advance(60)
    (trigger,) = await triggers.due("schedule", 10)
    if change == "stop":
        await catalog.activate(workflow_id, "default", active=False)
    elif change == "delete":
        await catalog.delete(workflow_id, "default")
    else:
        definition = {"name": "flow", "steps": []} if change == "take out" else tick(every=90)
        await catalog.revise(workflow_id, "default", definition, expected=None, by="test")
    assert await triggers.fire([fire_of(trigger)]) == []
    assert await runs_of(database) == 0


async def test_an_edit_of_something_else_does_not_take_a_fire_away(
    database: Database, clock: ManualClock, catalog: Catalog, triggers: Triggers
) -> None:
    workflow_id = await save(catalog)
    clock.advance(60)
    (trigger,) = await triggers.due("schedule", 10)
    definition = {**tick(), "description": "changed"}
    await catalog.revise(workflow_id, "default", definition, expected=None, by="test")
    assert len(await triggers.fire([fire_of(trigger)])) == 1
    assert await runs_of(database) == 1


async def test_the_next_time_is_known_of_active_workflows_only(
    clock: ManualClock, catalog: Catalog, triggers: Triggers
) -> None:
    assert await triggers.next_due("schedule") is None
    first = await save(catalog)
    clock.advance(5)
    await save(catalog, "other")
    assert await triggers.next_due("schedule") == clock.now() + 55_000
    await catalog.activate(first, "default", active=False)
    assert await triggers.next_due("schedule") == clock.now() + 60_000
