"""A credential refers to secrets of the server that the operator has opened, and to no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from minizaps.credentials.references import Sources
from minizaps.errors import CredentialUnusable


def test_references_are_replaced_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDENTIAL_A", "from the environment")
    (tmp_path / "b").write_text("from a file\n")
    sources = Sources(["CREDENTIAL_*"], [tmp_path])
    fields = {"a": "env:CREDENTIAL_A", "b": [f"file:{tmp_path}/b"], "c": "text", "d": 1}
    assert sources.resolve(fields) == {
        "a": "from the environment", "b": ["from a file"], "c": "text", "d": 1
    }  # fmt: skip


@pytest.mark.parametrize("name", ["MINIZAPS_SECRET_KEY", "PATH", "credential_a", "XCREDENTIAL_A"])
def test_other_variables_stay_the_operators_own(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "the operator's own")
    with pytest.raises(CredentialUnusable, match="may not be read") as refused:
        Sources(["CREDENTIAL_*"]).resolve(f"env:{name}")
    assert "own" not in str(refused.value)


def test_files_outside_the_folders_are_not_read(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.write_text("secret")
    (inside / "link").symlink_to(outside)
    sources = Sources([], [inside])
    for path in (outside, inside / "link", inside / ".." / "out", Path("/etc/passwd")):
        with pytest.raises(CredentialUnusable, match="no folder"):
            sources.resolve(f"file:{path}")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    sources = Sources(["CREDENTIAL_*"], [tmp_path])
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for reference, says in (
        ("env:CREDENTIAL_NONE", "is not set"),
        (f"file:{tmp_path}/none", "No such file"),
        (f"file:{tmp_path}/big", "more than"),
        (f"file:{tmp_path}/binary", "is no text"),
    ):
        with pytest.raises(CredentialUnusable, match=says):
            sources.resolve(reference)
