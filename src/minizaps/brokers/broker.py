"""What a broker does: it tells workers which runs are ready.

The journal is the truth. The sweep over the journal finds a run whose message was lost, and a run
whose message comes twice is claimed once. So no broker has to be perfect, and none may be waited
for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

BATCH = 50  # ids in one message, at most
PREFETCH = 4  # messages that a consumer holds: more would keep runs from a worker with room
PATIENCE = 2.0  # seconds; what takes longer is in vain, since the sweep has found the run

Take = Callable[[list[str]], Awaitable[None]]


class Broker(Protocol):
    """A broker that operators run: RabbitMQ or Redis.

    Nothing is connected before the first `publish` or `consume`.
    """

    @property
    def name(self) -> str:
        """Its URL without user and password."""

    async def publish(self, run_ids: Sequence[str]) -> None:
        """Hand one message with up to `BATCH` ids to the broker.

        Returns when the broker has confirmed that it keeps the message; after `PATIENCE` at most.

        Raises:
            BrokerUnavailable: it has not confirmed. The message may arrive all the same.
        """

    async def consume(self, take: Take) -> None:
        """Hand the ids of each delivery to `take`, for ever.

        A delivery is acknowledged after `take` has returned; if it raises, the delivery comes
        again, here or to another consumer. While `take` runs nothing else is taken. When the
        broker goes away, it is tried again until it is back.
        """

    async def close(self) -> None:
        """Leave the broker. Cancel `consume` before."""
