"""The generated parts are current, and everything that exists is documented."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from docs.interfaces import api_routes, commands

from docs import build
from minizaps import WorkflowEngine, errors
from minizaps.api.auth import Role
from minizaps.api.health import metrics
from minizaps.api.server import create_api
from minizaps.app import open_app
from minizaps.journal.status import Kind, Status
from minizaps.settings import Settings


def test_generated_parts_are_current(root: Path) -> None:
    assert build.stale() == [], "run `make docs`"


def test_check_names_a_stale_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = build.made()
    monkeypatch.setattr(build, "made", lambda: {**right, root / "docs" / "cli.md": "other"})

    assert build.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/cli.md is not up to date: run `make docs`\n"


def test_output_is_the_same_each_time() -> None:
    assert build.made() == build.made()


def test_every_setting_is_documented(documents: Any) -> None:
    for name, field in Settings.model_fields.items():
        assert f"| `MINIZAPS_{name.upper()}` |" in documents.pages["README.md"]
        assert field.description, name


def test_named_settings_exist(documents: Any, root: Path) -> None:
    others = {"MINIZAPS_URL", "MINIZAPS_API_KEY", "MINIZAPS_CREDENTIAL_FOLDERS"}
    known = {f"MINIZAPS_{name.upper()}" for name in Settings.model_fields} | others
    for page, text in documents.pages.items():
        assert set(re.findall(r"MINIZAPS_[A-Z_]+", text)) <= known, page


def test_every_route_is_documented(documents: Any) -> None:
    described = create_api().openapi()["paths"]
    routes = {f"{m.upper()} {path}" for path, methods in described.items() for m in methods}
    # Any method, which OpenAPI cannot say; and the page that shows the button of a POST.
    hook = {"POST /hooks/{token}", "GET /callbacks/{token}"}
    listed = {f"{method} {path}" for method, path, *_ in api_routes()}
    assert routes - hook == listed - {"any /hooks/{token}"}
    for route in listed:
        assert f"| `{route}` |" in documents.pages["docs/api.md"]
    assert all(meaning for *_, meaning in api_routes())


def test_every_command_and_option_is_documented(documents: Any) -> None:
    page = documents.pages["docs/cli.md"]
    for name, command in commands():
        assert f"### {name}\n" in page
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert parameter.opts[0] in page


def test_every_connector_has_a_page_and_an_example(root: Path) -> None:
    for kind, (connector, model) in WorkflowEngine.CONNECTOR_MAP.items():
        if connector.__module__.startswith("minizaps."):
            assert (root / "docs" / "connectors" / f"{kind}.md").exists()
            assert (root / "docs" / "connectors" / "examples" / f"{kind}.json").exists()
            assert all(f.description for n, f in model.model_fields.items()), kind


def test_every_exception_is_documented(documents: Any) -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.MinizapsError):
            assert f"| `{name}` |" in documents.pages["docs/errors.md"]


def test_every_error_type_is_documented(documents: Any, root: Path) -> None:
    sources = [
        *(root / "src/minizaps/engine").glob("*.py"),
        *(root / "src/minizaps/connectors").glob("*.py"),
        root / "src/minizaps/errors.py",
        root / "src/minizaps/worker/worker.py",
        root / "src/minizaps/journal/family.py",
    ]
    text = "\n".join(path.read_text() for path in sources)
    patterns = (
        r'"type": "([a-z_]+)"',
        r'\btype="([a-z_]+)"',
        r'^    type = "([a-z_]+)"',
        r'\b_error\("([a-z_]+)"',
        r'self\._fail\(claimed, execution, "([a-z_]+)"',
    )
    types = {name for pattern in patterns for name in re.findall(pattern, text, re.MULTILINE)}
    types -= {"array", "string", "object", "workflow"}  # of JSON Schema, and a trigger
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", documents.pages["docs/errors.md"], re.M))
    assert types == listed


def test_every_word_of_the_state_machine_is_documented(documents: Any) -> None:
    page = documents.pages["docs/state-machine.md"]
    for word in (*Status, *Kind):
        assert f"| `{word}` |" in page
    for role in Role:
        assert f"| `{role}` |" in documents.pages["docs/api.md"]


async def test_every_metric_is_documented(documents: Any, tmp_path: Path) -> None:
    async with open_app(Settings(data_dir=tmp_path), worker=False) as app:
        text = bytes((await metrics(app)).body).decode()
    names = set(re.findall(r"^# HELP (minizaps_\w+)", text, re.M))
    names = {name for name in names if not name.endswith("_created")}
    listed = set(re.findall(r"^\| `(minizaps_\w+)` \|", documents.pages["docs/operate.md"], re.M))
    assert names == listed
