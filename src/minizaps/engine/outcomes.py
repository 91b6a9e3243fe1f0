"""What the end of an attempt means for its step, its block and the run."""

from __future__ import annotations

import random
from typing import Any

import orjson

from minizaps.clock import Clock, to_ms
from minizaps.engine.attempt import Outcome
from minizaps.engine.flights import Flights
from minizaps.engine.history import ON_FAILURE, History
from minizaps.engine.lanes import Lane, StepStatus
from minizaps.engine.plan import Call, Task
from minizaps.engine.planner import catcher
from minizaps.engine.record import Record
from minizaps.engine.retry import decide_retry
from minizaps.errors import ConnectorError, ExpressionError
from minizaps.journal.status import Kind
from minizaps.metrics import RETRIES, labelled

Facts = dict[str, Any]


class Outcomes:
    """Takes down how attempts, steps and the run end."""

    def __init__(self, record: Record, history: History, flights: Flights, clock: Clock) -> None:
        self._record = record
        self._history = history
        self._flights = flights
        self._clock = clock

    async def take(self, lane: Lane, number: int, outcome: Outcome) -> None:
        """An attempt has ended."""
        path = lane.path
        facts: Facts = {"started_at": outcome.started_at}
        if not self._begun(path):
            facts["input"] = outcome.input
        if outcome.error is not None:
            facts["input"] = outcome.input
            await self.fail_attempt(lane, number, outcome.error, facts)
        elif outcome.child is not None:
            timeout = lane.step.work.timeout if isinstance(lane.step.work, Call) else None
            until = None if timeout is None else outcome.started_at + int(timeout * 1000)
            facts = {"signal": outcome.child, "until": until}
            self._record.add(Kind.PAUSE, path, number, facts)
        elif outcome.pause is not None:
            facts |= {"until": to_ms(outcome.pause.until), "output": outcome.output}
            self._record.add(Kind.PAUSE, path, number, facts)
        elif (not_yet := _not_yet(lane, outcome.output)) is not None:
            facts["input"] = outcome.input
            await self.fail_attempt(lane, number, not_yet, facts)
        else:
            facts["output"] = outcome.output
            self._record.add(Kind.COMPLETE, path, number, facts)

    async def fail_attempt(
        self, lane: Lane, number: int, cause: ConnectorError, facts: Facts
    ) -> None:
        """An attempt has failed: the step is tried again later, or has failed for good."""
        path, state = lane.path, self._history.steps.get(lane.path)
        if self.too_late(self._clock.now() + 1):
            await self.fail_run(self.overdue() | {"step": path, "attempt": number})
            return
        error = _described(cause, path, number)
        facts |= {"error": error}
        retry = lane.step.work.retry if isinstance(lane.step.work, Task | Call) else None
        failures = (state.failures if state else 0) + 1
        if retry is not None:
            wait = decide_retry(cause, retry, failures, random.random())
            if wait is not None:
                due_at = self._clock.now() + int(wait * 1000) + 1
                if not self.too_late(due_at):
                    facts |= {"next_at": due_at, "max_attempts": retry.max_attempts}
                    if self._begun(path):
                        facts.pop("input", None)  # the attempt's beginning has it
                    labelled(RETRIES, lane.step.step_type).inc()
                    self._record.add(Kind.RETRY, path, number, facts)
                    return
                error["message"] += "; the next try would come after the run's timeout"
            elif cause.retryable and cause.retry_after and failures < retry.max_attempts:
                error["message"] += f"; it asks to wait {cause.retry_after:.0f} s, over a day"
        await self.fail_step(lane, number, facts)

    async def fail_step(self, lane: Lane, number: int | None, facts: Facts) -> None:
        """A step has failed for good: what catches that goes on, else the run fails."""
        where = catcher(lane)
        if where is None:
            await self.fail_run(facts["error"], lane.path, number, facts)
            return
        await self._flights.cancel(where)
        self._record.add(Kind.CATCH, where, number, facts)

    async def fail_run(
        self,
        error: Facts,
        path: str | None = None,
        number: int | None = None,
        facts: Facts | None = None,
    ) -> None:
        """The run fails, once the steps of `on_failure` are done."""
        await self._flights.cancel()
        facts = facts or {"error": error}
        if self._history.failure is None and self._history.plan.on_failure:
            self._record.add(Kind.CATCH, ON_FAILURE, number, facts)
            return
        if self._history.failure not in (None, error):
            facts = {"error": {**(self._history.failure or {}), "on_failure": error}}
            path = number = None
        self._record.add(Kind.FAIL, path, number, facts)

    def overdue(self) -> Facts:
        """The error of a run that took longer than its timeout."""
        timeout = self._history.plan.timeout or 0
        message = f"the run took longer than its timeout of {timeout:g} s"
        return {"type": "run_timeout", "message": message}

    def too_late(self, due_at: int) -> bool:
        """Whether a time lies beyond the run's own timeout."""
        deadline = self._history.deadline
        return self._history.failure is None and deadline is not None and due_at > deadline

    def _begun(self, path: str) -> bool:
        state = self._history.steps.get(path)
        return state is not None and state.status is StepStatus.RUNNING


def _not_yet(lane: Lane, output: Any) -> ConnectorError | None:
    """Why an output does not do; None where it does."""
    step = lane.step
    if not isinstance(step.work, Task) or step.work.until is None:
        return None
    after = Lane((), lane.prefix, lane.copied_data(), lane.owner, lane.key, lane.extra)
    after.merge(step.id, output)
    try:
        if step.work.until.render(after.scope):
            return None
    except ExpressionError as error:
        return ConnectorError(f"until: {error}", type="expression")
    return ConnectorError("`until` is not true yet", type="not_yet", retryable=True)


def _described(cause: ConnectorError, path: str, number: int) -> Facts:
    error: Facts = {
        "type": cause.type,
        "message": str(cause),
        "step": path,
        "attempt": number,
        "retryable": cause.retryable,
    }
    if cause.details:
        raw = orjson.dumps(cause.details, default=str, option=orjson.OPT_NON_STR_KEYS)
        error["details"] = orjson.loads(raw)
    return error
