"""The connectors that are not built in: of installed packages, and of described APIs."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

from minizaps.connectors.base import BaseConnector, ConnectorConfig
from minizaps.connectors.openapi.connector import ApiConnector, connector_of
from minizaps.connectors.openapi.folder import file_of, load
from minizaps.credentials.credential import Credential
from minizaps.credentials.types import BUILT_IN
from minizaps.definition.steps import BLOCKS, ID_PATTERN
from minizaps.engine.plan import AnyConnector, ConnectorMap
from minizaps.errors import Problem, SettingsInvalid

ENTRY_POINTS = "minizaps.connectors"
Entry = tuple[type[AnyConnector], type[ConnectorConfig]]


def installed_connectors(present: ConnectorMap) -> dict[str, Entry]:
    """The connectors of all installed packages, by the step types that they are.

    Args:
        present: the connectors that are there without them.

    Raises:
        SettingsInvalid: with each package that cannot be used, and why.
    """
    found: dict[str, tuple[EntryPoint, Entry]] = {}
    problems = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            entry = _load(point)
        except (TypeError, ImportError) as error:
            problems.append(Problem("", f"{_named(point)} cannot be used: {error}"))
            continue
        other = None
        if point.name in found:
            other = _named(found[point.name][0])
        elif present.get(point.name, entry) != entry:
            other = f"{present[point.name][0].__module__}, which is there without a package"
        if other is not None:
            twice = f"the step type {point.name!r} is there twice: from {_named(point)}, and from"
            problems.append(Problem("", f"{twice} {other}: uninstall one of the two"))
            continue
        found[point.name] = point, entry
    if problems:
        raise SettingsInvalid(problems)
    return {name: entry for name, (_, entry) in found.items()}


def described_connectors(folder: Path, present: ConnectorMap) -> dict[str, Entry]:
    """The connectors of the APIs that a folder describes.

    Raises:
        SettingsInvalid: with each description that cannot be used, and why.
    """
    apis = load(folder)
    problems = []
    for api in apis:
        other, _ = present.get(api.name, (ApiConnector, None))
        if api.name in BLOCKS or not issubclass(other, ApiConnector):
            detail = f"the step type {api.name!r} is there without it: rename the description"
            problems.append(Problem(str(file_of(folder, api.name)), detail))
    if problems:
        raise SettingsInvalid(problems)
    return {api.name: connector_of(api) for api in apis}


def origin_of(step_type: str, connector: type[AnyConnector]) -> str:
    """Where a step type comes from: a package and its version, an imported API, or a module."""
    for point in entry_points(group=ENTRY_POINTS, name=step_type):
        return _distribution(point)
    if issubclass(connector, ApiConnector):
        return f"imported, {connector.api.url}"
    module = connector.__module__
    return f"minizaps {version('minizaps')}" if module.startswith("minizaps.") else module


def credential_types(connectors: ConnectorMap) -> dict[str, type[Credential]]:
    """The types of credentials by name: the built-in ones, and those that connectors bring.

    Raises:
        SettingsInvalid: two classes have one name.
    """
    types: dict[str, type[Credential]] = {kind.type: kind for kind in BUILT_IN}
    problems = []
    for connector, _ in connectors.values():
        for kind in connector.credential:
            present = types.setdefault(kind.type, kind)
            if present is not kind:
                twice = f"the credential type {kind.type!r} is there twice: from {_place(kind)}"
                problems.append(Problem("", f"{twice}, and from {_place(present)}: rename one"))
    if problems:
        raise SettingsInvalid(problems)
    return types


def _load(point: EntryPoint) -> Entry:
    """What an entry point leads to.

    Raises:
        ImportError: its module fails.
        TypeError: it is no pair of a connector and its config model, or its name is no step type.
    """
    if point.name in BLOCKS or not re.fullmatch(ID_PATTERN, point.name):
        raise TypeError(f"{point.name!r} cannot be a step type's name")
    try:
        found = point.load()
    except Exception as error:  # whatever the package's code does
        raise ImportError(f"{type(error).__name__}: {error}") from error
    match found:
        case (type() as connector, type() as model) if issubclass(
            connector, BaseConnector
        ) and issubclass(model, ConnectorConfig):
            return connector, model
    raise TypeError("it is no pair of a BaseConnector and a ConnectorConfig")


def _named(point: EntryPoint) -> str:
    return f"the package {_distribution(point)} ({point.name} = {point.value})"


def _distribution(point: EntryPoint) -> str:
    package = point.dist
    return "unknown" if package is None else f"{package.name} {package.version}"


def _place(kind: type[Credential]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
