"""What stands in the pages is right: blocks, links, and nothing of one machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema

from minizaps import WorkflowEngine

HERE = re.escape(f"{Path(__file__).resolve().parents[2]}/")
MACHINE = re.compile(rf"{HERE}|{re.escape(str(Path.home()))}/|/home/|/tmp/|/Users/")
TEXTS = ("*.md", "*.py", "*.json")


def _definitions(documents: Any) -> list[Any]:
    blocks = [json.loads(block.text) for block in documents.blocks("json")]
    return [block for block in blocks if isinstance(block, dict) and "steps" in block]


def test_json_blocks_are_json_and_definitions_are_valid(documents: Any) -> None:
    found = [block for block in _definitions(documents) if "name" in block]
    assert len(found) >= 4
    for definition in found:
        WorkflowEngine.check(definition)


def test_definitions_meet_the_published_schema(documents: Any, root: Path) -> None:
    schema = json.loads((root / "docs" / "definition.schema.json").read_text())
    assert schema == json.loads(json.dumps(WorkflowEngine.schema()))
    validator = jsonschema.Draft202012Validator(schema)
    paths = (root / "examples").glob("*.json")
    files = [json.loads(p.read_text()) for p in paths if not p.name.endswith(".test.json")]
    for definition in [d for d in _definitions(documents) if "name" in d] + files:
        validator.validate(definition)


def test_links_lead_somewhere(documents: Any, root: Path) -> None:
    for page, text in documents.pages.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
            if link.startswith(("http://", "https://")):
                continue
            name, _, anchor = link.partition("#")
            path = ((root / page).parent / name).resolve() if name else root / page
            assert path.exists(), f"{page}: {link}"
            assert path.is_relative_to(root), f"{page}: {link}"
            if anchor:
                assert anchor in _anchors(path.read_text()), f"{page}: {link}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_readme(documents: Any, root: Path) -> None:
    seen, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        for link in re.findall(r"\]\(([^)#\s]+\.md)", documents.pages[page]):
            path = str(((root / page).parent / link).resolve().relative_to(root))
            if path not in seen:
                todo.append(path)
    assert seen == set(documents.pages)


def test_nothing_names_a_machine(root: Path) -> None:
    folders = [root / "docs", root / "examples", root / "src"]
    files = [root / "README.md", root / "CHANGELOG.md", root / "Makefile"]
    files += [path for folder in folders for kind in TEXTS for path in folder.rglob(kind)]
    for path in files:
        if "web" in path.parts:
            continue
        found = MACHINE.search(path.read_text())
        assert found is None, f"{path.relative_to(root)}: {found}"


def test_python_blocks_compile(documents: Any) -> None:
    blocks = documents.blocks("python")
    assert len(blocks) >= 3
    for block in blocks:
        compile(block.text, block.page, "exec")


def test_pages_are_short_and_lines_too(documents: Any, root: Path) -> None:
    made = ("docs/cli.md", "docs/openapi.json")
    for page, text in documents.pages.items():
        prose = [line for line in text.splitlines() if not line.startswith("|")]
        assert len(prose) <= 300 or page in made, page
        if page != "docs/expressions.md":
            outside = re.sub(r"```.*?```", "", "\n".join(prose), flags=re.DOTALL)
            long = [line for line in outside.splitlines() if len(line) > 100]
            assert long == [], page
