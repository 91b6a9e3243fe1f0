"""The commands of the documentation are really run, in their order, beside a real server."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)  # each command is a process of its own

WALK = "A first workflow in five minutes"
MARK = "-- block --"
# What differs from one time to the next, and what it has to look like.
_VARYING = {
    "id": (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"[0-9a-f-]{36}"),
    "time": (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    "spent": (r"\d+ ms|\d+\.\d s", r"(?:\d+ ms|\d+\.\d s)"),
    "port": (r"127\.0\.0\.1:8\d{3}", r"127\.0\.0\.1:\d+"),
    "rest": (r"…", r".*"),
    "space": (r"\s+", r"\s+"),
}
_TOKENS = re.compile("|".join(f"(?P<{name}>{found})" for name, (found, _) in _VARYING.items()))


def test_five_minutes_of_the_readme(served: Any, documents: Any, port: int) -> None:
    blocks = [b for b in documents.blocks("sh", "README.md") if b.heading == WALK]
    shown = re.findall(
        r"```sh\n(.*?)```(?:\s*```text\n(.*?)```)?", documents.pages["README.md"], re.DOTALL
    )
    expected = dict(shown)
    assert len(blocks) >= 8
    script = f"\necho '{MARK}'\n".join(block.text for block in blocks)

    done = served.shell(script.replace("8000", str(port)))

    outputs = done.stdout.split(MARK)
    assert len(outputs) == len(blocks), done.stdout + done.stderr
    for block, output in zip(blocks, outputs, strict=True):
        if text := expected[block.text]:
            message = f"{block.text}\nprinted\n{output}\n{done.stderr}"
            assert _pattern(text).fullmatch(output.strip()), message


def _pattern(text: str) -> re.Pattern[str]:
    """What an output has to look like; `…` stands for anything."""
    parts, position = [], 0
    text = text.strip()
    for match in _TOKENS.finditer(text):
        parts += [re.escape(text[position : match.start()]), _VARYING[str(match.lastgroup)][1]]
        position = match.end()
    return re.compile("".join([*parts, re.escape(text[position:])]), re.DOTALL)


def test_commands_of_the_api_page(served: Any, documents: Any) -> None:
    key = re.search(r"mz_\S+", served.greeting)
    assert key is not None
    blocks = documents.blocks("sh", "docs/api.md")
    script = f"\necho; echo '{MARK}'\n".join(block.text for block in blocks)

    done = served.shell(
        "set -e -o pipefail\n" + script,
        MINIZAPS_URL=f"http://127.0.0.1:{served.port}",
        MINIZAPS_API_KEY=key[0],
    )

    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(MARK)
    assert len(outputs) == len(blocks)
    problems = [o for o in outputs if '"about:blank"' in o]
    assert problems == []
    text = done.stdout
    assert '"text":"Hello, Ada!"' in text
    assert "event: succeed" in text
    assert '"name":"dashboard"' in text
    assert len(set(re.findall(r'\{"run_id":"([^"]+)"\}', text))) == 1


def test_commands_of_the_operators_pages(served: Any, documents: Any) -> None:
    pages = ("docs/operate.md", "docs/backup.md", "docs/capacity.md")
    blocks = [block for page in pages for block in documents.blocks("sh", page)]
    script = f"\necho '{MARK}'\n".join(block.text for block in blocks)

    done = served.shell("set -e\n" + script)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAD" not in done.stdout
    assert (served.folder / "backup.db").stat().st_mode & 0o777 == 0o600


def test_greeting_starts_the_example(served: Any) -> None:
    line = next(line for line in served.greeting.splitlines() if "curl" in line)

    done = served.shell(f"{line}\nminizaps runs watch")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello, Ada! The server is live." in done.stdout
