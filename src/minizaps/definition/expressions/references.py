"""What an expression reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """The constant beginning of a path that an expression reads.

    Args:
        path: the keys, such as ('steps', 'order', 'body', 0).
        line, column: where it stands, both counted from 1.
        optional: whether a missing value is allowed there: it is the direct operand of
            default() or of 'is defined'.
    """

    path: tuple[str | int, ...]
    line: int
    column: int
    optional: bool = False

    def __str__(self) -> str:
        head, *rest = self.path
        return f"{head}" + "".join(
            f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
            for key in rest
        )
