"""Whether a failed attempt is tried again, and when: a pure decision."""

from __future__ import annotations

from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

LONGEST_RETRY_AFTER = 86_400.0


def decide_retry(
    error: ConnectorError, policy: RetryPolicy, failures: int, chance: float
) -> float | None:
    """Seconds until the next attempt; None if there is none.

    Exponential backoff with full jitter: a wait drawn evenly from 0 to
    `min(max_delay, delay * backoff ** (failures - 1))` (M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015). A `retry_after` of up to a day is a lower bound; a
    longer one is not waited for.

    Args:
        failures: how many attempts have failed, this one included.
        chance: evenly from [0, 1), the jitter's draw.
    """
    if not error.retryable or failures >= policy.max_attempts:
        return None
    longest = min(policy.max_delay, policy.delay * policy.backoff ** min(failures - 1, 64))
    wait = longest * chance if policy.jitter else longest
    if error.retry_after is None:
        return wait
    return None if error.retry_after > LONGEST_RETRY_AFTER else max(wait, error.retry_after)
