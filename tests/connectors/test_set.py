from __future__ import annotations

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.set import SetConfig, SetConnector


async def test_the_output_is_the_values(context: Context) -> None:
    values = {"total": 12.5, "tags": ["a", None], "nested": {"ü": True}}
    assert await SetConnector(SetConfig(values=values)).execute(context) == values


@pytest.mark.parametrize("config", [{}, {"values": None}, {"values": [1]}, {"value": {}}])
def test_what_are_no_values_is_refused(config: dict) -> None:
    with pytest.raises(ValidationError):
        SetConfig.model_validate(config)
