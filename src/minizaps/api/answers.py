"""What an answer to a waiting step becomes: the step's output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from minizaps.api.auth import Operator, TheApp
from minizaps.api.bodies import StrictRoute
from minizaps.app import App
from minizaps.clock import to_text
from minizaps.engine.mail import urls_of
from minizaps.errors import Conflict, InvalidInput, Problem
from minizaps.journal.records import Run
from minizaps.journal.status import ENDED

router = APIRouter(tags=["runs"], route_class=StrictRoute)

APPROVE, REJECT, ANY = "approve", "reject", "any"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who has decided, and what they say about it."""

    by: str | None = None
    comment: str | None = None
    address: str | None = None


class Answer(BaseModel):
    """What a person with a key answers to a waiting step."""

    model_config = ConfigDict(extra="forbid")
    step: str | None = Field(
        default=None, description="The step's path; may be left out where only one step waits."
    )
    body: Any = Field(default=None, description="The output of a step that waits for a call.")
    approved: bool | None = Field(default=None, description="Of a step that asks for approval.")
    comment: str | None = Field(default=None, max_length=2000)


class Answered(BaseModel):
    """Which step was answered, and its output."""

    step: str
    output: dict[str, Any]


@router.post("/runs/{run_id}/answer")
async def answer_step(
    app: TheApp, who: Operator, run_id: str, answer: Answer | None = None
) -> Answered:
    """Answer a step that waits for its callback URL, or approve or reject."""
    answer = answer or Answer()
    run = await app.listings.run(run_id, who.project)
    waiting = await callback_urls(app, run)
    path = answer.step or next(iter(waiting), "")
    if path not in waiting or (answer.step is None and len(waiting) > 1):
        paths = ", ".join(waiting) or "none"
        raise InvalidInput(
            [Problem("/step", f"no such step waits for an answer; waiting: {paths}")]
        )
    if "url" in waiting[path] and (answer.approved is not None or answer.comment is not None):
        raise InvalidInput([Problem("/approved", "the step waits for a `body`, not a decision")])
    if "url" not in waiting[path] and answer.body is not None:
        raise InvalidInput([Problem("/body", "the step asks for a decision: send `approved`")])
    if "url" in waiting[path]:
        signal = await give(app, run.id, path, ANY, answer.body)
    elif answer.approved is None:
        raise InvalidInput(
            [
                Problem(
                    "/approved",
                    "the step asks for a decision: true or false (--approve or --reject)",
                )
            ]
        )
    else:
        decision = Decision(who.actor.removeprefix("key:"), answer.comment)
        verdict = APPROVE if answer.approved else REJECT
        signal = await give(app, run.id, path, verdict, decision)
    output = signal["output"]
    facts = {"step": path, "approved": answer.approved}
    await app.access.record(who.project, who.actor, "run.answer", run_id, facts)
    return Answered(step=path, output=output)


async def callback_urls(app: App, run: Run) -> dict[str, dict[str, str]]:
    """The URLs that a run's steps wait for, by the steps' paths."""
    if run.status in ENDED:
        return {}
    tokens: dict[str, dict[str, str]] = {}
    for (path, answer), token in (await app.signals.tokens(run.id)).items():
        tokens.setdefault(path, {})[answer] = token
    answered = {signal.name for signal in await app.signals.unread(run.id, 0)}
    base = app.settings.base_url
    return {path: urls_of(base, found) for path, found in tokens.items() if path not in answered}


async def give(app: App, run_id: str, path: str, answer: str, given: Any) -> dict[str, Any]:
    """Answer a step, once: the first answer counts, and the same one again is no error.

    Args:
        answer: what the URL says: `any`, `approve` or `reject`.
        given: the JSON body; a `Decision` where the step asks for one.

    Returns:
        the signal: the step's `output`, and whether it was `decided` by a person.

    Raises:
        Conflict: it was answered otherwise, its time is over, or the run has ended.
    """
    signal = _signal(app, answer, given)
    if await app.signals.post(run_id, path, signal):
        return signal
    earlier = await app.signals.posted(run_id, path) or {}
    if "output" not in earlier:
        raise Conflict("the step's time is over")
    if _said(earlier) != _said(signal):
        raise Conflict(f"the step was answered before. {in_words(earlier)}")
    return earlier


def in_words(signal: dict[str, Any]) -> str:
    """An answer as a person reads it."""
    if "output" not in signal:
        return "The step's time is over."
    if not signal.get("decided"):
        return "Its URL works once."
    output = signal["output"]
    who = f" by {output['by']}" if output["by"] else ""
    day, _, time = output["decided_at"].partition("T")
    return f"{'Approved' if output['approved'] else 'Rejected'}{who} on {day} at {time[:5]} UTC."


def _signal(app: App, answer: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Decision):
        return {"output": given if isinstance(given, dict) else {"body": given}}
    output = {
        "approved": answer == APPROVE,
        "by": given.by,
        "comment": given.comment,
        "address": given.address,
        "decided_at": to_text(app.clock.now()),
    }
    return {"output": output, "decided": True}


def _said(signal: dict[str, Any]) -> Any:
    """What makes two answers the same: who is asked twice may say it twice."""
    output = signal["output"]
    return output["approved"] if signal.get("decided") else output
