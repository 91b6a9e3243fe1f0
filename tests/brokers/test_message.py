from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minizaps.brokers.message import MOST_IDS, pack, unpack


@given(st.lists(st.uuids().map(str), max_size=60))
def test_a_message_is_read_as_it_was_written(ids: list[str]) -> None:
    assert unpack(pack(ids)) == ids


@given(st.binary())
def test_anything_else_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        unpack(body)


def test_a_message_with_too_many_ids_is_none() -> None:
    with pytest.raises(ValueError, match="list of runs"):
        unpack(pack(["019ad1c3-62b0-7d21-8f7c-0f6e2d9b4a11"] * (MOST_IDS + 1)))
