"""Durations: a number of seconds, or ISO 8601 (`PT5M`, `P1DT2H`); no months, no years."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

LONGEST = 366 * 86400 * 10.0  # ten years: beyond it, timestamps stop being meaningful

_ISO = re.compile(
    r"P(?:(?P<weeks>\d+)W|(?:(?P<days>\d+)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?)",
    re.ASCII,
)
_SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def parse_duration(value: Any) -> float:
    """Seconds of a duration.

    Args:
        value: seconds as a number, or an ISO 8601 duration without months and years.

    Raises:
        ValueError: not a duration, negative, or longer than ten years.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a duration is a number of seconds or ISO 8601 text such as PT5M")
    seconds = _parse_iso(value) if isinstance(value, str) else value
    if not seconds >= 0:  # NaN is neither more nor less
        raise ValueError("a duration is a finite number of seconds, 0 or more")
    if seconds > LONGEST:
        raise ValueError("a duration is ten years at most")
    return float(seconds)


def _parse_iso(text: str) -> float:
    match = _ISO.fullmatch(text) if len(text) <= 64 else None
    parts = {k: v for k, v in match.groupdict().items() if v} if match else {}
    if not parts:
        raise ValueError(
            f"{text[:64]!r} is not a duration: write seconds as a number, or ISO 8601 with weeks, "
            "days, hours, minutes and seconds (PT5M, P1D); months and years have no fixed length"
        )
    return sum(float(number) * _SECONDS[unit] for unit, number in parts.items())


def _schema(**least: int) -> WithJsonSchema:
    text = r"^P(?!$)(\d+W|(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$"
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", **least, "maximum": LONGEST},
                {"type": "string", "pattern": text},
            ],
            "description": "Seconds as a number, or an ISO 8601 duration such as PT5M or P1D.",
        }
    )


Duration = Annotated[float, BeforeValidator(parse_duration), _schema(minimum=0)]
Timeout = Annotated[
    float, BeforeValidator(parse_duration), Field(gt=0), _schema(exclusiveMinimum=0)
]
