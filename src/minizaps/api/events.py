"""A run's events as they happen (server-sent events, WHATWG HTML)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from minizaps.api.auth import TheApp, Viewer
from minizaps.api.shapes import LARGEST_NUMBER
from minizaps.app import App
from minizaps.clock import to_text
from minizaps.journal.records import Event
from minizaps.journal.status import ENDED
from minizaps.worker.duties import wait_for

router = APIRouter(tags=["runs"])

BATCH = 100
LOOK_AGAIN = 1.0  # seconds: finds what another process has written
KEEP_ALIVE = 15  # silent looks after which a comment keeps the connection open


@router.get(
    "/runs/{run_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream_events(
    app: TheApp,
    who: Viewer,
    run_id: str,
    last_event_id: Annotated[
        int, Header(ge=0, le=LARGEST_NUMBER, description="Go on after this event.")
    ] = 0,
) -> StreamingResponse:
    """The run's events so far and as they come; ends with the run."""
    await app.listings.run(run_id, who.project)
    stream = _stream(app, run_id, who.project, last_event_id)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _stream(app: App, run_id: str, project: str, after: int) -> AsyncIterator[bytes]:
    changed = asyncio.Event()
    app.journal.watch(run_id, changed)
    silent = 0
    try:
        while True:
            # The status first: an ended run has no events after those that are read next.
            ended = (await app.listings.run(run_id, project)).status in ENDED
            events = await app.listings.events(run_id, after=after, limit=BATCH)
            for event in events:
                after = event.seq
                yield _frame(event)
            if ended and len(events) < BATCH:
                return
            if not events:
                silent += 1
                if silent % KEEP_ALIVE == 0:
                    yield b": still there\n\n"
                await wait_for(changed, LOOK_AGAIN)
                changed.clear()
    finally:
        app.journal.unwatch(run_id, changed)


def _frame(event: Event) -> bytes:
    data = {
        "seq": event.seq,
        "at": to_text(event.at),
        "kind": event.kind,
        "path": event.path,
        "attempt": event.attempt,
        "data": event.data,
    }
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        event.seq,
        event.kind.encode(),
        orjson.dumps(data),
    )
