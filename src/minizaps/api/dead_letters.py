"""Dead letters: the failed runs that wait for a person."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.auth import Identity, Operator, TheApp, Viewer
from minizaps.api.bodies import StrictRoute
from minizaps.api.runs import (
    Key,
    Replay,
    replay_key,
    run_detail,
    run_started,
    start_replay,
    workflow_id_of,
)
from minizaps.api.shapes import (
    LARGEST_NUMBER,
    Cursor,
    Limit,
    Moment,
    Page,
    RunDetail,
    RunSummary,
    page_of,
    summary_fields,
)
from minizaps.app import App
from minizaps.clock import to_ms
from minizaps.errors import InvalidInput, JournalUnavailable, MinizapsError
from minizaps.journal.listings import RunFilter

router = APIRouter(prefix="/dead-letters", tags=["dead letters"], route_class=StrictRoute)

MOST_AT_ONCE = 1000


class DeadLetter(RunSummary):
    """A failed run that waits for a person."""

    error: dict[str, Any] | None
    step_input: Any = Field(description="The resolved config of the step that failed.")


class Discard(BaseModel):
    """Why the dead letter is closed."""

    model_config = ConfigDict(extra="forbid")
    note: str | None = Field(default=None, max_length=2000)


class Chosen(BaseModel):
    """Which dead letters: by ids, or by a filter; one of the two."""

    model_config = ConfigDict(extra="forbid")
    ids: list[str] | None = Field(default=None, max_length=MOST_AT_ONCE)
    workflow: str | None = Field(default=None, description="A workflow's id or name.")
    error: str | None = Field(default=None, description="The error's type.")
    since: Moment | None = Field(default=None, alias="from")
    until: Moment | None = Field(default=None, alias="to")


class ChosenReplay(Chosen):
    """Which dead letters to replay, and from where."""

    origin: str = Field(default="failed", alias="replay_from")
    version: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)


class ChosenDiscard(Chosen):
    """Which dead letters to discard."""

    note: str | None = Field(default=None, max_length=2000)


class Done(BaseModel):
    """What became of one dead letter."""

    id: str
    run_id: str | None = None
    error: str | None = None


class Handled(BaseModel):
    """What became of each, and whether the filter matches more."""

    items: list[Done]
    more: bool


@router.get("")
async def list_dead_letters(
    app: TheApp,
    who: Viewer,
    workflow: str | None = None,
    error: Annotated[str | None, Query(description="The error's type.")] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DeadLetter]:
    """A page of the open dead letters, newest first."""
    chosen = Chosen.model_construct(workflow=workflow, error=error, since=since, until=until)
    found = await app.listings.runs(await _filter(app, who, chosen, cursor), limit + 1)
    failures = await app.listings.failures([run.id for run in found[:limit]])
    items = [
        DeadLetter(
            **summary_fields(run),
            error=failures.get(run.id, {}).get("error"),
            step_input=failures.get(run.id, {}).get("input"),
        )
        for run in found
    ]
    return Page[DeadLetter](**page_of(items, limit, lambda item: item.id))


@router.post("/replay")
async def replay_dead_letters(app: TheApp, who: Operator, chosen: ChosenReplay) -> Handled:
    """Replay many: each on its own; what cannot be replayed says why."""
    replay = Replay.model_validate({"from": chosen.origin, "version": chosen.version})

    async def one(run_id: str) -> str | None:
        return (await start_replay(app, who, run_id, replay, closing=True)).run_id

    return await _each(app, who, chosen, one)


@router.post("/discard")
async def discard_dead_letters(app: TheApp, who: Operator, chosen: ChosenDiscard) -> Handled:
    """Close many without a replay."""

    async def one(run_id: str) -> str | None:
        await _discard(app, who, run_id, chosen.note)
        return None

    return await _each(app, who, chosen, one)


@router.post("/{run_id}/replay", status_code=202)
async def replay_dead_letter(
    app: TheApp,
    who: Operator,
    run_id: str,
    response: Response,
    replay: Replay | None = None,
    idempotency_key: Key = None,
) -> RunDetail:
    """Replay one; the answer is the new run."""
    replay = replay or Replay()
    key = replay_key(run_id, idempotency_key, replay)
    started = await start_replay(app, who, run_id, replay, key, closing=True)
    return await run_started(app, who, started, response)


@router.post("/{run_id}/discard")
async def discard_dead_letter(
    app: TheApp, who: Operator, run_id: str, discard: Discard | None = None
) -> RunDetail:
    """Close one without a replay."""
    await _discard(app, who, run_id, discard.note if discard else None)
    return await run_detail(app, run_id, who.project)


async def _discard(app: App, who: Identity, run_id: str, note: str | None) -> None:
    await app.journal.discard(run_id, who.project, who.actor, note)
    await app.access.record(who.project, who.actor, "dead_letter.discard", run_id, {"note": note})


async def _filter(app: App, who: Identity, chosen: Chosen, cursor: str | None = None) -> RunFilter:
    return RunFilter(
        who.project,
        workflow=await workflow_id_of(app, chosen.workflow, who.project),
        error=chosen.error,
        since=to_ms(chosen.since) if chosen.since else None,
        until=to_ms(chosen.until) if chosen.until else None,
        dead_letters=True,
        before=cursor,
    )


async def _each(app: App, who: Identity, chosen: Chosen, handle: Any) -> Handled:
    filters = (chosen.workflow, chosen.error, chosen.since, chosen.until)
    # A filter of nulls is none: it would choose everything.
    if (chosen.ids is None) == all(value is None for value in filters):
        raise InvalidInput("send either ids or a filter (workflow, error, from, to)")
    ids, more = chosen.ids, False
    if ids is None:
        found = await app.listings.runs(await _filter(app, who, chosen), MOST_AT_ONCE + 1)
        ids, more = [run.id for run in found[:MOST_AT_ONCE]], len(found) > MOST_AT_ONCE
    items = []
    for run_id in ids:
        try:
            items.append(Done(id=run_id, run_id=await handle(run_id)))
        except MinizapsError as error:
            if isinstance(error, JournalUnavailable) and not items:
                raise
            items.append(Done(id=run_id, error=str(error)))
    return Handled(items=items, more=more)
