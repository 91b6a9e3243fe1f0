"""Modules whose library is an extra of the package, loaded when a step needs them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from minizaps.errors import ConnectorError


def load(name: str, extra: str) -> ModuleType:
    """A module of the connectors, with the library that it imports.

    Raises:
        ConnectorError: the library is not installed (type `not_installed`).
    """
    try:
        return import_module(f"minizaps.connectors.{name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("minizaps"):
            raise
        message = f"this needs the library {error.name}: install minizaps[{extra}]"
        raise ConnectorError(message, type="not_installed") from None
