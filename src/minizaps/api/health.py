"""Health and metrics, without a key: they say nothing about anybody's data."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from minizaps.api.auth import TheApp
from minizaps.app import App
from minizaps.journal.status import Status

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready")
async def ready(app: TheApp) -> dict[str, str]:
    """The database takes writes, so that runs can be accepted; 503 if not."""
    await app.journal.probe()
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
async def metrics(app: TheApp) -> Response:
    """Everything that is counted, for Prometheus."""
    text = generate_latest() + "\n".join(await _gauges(app)).encode() + b"\n"
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _gauges(app: App) -> list[str]:
    """What the database knows: read when asked for, never counted twice."""
    counts = await app.listings.live_counts()
    queued_since = counts.get(Status.QUEUED, (0, None))[1]
    oldest = 0.0 if queued_since is None else max(0, app.clock.now() - queued_since) / 1000
    live = (Status.QUEUED, Status.RUNNING, Status.WAITING)
    dead = await app.listings.open_dead_letters()
    return [
        "# HELP minizaps_runs Runs that have not ended, by status.",
        "# TYPE minizaps_runs gauge",
        *(f'minizaps_runs{{status="{s}"}} {counts.get(s, (0, None))[0]}' for s in live),
        "# HELP minizaps_oldest_queued_seconds For how long the oldest queued run has been ready.",
        "# TYPE minizaps_oldest_queued_seconds gauge",
        f"minizaps_oldest_queued_seconds {oldest}",
        "# HELP minizaps_dead_letters Dead letters that wait for a person.",
        "# TYPE minizaps_dead_letters gauge",
        f"minizaps_dead_letters {dead}",
    ]
