"""What happens to deliveries, whichever broker they come from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from minizaps.brokers.broker import Take
from minizaps.brokers.message import unpack
from minizaps.errors import MinizapsError
from minizaps.metrics import BROKER_DELIVERIES, labelled

logger = logging.getLogger("minizaps.brokers")

PAUSE = 0.5  # seconds after deliveries that could not be taken


async def hand_over(bodies: Iterable[bytes], take: Take) -> bool:
    """Hand the ids of some messages to `take`; return whether to acknowledge the messages."""
    run_ids: list[str] = []
    messages = 0
    for body in bodies:
        try:
            run_ids += unpack(body)
            messages += 1
        except ValueError as error:
            logger.warning("a message was dropped, it is not Mini-Zaps': %s", error)
            labelled(BROKER_DELIVERIES, "garbage").inc()
    if not run_ids:
        return True
    try:
        await take(run_ids)
    except MinizapsError as error:
        logger.warning("%d runs were not taken: %s", len(run_ids), error)
    except Exception:
        logger.exception("%d runs were not taken", len(run_ids))
    else:
        labelled(BROKER_DELIVERIES, "taken").inc(messages)
        return True
    labelled(BROKER_DELIVERIES, "refused").inc(messages)
    await asyncio.sleep(PAUSE)
    return False
