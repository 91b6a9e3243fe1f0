"""Results: medians with their spread, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

HEADER = ("workload", "measure", "unit", "median", "spread", "floor or base", "spread", "ratio")


@dataclass(slots=True)
class Row:
    """One measure: a value a repetition, and the floor's (or the base's) beside it."""

    workload: str
    measure: str
    unit: str
    values: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    ratio: str = ""

    def add(self, value: float, floor: float | None = None) -> None:
        """Take in one repetition's value."""
        self.values.append(value)
        if floor is not None:
            self.floor.append(floor)

    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        ratio = self.ratio
        if not ratio and self.floor and median(self.floor):
            ratio = f"{median(self.values) / median(self.floor):.2f}"
        return (
            self.workload, self.measure, self.unit, number(median(self.values)),
            spread(self.values), number(median(self.floor)) if self.floor else "",
            spread(self.floor), ratio,
        )  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def number(value: float) -> str:
    """A number with three digits or more that matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """The smallest and the largest value."""
    if len(values) < 2:
        return ""
    return f"{number(min(values))} to {number(max(values))}"


def render(rows: Sequence[Row]) -> str:
    """The table as aligned text."""
    lines = [HEADER, *(row.cells() for row in rows if row.values)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    texts = []
    for line in lines:
        left = "  ".join(c.ljust(w) for c, w in zip(line[:3], widths[:3], strict=True))
        right = "  ".join(c.rjust(w) for c, w in zip(line[3:], widths[3:], strict=True))
        texts.append(f"{left}  {right}".rstrip())
    rule = "-" * max(map(len, texts))
    return "\n".join([texts[0], rule, *texts[1:]])
