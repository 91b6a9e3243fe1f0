"""The bounds of the language, counted in steps and characters, never in time.

A step stands for at most about 100 ns of work, so that the whole budget stays under 50 ms.
"""

from __future__ import annotations

MAX_SOURCE = 262_144  # characters of one template
MAX_TOKENS = 4_000  # of all expressions of one template
MAX_NESTED = 64  # brackets and operators within each other
MAX_DEPTH = 100  # of the tree of an expression, chains of operators included
MAX_STEPS = 250_000  # of one evaluation
MAX_TEXT = 1_048_576  # characters of one text
MAX_ROOM = 4_194_304  # characters that one evaluation may make in all
ITEM_ROOM = 8  # what a place in a new list counts
PIECE_ROOM = 32  # what a new small value counts, besides its characters

MIN_INT, MAX_INT = -(2**63), 2**64 - 1


class Refused(Exception):
    """An operation cannot be done on these values; its place is added by the caller."""


class Budget:
    """What one evaluation may still use. Only what can loop or grow is charged."""

    steps = MAX_STEPS
    room = MAX_ROOM

    def spend(self, steps: int) -> None:
        """Charge work."""
        self.steps -= steps
        if self.steps < 0:
            raise Refused(f"the expression takes too many steps (the limit is {MAX_STEPS:,})")

    def grow(self, room: int) -> None:
        """Charge memory, before it is used."""
        self.room -= room
        if self.room < 0:
            raise Refused(f"the expression makes too much data (the limit is {MAX_ROOM:,})")

    def text(self, length: int) -> None:
        """Charge a text that is about to be made."""
        if length > MAX_TEXT:
            raise Refused(f"the text gets longer than {MAX_TEXT:,} characters")
        self.steps -= length >> 4
        self.room -= length
        if self.steps < 0 or self.room < 0:
            self.spend(0)
            self.grow(0)

    def items(self, count: int) -> None:
        """Charge a pass over a list, and a new list of that length."""
        self.spend(count)
        self.grow(count * ITEM_ROOM)
