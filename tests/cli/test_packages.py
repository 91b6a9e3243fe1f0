"""Connectors of installed packages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minizaps import WorkflowEngine
from tests.cli.conftest import Minizaps

MODULE = """
from typing import ClassVar

from pydantic import SecretStr

from minizaps import BaseConnector, ConnectorConfig, Credential


class Megaphone(Credential):
    "What it is said through."

    type: ClassVar[str] = "{credential}"
    pin: SecretStr


class ShoutConfig(ConnectorConfig):
    text: str


class ShoutConnector(BaseConnector[ShoutConfig]):
    "Says it louder."

    pure = True
    credential = (Megaphone,)

    async def execute(self, context):
        return {{"said": self.config.text.upper()}}


shout = (ShoutConnector, ShoutConfig)
"""
DEFINITION = '{"name": "x", "steps": [{"type": "shout", "config": {"text": "hey"}}]}'
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package on the path, as pip leaves it."""
    monkeypatch.setattr(WorkflowEngine, "CONNECTOR_MAP", dict(WorkflowEngine.CONNECTOR_MAP))
    monkeypatch.syspath_prepend(tmp_path)

    def add(name: str, point: str, *, module: str = MODULE, credential: str = "megaphone") -> None:
        (tmp_path / f"{name}.py").write_text(module.format(credential=credential))
        folder = tmp_path / f"{name}-1.5.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (folder / "entry_points.txt").write_text(f"[minizaps.connectors]\n{point}\n")

    return add


def test_an_installed_connector_is_a_step_type(
    minizaps: Minizaps, install: Install, tmp_path: Path
) -> None:
    install("loud", "shout = loud:shout")
    (tmp_path / "x.json").write_text(DEFINITION)
    result = minizaps("run", "x.json", "--json")
    assert result.json["output"] == {"said": "HEY"}


def test_its_type_of_credentials_is_one_of_the_installation(
    minizaps: Minizaps, install: Install
) -> None:
    install("fierce", "shout = fierce:shout")
    assert minizaps("validate", "hello.json").code == 0
    types = WorkflowEngine.credential_types()
    assert types["megaphone"].description() == "What it is said through."
    assert "http_basic" in types


def test_a_package_that_takes_a_built_in_name_is_refused_with_both_named(
    minizaps: Minizaps, install: Install
) -> None:
    install("brazen", "webhook = brazen:shout")
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert "the package brazen 1.5 (webhook = brazen:shout)" in result.err
    assert "minizaps.connectors.webhook" in result.err


def test_two_packages_with_one_step_type_are_refused_with_both_named(
    minizaps: Minizaps, install: Install
) -> None:
    install("first", "shout = first:shout")
    install("second", "shout = second:shout")
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert "the step type 'shout' is there twice" in result.err
    assert "the package first 1.5 (shout = first:shout)" in result.err
    assert "the package second 1.5 (shout = second:shout)" in result.err


def test_two_types_of_credentials_with_one_name_are_refused_with_both_named(
    minizaps: Minizaps, install: Install
) -> None:
    install("sly", "shout = sly:shout", credential="http_basic")
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert "the credential type 'http_basic' is there twice" in result.err
    assert "from sly.Megaphone" in result.err
    assert "from minizaps.credentials.types.HttpBasic" in result.err


@pytest.mark.parametrize(
    ("point", "module", "reason"),
    [
        ("shout = torn:shout", "import no_such_module", "No module named 'no_such_module'"),
        ("shout = torn:shout", "1 / 0", "ZeroDivisionError: division by zero"),
        ("shout = torn:shout", "shout = 'x'", "it is no pair of a BaseConnector"),
        ("shout = torn:missing", "", "has no attribute 'missing'"),
        ("foreach = torn:shout", MODULE, "'foreach' cannot be a step type's name"),
        ("Loud-One = torn:shout", MODULE, "'Loud-One' cannot be a step type's name"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_named_with_the_reason(
    minizaps: Minizaps, install: Install, point: str, module: str, reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delitem(sys.modules, "torn", raising=False)
    install("torn", point, module=module)
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert f"the package torn 1.5 ({point})" in result.err
    assert reason in result.err
    assert "Traceback" not in result.err
