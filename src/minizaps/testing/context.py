"""What an attempt is given: real clients that reach this machine, and a clock in hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import MappingProxyType
from typing import Any

from minizaps.clock import Clock, ManualClock, to_datetime
from minizaps.connectors.base import Context
from minizaps.connectors.dial import Dialler
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.credential import Credential

LOOPBACK = ("127.0.0.0/8", "::1/128")
KEY = "01890a5d-0000-7000-8000-000000000001:step"


@asynccontextmanager
async def open_context(
    *,
    credential: Credential | None = None,
    data: Mapping[str, Any] = MappingProxyType({}),
    key: str = KEY,
    clock: Clock | None = None,
) -> AsyncIterator[Context]:
    """The context of an attempt, whose clients may reach this machine and what is public.

    Args:
        credential: the step's credential, opened.
        data: the run's data.
        key: the idempotency key.
        clock: the time; one that stands still if left out.
    """
    dial = Dialler(allow_networks=LOOPBACK)
    clock = clock or ManualClock()
    async with HttpClient(allow_networks=LOOPBACK) as http, aclosing(dial):
        yield Context(
            data=MappingProxyType(dict(data)),
            run_id=key.partition(":")[0],
            path="step",
            attempt=1,
            idempotency_key=key,
            http=http,
            dial=dial,
            now=lambda: to_datetime(clock.now()),
            credential=credential,
        )
