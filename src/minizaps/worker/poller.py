"""Duty: look at the sources of polls, and start a run for each new item."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from pydantic import ValidationError

from minizaps.clock import Clock
from minizaps.definition.poll import PollTriggerConfig
from minizaps.engine.engine import WorkflowEngine
from minizaps.engine.reading import LONGEST_LOOK, Found
from minizaps.errors import ConnectorError, JournalUnavailable, MinizapsError
from minizaps.journal.records import NewRun
from minizaps.journal.triggers import DueTrigger, Firing, Triggers
from minizaps.metrics import RUNS_STARTED, TRIGGER_FAILURES, labelled
from minizaps.triggers.poll import choose, next_look, retry_look
from minizaps.worker.due import DueDuty

logger = logging.getLogger("minizaps.worker")

POLL = "poll"
HELD = round((LONGEST_LOOK + 30) * 1000)  # milliseconds; then a dead process's look is another's
BATCH = 20
REFRESHED = 86_400_000  # milliseconds after which the row of an item that is still there is renewed
PAUSE = 1.0  # seconds after which polls are found that others have saved


class Poller(DueDuty):
    """Looks at one source at a time. A look is this process's by the epoch of the trigger's row.

    What a look comes to is one write: the runs of the new items, that they have been seen, and the
    cursor. A look that dies leaves nothing; the next one finds the same items.
    """

    def __init__(self, triggers: Triggers, engine: WorkflowEngine, clock: Clock) -> None:
        super().__init__(triggers, engine, clock, kind=POLL, most=PAUSE)

    async def run_once(self) -> int:
        """Look at all that is due; return how many runs were started."""
        started = 0
        while due := await self._triggers.due(POLL, BATCH):
            for trigger in due:
                held = await self._triggers.hold(trigger, self._clock.now() + HELD)
                if held is not None:
                    started += await self._look(held)
                    break
        await self.learn_next()
        return started

    async def _look(self, trigger: DueTrigger) -> int:
        try:
            config = PollTriggerConfig.model_validate(trigger.config)
        except ValidationError as error:  # this program does not know what another one saved
            firing = Firing(trigger, None, error={"type": "invalid", "detail": str(error)})
        else:
            firing = await self._firing(trigger, config)
        fired = await self._triggers.fire([firing])
        if firing.error is not None:
            labelled(TRIGGER_FAILURES, POLL).inc()
            logger.warning(
                "poll %s of workflow %s failed: %s",
                trigger.id, trigger.workflow_id, firing.error["detail"],
            )  # fmt: skip
        started = sum(len(firing.runs) for firing in fired)
        labelled(RUNS_STARTED, POLL).inc(started)
        return started

    async def _firing(self, trigger: DueTrigger, config: PollTriggerConfig) -> Firing:
        cursor = None if trigger.cursor is None else orjson.loads(trigger.cursor)
        try:
            found = await self._engine.read(trigger.project, trigger.id, config, cursor)
        except JournalUnavailable:
            raise
        except MinizapsError as error:
            kind, asked = "failed", None
            if isinstance(error, ConnectorError):
                kind, asked = error.type, error.retry_after
            again = retry_look(trigger.failures + 1, asked, self._clock.now())
            return Firing(trigger, again, error={"type": kind, "detail": str(error)})
        return await self._of_items(trigger, config, found)

    async def _of_items(
        self, trigger: DueTrigger, config: PollTriggerConfig, found: Found
    ) -> Firing:
        known = await self._triggers.known_items(trigger, list(found.items))
        chosen = choose(config, found.items, set(known), first=trigger.cursor is None)
        runs, error = [], None
        for item in chosen.start:
            try:
                runs.append(await self._run(trigger, found.items[item]))
            except JournalUnavailable:
                raise
            except MinizapsError as refused:  # this item cannot start a run, now or later
                error = {"type": "not_started", "detail": f"an item was passed over: {refused}"}
        now = self._clock.now()
        # While some are left, the next look has to find them where this one did.
        cursor = orjson.dumps(found.cursor).decode() if chosen.all else trigger.cursor
        return Firing(
            trigger,
            next_look(config, trigger.due_at, now) if chosen.all else now,
            None,
            runs,
            error,
            cursor="null" if cursor is None else cursor,
            seen=[*chosen.remember, *_stale(known, now)],
        )

    async def _run(self, trigger: DueTrigger, item: Any) -> NewRun:
        root = {"id": trigger.id, "type": POLL, "body": item, "headers": {}, "query": {}}
        return await self._engine.prepare(
            trigger.project, trigger.workflow_id, trigger.version, root
        )


def _stale(known: dict[str, int], now: int) -> list[str]:
    """The items whose rows are to say again that they are still there."""
    return [item for item, seen_at in known.items() if seen_at < now - REFRESHED]
