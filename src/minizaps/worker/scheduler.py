"""Duty: start the runs of schedules at their times."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from minizaps.clock import Clock, to_text
from minizaps.definition.timing import ScheduleTriggerConfig
from minizaps.engine.engine import WorkflowEngine
from minizaps.errors import JournalUnavailable, MinizapsError
from minizaps.journal.records import Idempotency, NewRun
from minizaps.journal.triggers import DueTrigger, Firing, Triggers
from minizaps.metrics import (
    RUNS_STARTED,
    SCHEDULE_LATENESS,
    SCHEDULE_MISSED,
    TRIGGER_FAILURES,
    labelled,
)
from minizaps.triggers.schedule import Fire, Look, look
from minizaps.worker.due import DueDuty

logger = logging.getLogger("minizaps.worker")

SCHEDULE = "schedule"
BATCH = 100
POLL = 0.5  # seconds after which schedules are found that others have saved


class Scheduler(DueDuty):
    """Fires the schedules that are due, each time once whatever dies, and however many look."""

    def __init__(self, triggers: Triggers, engine: WorkflowEngine, clock: Clock) -> None:
        super().__init__(triggers, engine, clock, kind=SCHEDULE, most=POLL)

    async def run_once(self) -> int:
        """Fire all that is due; return how many runs were started."""
        started = 0
        while due := await self._triggers.due(SCHEDULE, BATCH):
            started += await self._fire(due)
        await self.learn_next()
        return started

    async def _fire(self, due: list[DueTrigger]) -> int:
        looks: dict[tuple[str, str], Look] = {}
        firings = []
        for trigger in due:
            try:
                config = ScheduleTriggerConfig.model_validate(trigger.config)
            except ValidationError as error:  # this program does not know what another one saved
                firings.append(Firing(trigger, None, error=_told("invalid", str(error))))
                continue
            found = look(config, trigger.due_at, self._clock.now())
            firing = await self._firing(trigger, config, found)
            looks[trigger.key] = found
            firings.append(firing)
        fired = await self._triggers.fire(firings)
        for firing in fired:
            self._count(firing, looks.get(firing.trigger.key))
        return sum(len(firing.runs) for firing in fired)

    async def _firing(
        self, trigger: DueTrigger, config: ScheduleTriggerConfig, found: Look
    ) -> Firing:
        served_at = found.fires[-1].at if found.fires else None
        runs, error = [], None
        for fire in found.fires:
            try:
                runs.append(await self._run(trigger, config, fire))
            except JournalUnavailable:
                raise
            except MinizapsError as refused:
                error = _told("not_started", str(refused))
        return Firing(trigger, found.due_at, served_at, runs, error)

    async def _run(self, trigger: DueTrigger, config: ScheduleTriggerConfig, fire: Fire) -> NewRun:
        body = {
            **config.input,
            "scheduled_at": to_text(fire.at),
            "fired_at": to_text(self._clock.now()),
            "missed": fire.missed,
        }
        root = {"id": trigger.id, "type": SCHEDULE, "body": body, "headers": {}, "query": {}}
        scope = f"schedule:{trigger.workflow_id}:{trigger.id}"
        return await self._engine.prepare(
            trigger.project,
            trigger.workflow_id,
            trigger.version,
            root,
            idempotency=Idempotency(scope, str(fire.at), ""),
        )

    def _count(self, firing: Firing, found: Look | None) -> None:
        trigger, now = firing.trigger, self._clock.now()
        labelled(RUNS_STARTED, SCHEDULE).inc(len(firing.runs))
        if firing.error is not None:
            labelled(TRIGGER_FAILURES, SCHEDULE).inc()
            logger.warning(
                "schedule %s of workflow %s starts no run: %s",
                trigger.id, trigger.workflow_id, firing.error["detail"],
            )  # fmt: skip
        if found is None:
            return
        for fire in found.fires:
            SCHEDULE_LATENESS.observe(max(0, now - fire.at) / 1000)
        if found.passed:
            SCHEDULE_MISSED.inc(found.passed)
            logger.warning(
                "schedule %s of workflow %s has missed %d times since %s",
                trigger.id, trigger.workflow_id, found.passed, to_text(trigger.due_at),
            )  # fmt: skip


def _told(kind: str, detail: str) -> dict[str, str]:
    return {"type": kind, "detail": detail}
