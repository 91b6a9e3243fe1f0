"""JSON values as the types that Postgres wants for a query's parameters."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from minizaps.connectors.sql_query import refused
from minizaps.definition.durations import parse_duration


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("has a fraction")
    return int(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    return value


def _timestamp(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=None)


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "bool": _boolean,
    "bpchar": _text,
    "bytea": lambda value: b64decode(value, validate=True),
    "date": date.fromisoformat,
    "float4": float,
    "float8": float,
    "int2": _whole,
    "int4": _whole,
    "int8": _whole,
    "interval": lambda value: timedelta(seconds=parse_duration(value)),
    "json": _json,
    "jsonb": _json,
    "numeric": lambda value: Decimal(str(value)),
    "text": _text,
    "time": time.fromisoformat,
    "timestamp": _timestamp,
    "timestamptz": _moment,
    "timetz": time.fromisoformat,
    "varchar": _text,
}


def converted(value: Any, kind: str, number: int) -> Any:
    """A parameter as the type `kind` of Postgres; of other types it stays as it is.

    Raises:
        ConnectorError: it is no such thing.
    """
    if value is None and kind not in ("json", "jsonb"):
        return None
    try:
        if kind.endswith("[]") and isinstance(value, list):
            return [converted(each, kind[:-2], number) for each in value]
        conversion = _CONVERSIONS.get(kind)
        return value if conversion is None else conversion(value)
    except (ArithmeticError, TypeError, ValueError) as error:
        message = f"parameter {number}: {_text(value)[:100]!r} is no {kind}: {error}"
        raise refused(message) from error
