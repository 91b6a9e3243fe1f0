"""What a run has to do: now, and at which times."""

from __future__ import annotations

import heapq
from collections import deque

from minizaps.clock import Clock, to_text
from minizaps.engine.flights import Flights
from minizaps.engine.history import History
from minizaps.engine.lanes import Lane
from minizaps.engine.planner import Action, Later, next_actions


class Agenda:
    """Asks the planner about each lane in which something has happened."""

    def __init__(self, history: History, flights: Flights, clock: Clock) -> None:
        self._history = history
        self._flights = flights
        self._clock = clock
        self._actions: deque[Action] = deque()
        self._later: list[tuple[int, str]] = []

    def begin(self) -> None:
        """Look at all that is under way, once."""
        self._look(self._history.lane, deep=True)

    def next(self) -> Action | None:
        """The next action; None where all that can be done now is done or under way."""
        while True:
            while self._actions:
                action = self._actions.popleft()
                if isinstance(action, Later):
                    self._put_off(action)
                elif self._alive(action.lane):
                    return action
            if not self._history.moved:
                return None
            lane = self._history.moved.pop(next(iter(self._history.moved)))
            if self._alive(lane):
                self._look(lane)

    @property
    def idle(self) -> bool:
        """Whether there is nothing else to do, now or later, than what was just begun."""
        return not (self._actions or self._history.moved or self._later or self._history.waiting)

    @property
    def due(self) -> int | None:
        """The earliest time at which a lane has something to do."""
        while self._later:
            due, path = self._later[0]
            lane = self._history.lane_at(path)
            if lane is not None and path not in self._flights:
                return due
            heapq.heappop(self._later)
        return None

    def look_at_due(self) -> bool:
        """Look at the lanes whose time has come; return whether there are some."""
        now, found = self._clock.now(), False
        while (due := self.due) is not None and due <= now:
            _, path = heapq.heappop(self._later)
            if (lane := self._history.lane_at(path)) is not None:
                self._history.moved[lane.prefix] = lane
                found = True
        return found

    def _look(self, lane: Lane, *, deep: bool = False) -> None:
        if lane.path in self._flights:
            return
        if self._history.plan.reads_clock:
            lane.data["$now"] = to_text(self._clock.now())
        self._actions.extend(next_actions(self._history, lane, self._clock.now, deep=deep))

    def _put_off(self, later: Later) -> None:
        if later.at is not None:
            heapq.heappush(self._later, (later.at, later.lane.path))

    def _alive(self, lane: Lane) -> bool:
        return self._history.lanes.get(lane.prefix) is lane
