"""The worked examples of connectors: registered, checked, and run on the real engine."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from run_it import run_to_its_end

from minizaps import Pause, WorkflowEngine
from minizaps.connectors.base import BaseConnector, Context
from minizaps.errors import DefinitionInvalid

FOLDER = Path(__file__).parent.parent.parent / "examples" / "connector"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(WorkflowEngine, "CONNECTOR_MAP", dict(WorkflowEngine.CONNECTOR_MAP))
    for name in ("office_hours", "text_message"):
        sys.modules.pop(name, None)
        __import__(name)
    yield
    for name in ("office_hours", "text_message"):
        sys.modules.pop(name, None)


def _definition(target: Any) -> Any:
    return json.loads(target.aim((FOLDER / "on-call.json").read_text()))


async def test_message_is_sent_once_for_all_attempts(target: Any, tmp_path: Path) -> None:
    target.answers = {"POST /messages": (200, {"id": "m-1"})}

    run, events = await run_to_its_end(
        _definition(target), {"severity": "high", "text": "Disk full"}, tmp_path
    )

    assert run.status == "succeeded"
    assert events[-1].data["output"] == {"message_id": "m-1"}
    ((_, body, headers),) = target.calls
    assert body == {"to": "+4930123456", "text": "HIGH: Disk full"}
    assert headers["Idempotency-Key"] == f"{run.id}:sms"


async def test_gateway_that_refuses_makes_a_dead_letter(target: Any, tmp_path: Path) -> None:
    target.answers = {"POST /messages": (403, {})}

    run, _ = await run_to_its_end(
        _definition(target), {"severity": "high", "text": "Disk full"}, tmp_path
    )

    assert (run.status, run.error_type, run.dead_letter) == ("failed", "gateway", "open")
    assert len(target.calls) == 1


def test_wrong_config_is_found_when_it_is_saved() -> None:
    step = {"type": "text_message", "config": {"gateway": "http://x", "to": "030", "txt": "Hi"}}

    with pytest.raises(DefinitionInvalid) as found:
        WorkflowEngine.check({"name": "x", "steps": [step]})

    pointers = {problem.pointer for problem in found.value.problems}
    assert pointers == {f"/steps/0/config/{name}" for name in ("to", "text", "txt")}


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T10:30:00", None),  # a Monday
        ("2026-03-02T07:59:59", "2026-03-02T09:00:00"),
        ("2026-03-06T17:00:00", "2026-03-09T09:00:00"),  # a Friday
    ],
)
async def test_office_hours(now: str, until: str | None) -> None:
    connector, model = WorkflowEngine.CONNECTOR_MAP["office_hours"]
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    context: Any = SimpleNamespace(now=lambda: moment)

    result = await connector(model()).execute(context)

    if until is None:
        assert result is None
    else:
        assert isinstance(result, Pause)
        assert result.until == datetime.fromisoformat(until).replace(tzinfo=UTC)


def test_standard_suite_of_the_example_passes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-n", "0", "-p", "no:cacheprovider", str(FOLDER)],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "it has no credential" in done.stdout


def test_connector_of_the_readme_works(documents: Any, tmp_path: Path) -> None:
    """It is registered, and a definition that uses it runs from the command line."""
    (block,) = documents.blocks("python", "README.md")
    program = block.text + "\nfrom minizaps.cli.main import main\nmain()\n"
    (tmp_path / "weekday.py").write_text(program)
    step = {"type": "weekday", "config": {"day": "{{ trigger.body }}"}}
    (tmp_path / "day.json").write_text(json.dumps({"name": "day", "steps": [step]}))

    done = subprocess.run(
        [sys.executable, "weekday.py", "run", "day.json", "--input", '"2026-03-01"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert '{"weekday":"Sunday"}' in done.stdout


def test_page_describes_the_context_and_the_facts(documents: Any) -> None:
    page = documents.pages["docs/write-a-connector.md"]
    facts = [name for name in vars(BaseConnector)["__annotations__"] if not name.startswith("_")]
    for name in (*(f.name for f in dataclasses.fields(Context)), *facts):
        assert re.search(rf"`{name}(\(\))?`", page), name
