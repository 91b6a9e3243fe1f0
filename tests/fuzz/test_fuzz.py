from __future__ import annotations

from tests.fuzz.definitions import fuzz


def test_whatever_a_definition_is_only_typed_errors_come_out() -> None:
    assert fuzz(seed=7, seconds=2) > 50
