"""One claimed run, driven until it ends, waits, or is no longer ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from minizaps.clock import LATEST
from minizaps.definition.durations import parse_duration
from minizaps.engine.agenda import Agenda
from minizaps.engine.attempt import Given, Outcome, Tools, make_attempt
from minizaps.engine.calls import Runs, make_call
from minizaps.engine.flights import Flights
from minizaps.engine.history import History
from minizaps.engine.lanes import Lane, StepStatus
from minizaps.engine.mail import Mail
from minizaps.engine.outcomes import Outcomes
from minizaps.engine.plan import Call, Plan, Task, Wait
from minizaps.engine.planner import (
    Action,
    Ask,
    Complete,
    Enter,
    Execute,
    Expire,
    FailAttempt,
    FailRun,
    FailStep,
    Skip,
    Succeed,
)
from minizaps.engine.record import Record
from minizaps.failpoints import failpoint
from minizaps.ids import uuid7
from minizaps.journal.journal import Journal
from minizaps.journal.records import Claimed, Parent
from minizaps.journal.signals import Signals
from minizaps.journal.status import Kind, Status
from minizaps.metrics import RUNS_ENDED, labelled

FAIR_SHARE = 0.005  # seconds that a run may compute before others have a turn
FOR_ON_FAILURE = 100  # events beyond the most that a run may have
LOOK_AGAIN = 1.0  # seconds after which signals are found that nobody told of


class Execution:
    """Drives one run: one attempt at a time where its steps follow each other, else many."""

    def __init__(
        self,
        claimed: Claimed,
        plan: Plan,
        journal: Journal,
        signals: Signals,
        tools: Tools,
        runs: Runs,
        max_events: int,
        draining: Callable[[], bool],
    ) -> None:
        self._run = claimed.run
        self._epoch = claimed.epoch
        self._tools = tools
        self._runs = runs
        self._max_events = max_events
        self._draining = draining
        self._history = History(claimed.run, plan)
        self._history.extend(claimed.events)
        self._flights = Flights()
        self._record = Record(
            claimed.run.id, claimed.epoch, self._history, journal, tools.clock, draining
        )
        self._agenda = Agenda(self._history, self._flights, tools.clock)
        self._outcomes = Outcomes(self._record, self._history, self._flights, tools.clock)
        self._mail = Mail(claimed.run, self._history, self._record, signals, tools, runs)
        self._held_back = False
        self._told = False
        self._calls = False

    async def drive(self) -> Status:
        """Go on with the run until it leaves this worker; return its status then.

        Raises:
            LeaseLost: the run was ended or taken over by others; nothing more was written.
            JournalUnavailable: the worker stops while the journal takes no writes.
        """
        try:
            await self._mail.open(self._run.signals)
            self._agenda.begin()
            return await self._drive()
        finally:
            await self._flights.stop()

    async def release(self) -> None:
        """Give the run back, for another worker or a later start to go on with."""
        for flight in self._flights.landed:
            if flight.task.exception() is None:
                await self._outcomes.take(flight.lane, flight.number, flight.task.result())
        self._record.add(Kind.RELEASE)
        await self._record.write()

    async def fail(self, error: Mapping[str, Any]) -> None:
        """End the run with an error that no step has caused."""
        self._record.add(Kind.FAIL, data={"error": error})
        await self._record.write()

    @property
    def concerns_others(self) -> bool:
        """Whether others are to be told when the run ends."""
        return self._calls or bool(self._run.follow_up)

    def notice(self) -> None:
        """A signal has come in for the run."""
        self._told = True
        self._flights.news.set()

    async def _drive(self) -> Status:
        turn = time.perf_counter()
        while (status := self._record.status) is Status.RUNNING:
            if (action := self._agenda.next()) is not None:
                await self._carry_out(self._allowed(action))
            elif self._flights.landed:
                flight = self._flights.next_landed()
                await self._outcomes.take(flight.lane, flight.number, flight.task.result())
            elif self._flights:
                await self._wait_for_news()
            else:
                await self._rest()
            if self._record.status is Status.RUNNING:
                if self._history.orphans or self._history.closed:
                    await self._mail.give_up()
                if self._record.full:
                    await self._record.write()
            if time.perf_counter() - turn > FAIR_SHARE:
                await asyncio.sleep(0)
                turn = time.perf_counter()
        await self._record.write()
        if status in (Status.SUCCEEDED, Status.FAILED):
            labelled(RUNS_ENDED, status).inc()
        return status

    def _allowed(self, action: Action) -> Action:
        """The action, unless the run has used up its time or its events."""
        if isinstance(action, (Succeed, FailRun)):
            return action
        if self._history.deadline and self._outcomes.too_late(self._tools.clock.now() + 1):
            return FailRun(action.lane, self._outcomes.overdue())
        most = self._max_events + (0 if self._history.failure is None else FOR_ON_FAILURE)
        if self._record.count >= most - 2 - len(self._flights):
            message = f"the run has {self._max_events} events, as many as are allowed"
            return FailRun(action.lane, {"type": "too_many_events", "message": message})
        return action

    async def _carry_out(self, action: Action) -> None:
        if isinstance(action, Execute):
            if self._draining():
                self._held_back = True
            else:
                await self._attempt(action.lane, action.attempt)
            return
        match action:
            case Skip(lane):
                self._record.add(Kind.SKIP, lane.path)
            case Enter(lane, facts):
                if isinstance(lane.step.work, Wait):
                    await self._mail.make_callbacks(lane.path, facts)
                self._record.add(Kind.ENTER, lane.path, data=facts)
            case Ask(lane, timeout):
                seconds = None if timeout is None else parse_duration(timeout)
                until = None if seconds is None else self._tools.clock.now() + int(seconds * 1000)
                facts = {"until": until, "signal": lane.path}
                self._record.add(Kind.PAUSE, lane.path, data=facts)
            case Complete(lane, output):
                data = {} if output is None else {"output": output}
                self._record.add(Kind.COMPLETE, lane.path, data=data)
            case Expire(lane):
                await self._mail.expire(lane.path)
            case Succeed(lane):
                self._record.add(
                    Kind.SUCCEED, data={"output": {} if lane.output is None else lane.output}
                )
            case FailAttempt() | FailStep() | FailRun():
                await self._fail(action)

    async def _fail(self, action: FailAttempt | FailStep | FailRun) -> None:
        match action:
            case FailAttempt(lane, error):
                attempts = self._history.steps[lane.path].attempts
                await self._outcomes.fail_attempt(lane, attempts, error, {})
            case FailStep(lane, error):
                await self._outcomes.fail_step(lane, None, {"error": error})
            case FailRun(_, error):
                await self._outcomes.fail_run(error)

    async def _attempt(self, lane: Lane, number: int) -> None:
        """Make an attempt: here, if the run has nothing else to do meanwhile."""
        work = lane.step.work
        if isinstance(work, Task) and work.connector.pure and work.timeout is None:
            begin = None if not self._history.suspect else self._begin(lane.path, number)
            outcome = await make_attempt(work, self._given(lane, number), self._tools, begin)
        elif self._agenda.idle and not self._flights:
            outcome = await self._fly(lane, number)
        else:
            self._flights.launch(lane, number, self._fly(lane, number))
            return
        await self._outcomes.take(lane, number, outcome)

    async def _fly(self, lane: Lane, number: int) -> Outcome:
        work, path = lane.step.work, lane.path
        given = self._given(lane, number)
        if isinstance(work, Call):
            state = self._history.steps.get(path)
            cut = state is not None and state.status is StepStatus.INTERRUPTED
            # A run that was about to be started when the worker died is not started twice.
            child = state.child if state and cut and state.child else uuid7()
            self._calls = True
            return await make_call(
                work,
                given,
                runs=self._runs,
                clock=self._tools.clock,
                project=self._run.project,
                parent=Parent(self._run.id, self._epoch, True, self._history.depth + 1),
                child=child,
                begin=self._begin(path, number, {"run": child}),
                patiently=self._record.patiently,
            )
        assert isinstance(work, Task)  # noqa: S101 - blocks make no attempts
        outcome = await make_attempt(work, given, self._tools, self._begin(path, number))
        failpoint("effect.after")
        return outcome

    def _begin(self, path: str, number: int, facts: dict[str, Any] | None = None) -> Any:
        async def begin(at: int, shown: dict[str, Any]) -> None:
            self._record.add(Kind.BEGIN, path, number, {"input": shown, **(facts or {})}, at=at)
            if self._flights:
                await asyncio.sleep(0)  # others that begin now are in the same write
            await self._record.write()
            failpoint("effect.before")

        return begin

    def _given(self, lane: Lane, number: int) -> Given:
        work = lane.step.work
        timeout = work.timeout if isinstance(work, Task) else None
        deadline = self._history.deadline
        if deadline is not None and self._history.failure is None:
            left = (deadline - self._tools.clock.now()) / 1000
            timeout = left if timeout is None else min(timeout, left)
        hidden = self._mail.hidden(lane) if self._history.callbacks else ()
        return Given(
            self._run.project,
            self._run.id,
            lane.path,
            lane.step.step_type,
            number,
            lane.scope,
            hidden,
            timeout,
            self._record.patiently,
        )

    async def _wait_for_news(self) -> None:
        """Until an attempt has ended, a time has come or a signal has come in."""
        await asyncio.sleep(0)  # what was just launched begins, with what is not written yet
        if self._record.unwritten:
            await self._record.write()
        due = self._agenda.due
        left = None if due is None else (due - self._tools.clock.now()) / 1000
        if self._history.waiting:
            left = LOOK_AGAIN if left is None else left
        try:
            async with asyncio.timeout(None if left is None else max(0, min(left, LOOK_AGAIN))):
                await self._flights.news.wait()
        except TimeoutError:
            self._told = bool(self._history.waiting)
        self._flights.news.clear()
        self._agenda.look_at_due()
        if self._told:
            self._told = False
            await self._mail.collect()

    async def _rest(self) -> None:
        """Nothing can be done now: leave the worker until a time, or until a signal."""
        if self._held_back:
            self._record.add(Kind.RELEASE)
            return
        if self._agenda.look_at_due():
            return
        due, deadline = self._agenda.due, self._history.deadline
        if due is None and not self._history.waiting:
            raise RuntimeError("the run has nothing to do, and has not ended")
        if self._outcomes.too_late(self._tools.clock.now() + 1):
            await self._outcomes.fail_run(self._outcomes.overdue())
            return
        due = LATEST if due is None else due
        if deadline is not None and self._history.failure is None:
            due = min(due, deadline)
        self._record.add(Kind.WAIT, data={"until": None if due == LATEST else due}, due_at=due)
