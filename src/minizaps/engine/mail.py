"""A run's signals and callbacks: what it waits for from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minizaps.engine.attempt import Tools
from minizaps.engine.calls import Runs
from minizaps.engine.history import History
from minizaps.engine.lanes import ASK, Lane
from minizaps.engine.plan import Wait
from minizaps.engine.record import Record
from minizaps.errors import Conflict, LeaseLost
from minizaps.journal.records import Run
from minizaps.journal.signals import Signals
from minizaps.journal.status import Kind

OVER = {"over": True}  # the signal in place of an answer: it is too late for one
_NAMES = {"any": "url", "approve": "approve_url", "reject": "reject_url"}


def urls_of(base_url: str, tokens: Mapping[str, str]) -> dict[str, str]:
    """The root `callback`: a wait's URLs, of its tokens by their answers."""
    return {_NAMES[answer]: f"{base_url}/callbacks/{token}" for answer, token in tokens.items()}


class Mail:
    """Takes in a run's signals, and gives its waits their URLs."""

    def __init__(
        self,
        run: Run,
        history: History,
        record: Record,
        signals: Signals,
        tools: Tools,
        runs: Runs,
    ) -> None:
        self._run = run
        self._history = history
        self._record = record
        self._signals = signals
        self._tools = tools
        self._runs = runs

    async def open(self, received: int) -> None:
        """Get what the run's history does not have.

        Args:
            received: how many signals had come in when the run was claimed.
        """
        if received > self._history.seen:
            await self.collect()
        for state in list(self._history.steps.values()):
            if isinstance(state.step.work, Wait) and state.inside is not None:
                await self.make_callbacks(state.path, dict(state.inside.facts))
                if (lane := state.inside.lanes.get(ASK)) is not None:
                    lane.extra = {"callback": self._history.callbacks[state.path]}
        if self._history.orphans or self._history.closed:
            await self.give_up()

    async def collect(self) -> None:
        """Take in the signals that have come in."""
        unread = self._signals.unread
        seen = self._history.seen
        for signal in await self._record.patiently(lambda: unread(self._run.id, seen)):
            facts = {"name": signal.name, "number": signal.number, "data": signal.data}
            self._record.add(Kind.SIGNAL, data=facts)

    async def expire(self, path: str) -> None:
        """The time for an answer to a step is over, unless one has just come in."""
        await self._post(path, OVER)
        await self.collect()

    async def give_up(self) -> None:
        """End the runs for whose end no step waits any more, and close the waits that are gone.

        What comes of it comes in as a signal, so that it is done once.

        Raises:
            LeaseLost: this run is no longer held, so that another worker may wait for them.
        """
        await self._record.write()
        orphans, closed = set(self._history.orphans), set(self._history.closed)
        for child in orphans:
            await self._cancel(child)
        for path in closed:
            await self._post(path, OVER)
        await self.collect()
        self._history.orphans -= orphans
        self._history.closed -= closed

    async def _cancel(self, child: str) -> None:
        run, cancel = self._run, self._runs.cancel_child
        await self._record.patiently(lambda: cancel(child, run.project, run.id))

    async def _post(self, name: str, data: dict[str, Any]) -> None:
        post = self._signals.post
        try:
            await self._record.patiently(lambda: post(self._run.id, name, data))
        except Conflict as error:
            raise LeaseLost(str(error)) from error

    async def make_callbacks(self, path: str, facts: dict[str, Any]) -> None:
        """Give a wait its URLs: the same ones each time."""
        answers = ("approve", "reject") if facts.get("approve") else ("any",)
        told, secret = facts.get("message"), facts.get("secret")
        make = self._signals.callbacks
        tokens = await self._record.patiently(
            lambda: make(self._run.id, path, answers, message=told, secret=secret)
        )
        self._history.callbacks[path] = urls_of(self._tools.base_url, tokens)

    def hidden(self, lane: Lane) -> tuple[str, ...]:
        """What is not to be shown of the data that a lane's steps see: who knows it may answer."""
        urls = (
            url
            for around in lane.around()
            if around.extra
            for url in around.extra.get("callback", {}).values()
        )
        return tuple(url.rpartition("/")[2] for url in urls)
