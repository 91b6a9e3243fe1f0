"""Runs in virtual time: whenever all of them wait, the clock goes on to what comes next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from minizaps.api.answers import ANY, APPROVE, REJECT, Decision, callback_urls, give
from minizaps.app import App, open_app
from minizaps.clock import LATEST, ManualClock
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient, HttpResponse
from minizaps.engine.attempt import Tools
from minizaps.errors import AddressRefused, Conflict, NotFound
from minizaps.journal.listings import RunFilter
from minizaps.journal.records import NewRun, Run
from minizaps.journal.status import ENDED, Status
from minizaps.settings import Settings
from minizaps.simulation.engine import SimulatedEngine
from minizaps.simulation.paths import choose
from minizaps.simulation.stage import Post, Stage
from minizaps.simulation.written import Answer
from minizaps.worker.waker import wake_all
from minizaps.worker.worker import Worker

LONGEST = 60.0  # real seconds of one test
MOST_RUNS = 1_000
BY = "test"


class TookTooLong(Exception):
    """A test has used up its real time."""


class Unplugged(HttpClient):
    """Sends nothing, even for a connector that calls itself pure and is not."""

    async def request(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Refuse."""
        raise AddressRefused("nothing is sent in a test: mock the step")


class Unwired(Dialler):
    """Connects to nothing."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """Refuse."""
        raise AddressRefused("nothing is reached in a test: mock the step")


@dataclass(frozen=True)
class World:
    """An installation of its own, with its clock in hand; nothing goes on by itself in it."""

    app: App
    clock: ManualClock
    engine: SimulatedEngine
    worker: Worker

    async def play(self, new: NewRun, stage: Stage) -> None:
        """Start a run, and let it and the runs that it starts go on until all have ended, or
        those that are left wait for ever.

        Raises:
            TookTooLong: that took more than a minute of real time.
        """
        try:
            async with asyncio.timeout(LONGEST):
                run_id = (await self.app.start(new)).run_id
                stage.prefixes[run_id] = ""
                await self._play(new.project, stage)
        except TimeoutError:
            raise TookTooLong(f"it did not end within {LONGEST:g} s of real time") from None

    async def clear(self, project: str) -> None:
        """End all runs of a project."""
        for status in set(Status) - ENDED:
            for run in await self._runs(project, status):
                with suppress(Conflict, NotFound):
                    await self.app.journal.cancel(run.id, project, BY)
        await self.worker.settle()

    async def _play(self, project: str, stage: Stage) -> None:
        asked: set[tuple[str, str]] = set()
        while True:
            await self._settle()
            waiting = await self._runs(project, Status.WAITING)
            if stage.answers:
                for run in waiting:
                    await self._hear(run, stage, asked)
            due = [run.due_at for run in waiting if run.due_at is not None and run.due_at < LATEST]
            if stage.next_post is not None:
                due.append(stage.next_post)
            if not due:
                return
            self.clock.move_to(max(self.clock.now(), min(due)))
            for post in stage.due_posts():
                with suppress(Conflict, NotFound):  # it comes too late
                    await self._say(post)
            await wake_all(self.app.journal, self.clock)

    async def _settle(self) -> None:
        """Until nothing is driven and nothing is ready."""
        while {Status.QUEUED, Status.RUNNING} & (await self.app.listings.live_counts()).keys():
            await self.worker.run_once()
            await self.worker.settle()

    async def _hear(self, run: Run, stage: Stage, asked: set[tuple[str, str]]) -> None:
        """Have the steps answered later that have begun to ask."""
        for path, urls in (await callback_urls(self.app, run)).items():
            if (run.id, path) in asked:
                continue
            asked.add((run.id, path))
            name = stage.name(run.id, path)
            answer = choose(stage.answers, name)
            if not isinstance(answer, Answer):
                continue
            if ("url" in urls) == (answer.approved is not None):
                kind = "a call: answer with `body`" if "url" in urls else "approval: `approved`"
                stage.refusals.append(f"step {name} waits for {kind}")
                continue
            stage.post(answer.after, run.id, path, answer)

    async def _say(self, post: Post) -> None:
        run_id, name, said = post.run_id, post.name, post.said
        if not isinstance(said, Answer):
            await self.app.signals.post(run_id, name, said)
        elif said.approved is None:
            await give(self.app, run_id, name, ANY, said.body)
        else:
            verdict = APPROVE if said.approved else REJECT
            await give(self.app, run_id, name, verdict, Decision(said.by, said.comment))

    async def _runs(self, project: str, status: Status) -> list[Run]:
        return await self.app.listings.runs(RunFilter(project, status=status), MOST_RUNS)


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """An empty installation in a folder that is deleted afterwards.

    It has the default settings, whatever those of the machine are, so that a test is the same
    everywhere. None of the duties of a process runs in it.
    """
    with TemporaryDirectory(prefix="minizaps-test-") as folder:
        settings = Settings.model_construct(data_dir=Path(folder))
        clock = ManualClock()
        async with open_app(settings, clock=clock, worker=False) as app, Unplugged() as http:
            dial = Unwired()
            tools = Tools(
                http, dial, app.vault, clock, settings.max_output_bytes, settings.base_url
            )
            engine = SimulatedEngine(
                app.journal, app.signals, app.catalog, tools, max_events=settings.max_events
            )
            worker = Worker(app.journal, engine, concurrency=settings.concurrency)
            yield World(replace(app, engine=engine, worker=worker), clock, engine, worker)
