"""`minizaps connector new`: a package with a connector, made from templates."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template

from minizaps.cli.client import Failed
from minizaps.definition.steps import BLOCKS, ID_PATTERN

# Each file of the package, and the template that it is made from.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "src/$module/__init__.py": "__init__.py",
    "src/$module/connector.py": "connector.py",
    "tests/test_connector.py": "test_connector.py",
    "examples/$step_type.json": "example.json",
}


def check_name(name: str, taken: Collection[str]) -> None:
    """Refuse what cannot be a new step type.

    Args:
        taken: the step types that there are.

    Raises:
        Failed: with the reason.
    """
    if not re.fullmatch(ID_PATTERN, name):
        raise Failed(f"{name!r}: a step type is lower-case letters, digits and _, such as send_sms")
    if name in taken or name in BLOCKS:
        raise Failed(f"there is a step type {name!r} already")
    if keyword.iskeyword(name):
        raise Failed(f"{name!r} is a word of Python")


def make_package(name: str, folder: Path) -> list[Path]:
    """Write the package, and return its files.

    Raises:
        Failed: there is something in the folder already, or it cannot be written.
    """
    words = {
        "step_type": name,
        "name": "".join(word.capitalize() for word in name.split("_")),
        "module": f"minizaps_{name}",
        "package": f"minizaps-{name.replace('_', '-').strip('-')}",
        "version": version("minizaps"),
    }
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failed(f"{folder} is there already, and not empty: name another --folder")
    templates = resources.files("minizaps").joinpath("templates", "connector")
    made = []
    for path, template in FILES.items():
        text = templates.joinpath(f"{template}.txt").read_text()
        file = folder / Template(path).substitute(words)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(Template(text).substitute(words))
        except OSError as error:
            raise Failed(f"cannot write {file}: {error.strerror}") from None
        made.append(file)
    return made
