"""Runs: start, look, cancel, replay."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.answers import callback_urls
from minizaps.api.auth import Identity, Operator, Role, TheApp, Viewer
from minizaps.api.bodies import StrictRoute
from minizaps.api.ending import wait_for_end
from minizaps.api.shapes import (
    LARGEST_NUMBER,
    Attempt,
    Cursor,
    Limit,
    Moment,
    Page,
    RunDetail,
    RunSummary,
    StepDetail,
    detail_fields,
    page_of,
    summary_fields,
)
from minizaps.app import App
from minizaps.clock import to_ms, to_text
from minizaps.engine.replay import START, results_before
from minizaps.engine.timeline import StepView, timeline
from minizaps.errors import DefinitionInvalid, InvalidInput, NotFound, Problem
from minizaps.journal.listings import RunFilter
from minizaps.journal.records import Idempotency, Started
from minizaps.journal.status import Status

router = APIRouter(tags=["runs"], route_class=StrictRoute)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body give the same run, for at least 24 h.",
    ),
]


class StartRun(BaseModel):
    """A manual run's input."""

    model_config = ConfigDict(extra="forbid")
    input: Any = None


class Replay(BaseModel):
    """Where and on what a replay goes on."""

    model_config = ConfigDict(extra="forbid")
    origin: str = Field(
        default="failed",
        alias="from",
        description="`start`, `failed`, or the path of the step to begin with; the results of "
        "the steps before it are taken over.",
    )
    input: Any = Field(default=None, description="A new input; if left out, the old one.")
    version: int | None = Field(
        default=None,
        ge=0,
        le=LARGEST_NUMBER,
        description="The version; 0 for the newest; if left out, the run's.",
    )
    pins: dict[str, Any] = Field(
        default_factory=dict,
        max_length=500,
        description="Outputs that steps are to have, by their paths; these steps do not run.",
    )


@router.post("/workflows/{workflow_id}/runs", status_code=202)
async def start_run(
    app: TheApp,
    who: Operator,
    workflow_id: str,
    response: Response,
    start: StartRun | None = None,
    idempotency_key: Key = None,
    wait: Annotated[
        float | None, Query(ge=0, le=60, description="Seconds to wait for the run's end.")
    ] = None,
) -> RunDetail:
    """Start a run by hand. It is on disk when this answers."""
    workflow = await app.catalog.workflow(workflow_id, who.project)
    body = start.input if start else None
    with _pointing_at_input():
        new = await app.engine.prepare(
            who.project,
            workflow.id,
            workflow.version,
            {"id": "manual", "type": "manual", "body": body, "headers": {}, "query": {}},
            idempotency=_idempotency(f"run:{workflow.id}", idempotency_key, body),
            by=who.actor,
        )
    started = await app.start(new)
    if wait is not None and await wait_for_end(app, started.run_id, who.project, wait):
        response.status_code = 200
    return await run_started(app, who, started, response)


