"""A short form of the fuzzer; `make fuzz` runs the long one."""

from .fuzz import fuzz


def test_random_expressions_fail_only_as_they_should():
    assert fuzz(seed=20260301, seconds=1.5) >= 50
