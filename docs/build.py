"""Makes the generated parts of the documentation: `python -m docs.build`.

With `--check` nothing is written; the command fails and names each file that is not up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson

from docs import interfaces, reference
from docs.markdown import fenced, fill
from minizaps import WorkflowEngine
from minizaps.api.server import create_api
from minizaps.simulation.written import Suite

ROOT = Path(__file__).parent.parent


def _source(path: str) -> str:
    return fenced((ROOT / path).read_text(), "python")


def _sources(*names: str) -> dict[str, Callable[[], str]]:
    return {name: partial(_source, f"examples/connector/{name}.py") for name in names}


# The parts of pages that are written by hand otherwise: page -> marker -> what goes there.
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"settings": reference.settings_table},
    "docs/definition.md": {
        "fields": reference.definition_fields,
        "limits": reference.limits_table,
    },
    "docs/control-flow.md": {"fields": reference.control_fields},
    "docs/run-limits.md": {"fields": reference.run_limit_fields},
    "docs/webhooks.md": {"fields": reference.webhook_fields},
    "docs/state-machine.md": {
        "statuses": interfaces.statuses_table,
        "diagram": interfaces.state_diagram,
        "transitions": interfaces.transitions_table,
    },
    "docs/testing.md": {"fields": reference.test_fields},
    "docs/cli.md": {"commands": interfaces.commands_reference},
    "docs/api.md": {
        "calls": interfaces.routes_table,
        "roles": interfaces.roles_table,
        "problems": interfaces.problems_table,
    },
    "docs/errors.md": {"exceptions": interfaces.errors_table},
    "docs/write-a-connector.md": _sources("text_message", "office_hours"),
    "docs/test-a-connector.md": _sources("test_text_message", "run_it"),
}


def made() -> dict[Path, str]:
    """Every file that is made or has made parts, with its right content."""
    files = {ROOT / page: _filled(ROOT / page, parts) for page, parts in PARTS.items()}
    connectors = ROOT / "docs" / "connectors"
    for name, text in reference.connector_pages().items():
        files[connectors / name] = text
    files[connectors / "README.md"] = reference.connector_index()
    files[connectors / "credentials.md"] = reference.credentials_page()
    files[ROOT / "docs" / "definition.schema.json"] = _json(WorkflowEngine.schema())
    files[ROOT / "docs" / "test.schema.json"] = _json(Suite.model_json_schema())
    files[ROOT / "docs" / "openapi.json"] = _json(create_api().openapi())
    return files


def stale() -> list[str]:
    """The files whose content is not what it should be, as paths from the project's root."""
    right = made()
    wrong = [path for path, text in right.items() if not path.exists() or path.read_text() != text]
    pages = (ROOT / "docs" / "connectors").glob("*.md")
    return sorted(str(path.relative_to(ROOT)) for path in {*wrong, *(set(pages) - right.keys())})


def _filled(path: Path, parts: dict[str, Callable[[], str]]) -> str:
    text = path.read_text()
    for name, make in parts.items():
        text = fill(text, name, make())
    return text


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def main(arguments: list[str]) -> int:
    """Write the generated parts, or with `--check` only compare them."""
    if arguments == ["--check"]:
        wrong = stale()
        for path in wrong:
            sys.stderr.write(f"{path} is not up to date: run `make docs`\n")
        return 1 if wrong else 0
    if arguments:
        sys.stderr.write("usage: python -m docs.build [--check]\n")
        return 2
    for path, text in made().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
