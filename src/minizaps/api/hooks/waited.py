"""The answer to a caller who waits for the run's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from minizaps.api.ending import wait_for_end
from minizaps.api.hooks.answer import PlannedAnswer
from minizaps.api.hooks.rules import PlannedRespond
from minizaps.api.problems import HttpProblem
from minizaps.api.shapes import detail_fields
from minizaps.app import App
from minizaps.errors import InvalidInput
from minizaps.journal.status import Status


async def waited_answer(
    app: App, project: str, respond: PlannedRespond, run_id: str, scope: Mapping[str, Any]
) -> Response:
    """Wait for a run's end, and answer from it.

    Args:
        scope: the context roots that any answer may read.

    Raises:
        HttpProblem: 500; the run has failed or was cancelled, and the trigger says nothing of
            that, or its answer cannot be made from what there is.
    """
    if not await wait_for_end(app, run_id, project, respond.wait or 0):
        place = {"Location": f"/api/v1/runs/{run_id}", "Cache-Control": "no-store"}
        return JSONResponse({"run_id": run_id}, 202, place)
    run = await app.listings.run(run_id, project)
    fields = detail_fields(run, await app.listings.ends(run_id))
    if run.status is Status.SUCCEEDED:
        return _made(respond.answer, run_id, {**scope, "output": fields["output"]})
    if respond.failed is None:
        detail = f"the run {run_id} {_ENDS[run.status]}"
        raise HttpProblem(500, "The run has not succeeded", detail)
    error = fields["error"] or {"type": "cancelled", "message": "the run was cancelled"}
    return _made(respond.failed, run_id, {**scope, "error": error})


_ENDS = {Status.FAILED: "has failed", Status.CANCELLED: "was cancelled"}


def _made(answer: PlannedAnswer, run_id: str, scope: Mapping[str, Any]) -> Response:
    try:
        return answer.render(scope)
    except InvalidInput as error:
        detail = f"the run {run_id} has ended: {error}"
        raise HttpProblem(500, "The answer cannot be made", detail) from None
