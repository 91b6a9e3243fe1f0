from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context, Pause
from minizaps.connectors.delay import DelayConfig, DelayConnector

from .conftest import NOW


@pytest.mark.parametrize(
    ("config", "until"),
    [
        ({"seconds": 0}, NOW),
        ({"seconds": 1.5}, NOW + timedelta(seconds=1.5)),
        ({"seconds": "PT5M"}, NOW + timedelta(minutes=5)),
        ({"seconds": "P30D"}, NOW + timedelta(days=30)),
        ({"until": "2031-01-01T00:00:00Z"}, datetime(2031, 1, 1, tzinfo=UTC)),
        ({"until": "2031-01-01T02:00:00+02:00"}, datetime(2031, 1, 1, tzinfo=UTC)),
        ({"until": "1999-01-01T00:00:00Z"}, datetime(1999, 1, 1, tzinfo=UTC)),
        ({"seconds": None, "until": "2031-01-01T00:00:00Z"}, datetime(2031, 1, 1, tzinfo=UTC)),
    ],
)
async def test_it_pauses_until_then(context: Context, config: dict, until: datetime) -> None:
    connector = DelayConnector(DelayConfig.model_validate(config))
    assert await connector.execute(context) == Pause(until=until)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "exactly one"),
        ({"seconds": 1, "until": "2031-01-01T00:00:00Z"}, "exactly one"),
        ({"seconds": -1}, "0 or more"),
        ({"seconds": "P1M"}, "months and years"),
        ({"until": "2031-01-01T00:00:00"}, "add Z for UTC"),
        ({"until": "2031-01-01"}, "add Z for UTC"),
        ({"until": "tomorrow"}, "not an ISO 8601 timestamp"),
        ({"until": 1893456000}, "ISO 8601 text"),
        ({"until": "0001-01-01T00:00:00+02:00"}, "years 1 to 9999"),
        ({"second": 1}, "Extra inputs"),
    ],
)
def test_what_is_no_delay_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        DelayConfig.model_validate(config)