@router.get("/runs")
async def list_runs(
    app: TheApp,
    who: Viewer,
    workflow: Annotated[str | None, Query(description="A workflow's id or name.")] = None,
    status: Status | None = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    parent: Annotated[
        str | None, Query(description="The id of the run that has called them.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RunSummary]:
    """A page of the project's runs, newest first."""
    if parent is not None:
        await app.listings.run(parent, who.project)
    chosen = RunFilter(
        who.project,
        workflow=await workflow_id_of(app, workflow, who.project),
        status=status,
        since=_ms(since),
        until=_ms(until),
        parent=parent,
        before=cursor,
    )
    found = await app.listings.runs(chosen, limit + 1)
    items = [RunSummary(**summary_fields(run)) for run in found]
    return Page[RunSummary](**page_of(items, limit, lambda item: item.id))


@router.get("/runs/{run_id}")
async def get_run(app: TheApp, who: Viewer, run_id: str) -> RunDetail:
    """One run with its input, output and error."""
    return await run_detail(app, run_id, who.project)


@router.get("/runs/{run_id}/steps")
async def list_steps(app: TheApp, who: Viewer, run_id: str) -> Page[StepDetail]:
    """The steps that have started, with all their attempts, in order of start."""
    run = await app.listings.run(run_id, who.project)
    events = await app.listings.events(run_id)
    plan = await app.engine.plan(run.workflow_id, run.version)
    urls = await callback_urls(app, run) if who.role.includes(Role.OPERATOR) else {}
    items = [_step(step, urls.get(step.path)) for step in timeline(plan, run, events)]
    return Page[StepDetail](items=items, next=None)


@router.post("/runs/{run_id}/cancel", status_code=202)
async def cancel_run(app: TheApp, who: Operator, run_id: str) -> RunDetail:
    """End a run that has not ended, also in the middle of an attempt or a wait."""
    await app.journal.cancel(run_id, who.project, who.actor)
    await app.access.record(who.project, who.actor, "run.cancel", run_id)
    return await run_detail(app, run_id, who.project)


@router.post("/runs/{run_id}/replay", status_code=202)
async def replay_run(
    app: TheApp,
    who: Operator,
    run_id: str,
    response: Response,
    replay: Replay | None = None,
    idempotency_key: Key = None,
) -> RunDetail:
    """Start a new run from an ended one."""
    replay = replay or Replay()
    key = replay_key(run_id, idempotency_key, replay)
    started = await start_replay(app, who, run_id, replay, key)
    return await run_started(app, who, started, response)


def replay_key(run_id: str, key: str | None, replay: Replay) -> Idempotency | None:
    """The idempotency of a replay."""
    return _idempotency(f"replay:{run_id}", key, replay.model_dump(exclude_unset=True))


async def start_replay(
    app: App,
    who: Identity,
    run_id: str,
    replay: Replay,
    key: Idempotency | None = None,
    *,
    closing: bool = False,
) -> Started:
    """Start a replay.

    Args:
        closing: whether the run has to be an open dead letter, which the replay closes.
    """
    run = await app.listings.run(run_id, who.project)
    events = await app.listings.events(run_id)
    version = run.version if replay.version is None else replay.version
    if version == 0:
        version = (await app.catalog.workflow(run.workflow_id, who.project)).version
    plan = await app.engine.plan(run.workflow_id, version)
    origin = replay.origin
    if "origin" not in replay.model_fields_set and run.status is not Status.FAILED:
        origin = START
    trigger = dict(events[0].data["trigger"])
    if "input" in replay.model_fields_set:
        trigger["body"] = replay.input
    run_plan = await app.engine.plan(run.workflow_id, run.version)
    results = results_before(origin, plan, run, run_plan, events, replay.pins)
    with _pointing_at_input():
        new = await app.engine.prepare(
            who.project,
            run.workflow_id,
            version,
            trigger,
            idempotency=key,
            by=who.actor,
            replay_of=run_id,
            closing=closing,
            results=results,
        )
    started = await app.start(new)
    if started.created:
        facts = {"run": started.run_id, "from": origin}
        await app.access.record(who.project, who.actor, "run.replay", run_id, facts)
    return started


async def run_detail(app: App, run_id: str, project: str) -> RunDetail:
    """One run with its data."""
    run = await app.listings.run(run_id, project)
    return RunDetail(**detail_fields(run, await app.listings.ends(run_id)))


async def workflow_id_of(app: App, named: str | None, project: str) -> str | None:
    """The id of a workflow that is named by id or name; deleted ones by id."""
    if named is None:
        return None
    try:
        return (await app.catalog.workflow(named, project)).id
    except NotFound:
        return named


async def run_started(app: App, who: Identity, started: Started, response: Response) -> RunDetail:
    """The answer to a call that starts a run."""
    response.headers["Location"] = f"/api/v1/runs/{started.run_id}"
    if not started.created:
        response.headers["Idempotency-Replayed"] = "true"
    return await run_detail(app, started.run_id, who.project)


@contextmanager
def _pointing_at_input() -> Iterator[None]:
    """Say where a run's input stands in the request's body."""
    try:
        yield
    except DefinitionInvalid:
        raise
    except InvalidInput as error:
        problems = [Problem(f"/input{p.pointer}", p.detail) for p in error.problems]
        raise InvalidInput(problems) from None


def _idempotency(scope: str, key: str | None, body: Any) -> Idempotency | None:
    if key is None:
        return None
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Idempotency(scope, key, digest)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _step(step: StepView, callback: dict[str, str] | None) -> StepDetail:
    return StepDetail(
        path=step.path,
        type=step.type,
        status=step.status,
        max_attempts=step.max_attempts,
        next_at=to_text(step.next_at),
        taken_over=step.taken_over,
        run=step.run,
        callback=callback if step.status in ("running", "waiting") else None,
        attempts=[
            Attempt(
                number=a.number,
                status=a.status,
                input=a.input,
                output=a.output,
                error=a.error,
                started_at=to_text(a.started_at),
                finished_at=to_text(a.finished_at),
            )
            for a in step.attempts
        ],
    )
