"""Connectors of installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from minizaps import WorkflowEngine
from tests.cli.conftest import Minizaps

MODULE = """
from minizaps import BaseConnector, ConnectorConfig


class ShoutConfig(ConnectorConfig):
    text: str


class ShoutConnector(BaseConnector[ShoutConfig]):
    "Says it louder."

    pure = True

    async def execute(self, context):
        return {"said": self.config.text.upper()}


shout = (ShoutConnector, ShoutConfig)
"""
DEFINITION = '{"name": "x", "steps": [{"type": "shout", "config": {"text": "hey"}}]}'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package on the path, as pip leaves it."""
    monkeypatch.setattr(WorkflowEngine, "CONNECTOR_MAP", dict(WorkflowEngine.CONNECTOR_MAP))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "loud.py").write_text(MODULE)
    folder = tmp_path / "loud-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[minizaps.connectors]\nshout = loud:shout\n")


@pytest.mark.usefixtures("install")
def test_an_installed_connector_is_a_step_type(minizaps: Minizaps, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(DEFINITION)
    result = minizaps("run", "x.json", "--json")
    assert result.json["output"] == {"said": "HEY"}


@pytest.mark.usefixtures("install")
def test_two_connectors_of_one_name_are_refused_with_both_named(
    minizaps: Minizaps, tmp_path: Path
) -> None:
    points = tmp_path / "loud-1.0.dist-info" / "entry_points.txt"
    points.write_text("[minizaps.connectors]\nwebhook = loud:shout\n")
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert "loud:shout" in result.err
    assert "minizaps.connectors.webhook" in result.err
