"""One claimed run, driven until it ends, waits, or is no longer ours."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from minizaps.clock import to_ms, to_text
from minizaps.engine.attempt import Outcome, Tools, make_attempt
from minizaps.engine.history import History
from minizaps.engine.plan import Plan, PlannedStep
from minizaps.engine.planner import (
    Action,
    Execute,
    FailRun,
    FailStep,
    Resume,
    Skip,
    Succeed,
    next_action,
    scope_of,
)
from minizaps.engine.retry import decide_retry
from minizaps.errors import ConnectorError, JournalUnavailable
from minizaps.failpoints import failpoint
from minizaps.journal.journal import Journal
from minizaps.journal.records import Change, Claimed
from minizaps.journal.status import TRANSITIONS, Kind, Status
from minizaps.metrics import RETRIES, RUNS_ENDED, labelled

FAIR_SHARE = 0.005  # seconds that a run may compute before others have a turn
MOST_UNWRITTEN = 100
UNAVAILABLE_PAUSE = 1.0


class Execution:
    """Drives one run.

    What is done is kept in `_unwritten` and goes to the journal in one write with the next change
    that has to be on disk: before an attempt that is not pure, and when the run leaves the worker.
    A write whose answer is missing stays in `_sent` and is repeated as it was before any other.
    """

    def __init__(
        self,
        claimed: Claimed,
        plan: Plan,
        journal: Journal,
        tools: Tools,
        max_events: int,
        draining: Callable[[], bool],
    ) -> None:
        self._run = claimed.run
        self._epoch = claimed.epoch
        self._plan = plan
        self._journal = journal
        self._tools = tools
        self._max_events = max_events
        self._draining = draining
        self._unwritten: list[Change] = []
        self._sent: list[Change] = []
        self._history = History(claimed.run, plan.name)
        self._history.extend(claimed.events)

    async def drive(self) -> Status:
        """Go on with the run until it leaves this worker; return its status then.

        Raises:
            LeaseLost: the run was ended or taken over by others; nothing more was written.
            JournalUnavailable: the worker stops while the journal takes no writes.
        """
        turn = time.perf_counter()
        while True:
            now = self._tools.clock.now()
            if self._plan.reads_clock:
                self._history.data["$now"] = to_text(now)
            action = next_action(self._plan, self._history, now)
            await self._carry_out(action)
            if (status := self._status) is not Status.RUNNING:
                await self._write()
                if status in (Status.SUCCEEDED, Status.FAILED):
                    labelled(RUNS_ENDED, status).inc()
                return status
            if len(self._unwritten) >= MOST_UNWRITTEN:
                await self._write()
            if time.perf_counter() - turn > FAIR_SHARE:
                await asyncio.sleep(0)
                turn = time.perf_counter()

    async def release(self) -> None:
        """Give the run back, for another worker or a later start to go on with."""
        self._add(Kind.RELEASE)
        await self._write()

    async def fail(self, error: Mapping[str, Any]) -> None:
        """End the run with an error that no step has caused."""
        self._add(Kind.FAIL, data={"error": error})
        await self._write()

    @property
    def _status(self) -> Status:
        if not self._unwritten:
            return Status.RUNNING
        return TRANSITIONS[self._unwritten[-1].kind].after or Status.RUNNING

    async def _carry_out(self, action: Action) -> None:
        full = self._history.seq + len(self._unwritten) >= self._max_events - 2
        if full and not isinstance(action, Succeed | FailRun):
            message = f"the run has {self._max_events} events, as many as are allowed"
            action = FailRun({"type": "too_many_events", "message": message})
        match action:
            case Execute(step, number) if self._draining():
                self._add(Kind.RELEASE)
            case Execute(step, number):
                await self._attempt(step, number)
            case Skip(step):
                self._add(Kind.SKIP, step.path)
            case Resume(step, output):
                self._add(Kind.COMPLETE, step.path, data={"output": output})
            case FailStep(step, error):
                self._fail_step(step, None, {"error": error})
            case FailRun(error):
                self._add(Kind.FAIL, data={"error": error})
            case Succeed():
                self._add(Kind.SUCCEED, data={"output": self._history.output})

    async def _attempt(self, step: PlannedStep, number: int) -> None:
        now = self._tools.clock.now()
        timeout = step.timeout
        if (deadline := self._history.deadline) is not None:
            left = (deadline - now) / 1000
            timeout = left if timeout is None else min(timeout, left)

        async def begin(at: int, shown: dict[str, Any]) -> None:
            self._add(Kind.BEGIN, step.path, number, {"input": shown}, at=at)
            await self._write()
            failpoint("effect.before")

        outcome = await make_attempt(
            step,
            scope_of(step, self._history),
            run_id=self._run.id,
            number=number,
            timeout=timeout,
            tools=self._tools,
            begin=None if step.connector.pure and not self._history.suspect else begin,
        )
        if not step.connector.pure:
            failpoint("effect.after")
        self._take(step, number, outcome)

    def _take(self, step: PlannedStep, number: int, outcome: Outcome) -> None:
        facts: dict[str, Any] = {"started_at": outcome.started_at}
        if not self._begun(step):
            facts["input"] = outcome.input
        if outcome.error is not None:
            error: dict[str, Any] = {
                "type": outcome.error.type,
                "message": str(outcome.error),
                "step": step.path,
                "attempt": number,
                "retryable": outcome.error.retryable,
            }
            if details := outcome.error.details:
                raw = orjson.dumps(details, default=str, option=orjson.OPT_NON_STR_KEYS)
                error["details"] = orjson.loads(raw)
            facts |= {"input": outcome.input, "error": error}
            self._retry_or_fail(step, number, outcome.error, facts)
        elif outcome.pause is not None:
            until = to_ms(outcome.pause.until)
            facts |= {"until": until, "output": outcome.output}
            self._add(Kind.PAUSE, step.path, number, facts, due_at=self._bounded(until))
        else:
            facts["output"] = outcome.output
            self._add(Kind.COMPLETE, step.path, number, facts)

    def _begun(self, step: PlannedStep) -> bool:
        state = self._history.steps.get(step.path)
        return state is not None and state.status == "running"

    def _retry_or_fail(
        self, step: PlannedStep, number: int, error: ConnectorError, facts: dict[str, Any]
    ) -> None:
        state = self._history.steps.get(step.path)
        failures = (state.failures if state else 0) + 1
        wait = decide_retry(error, step.retry, failures, random.random())
        if wait is not None:
            due_at = self._tools.clock.now() + int(wait * 1000) + 1
            if self._bounded(due_at) == due_at:
                facts |= {"next_at": due_at, "max_attempts": step.retry.max_attempts}
                if self._begun(step):
                    del facts["input"]  # the attempt's beginning has it
                labelled(RETRIES, step.step_type).inc()
                self._add(Kind.RETRY, step.path, number, facts, due_at=due_at)
                return
            facts["error"]["message"] += "; the next try would come after the run's timeout"
        elif error.retryable and error.retry_after and failures < step.retry.max_attempts:
            facts["error"]["message"] += f"; it asks to wait {error.retry_after:.0f} s, over a day"
        self._fail_step(step, number, facts)

    def _fail_step(self, step: PlannedStep, number: int | None, facts: dict[str, Any]) -> None:
        kind = Kind.FAIL if step.on_error == "fail" else Kind.CATCH
        self._add(kind, step.path, number, facts)

    def _bounded(self, due_at: int) -> int:
        deadline = self._history.deadline
        return due_at if deadline is None else min(due_at, deadline)

    def _add(
        self,
        kind: Kind,
        path: str | None = None,
        attempt: int | None = None,
        data: dict[str, Any] | None = None,
        *,
        at: int | None = None,
        due_at: int | None = None,
    ) -> None:
        at = self._tools.clock.now() if at is None else at
        change = Change(kind, at, path, attempt, data, due_at)
        self._history.apply(change)
        self._unwritten.append(change)

    async def _write(self) -> None:
        while self._sent or self._unwritten:
            if not self._sent:
                self._sent, self._unwritten = self._unwritten, []
            try:
                self._history.seq = await self._journal.append(
                    self._run.id, self._epoch, self._history.seq, self._sent
                )
                self._sent = []
            except JournalUnavailable:
                # What was done is done: keep it, and write it as soon as the disk takes it.
                if self._draining():
                    raise
                await asyncio.sleep(UNAVAILABLE_PAUSE)
