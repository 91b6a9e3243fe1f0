"""Secrets that are kept elsewhere: `env:NAME`, an environment variable; `file:/path`, a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from minizaps.errors import CredentialUnusable

ENV, FILE = "env:", "file:"
LARGEST = 64 * 1024  # bytes of a file


@dataclass(frozen=True, slots=True)
class Sources:
    """Which secrets of the server a credential may refer to. Others stay the operator's own.

    Attributes:
        variables: patterns of names, such as `CREDENTIAL_*`.
        folders: folders whose files may be read.
    """

    variables: Sequence[str] = ()
    folders: Sequence[Path] = ()

    def resolve(self, value: Any) -> Any:
        """A credential's fields, each reference in them replaced by what it refers to.

        Raises:
            CredentialUnusable: one may not be read, or is not there.
        """
        if isinstance(value, dict):
            return {name: self.resolve(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.resolve(part) for part in value]
        if isinstance(value, str) and value.startswith(ENV):
            return self._variable(value.removeprefix(ENV))
        if isinstance(value, str) and value.startswith(FILE):
            return self._file(Path(value.removeprefix(FILE)))
        return value

    def check_file(self, path: Path) -> Path:
        """The real path of a file that may be used.

        Raises:
            CredentialUnusable: it lies in none of the folders.
        """
        try:
            real = path.resolve()
        except (OSError, RuntimeError, ValueError):  # links that go round, a NUL
            raise CredentialUnusable(f"the file {path} cannot be found") from None
        if not any(real.is_relative_to(folder.resolve()) for folder in self.folders):
            raise CredentialUnusable(
                f"the file {path} is in no folder that MINIZAPS_CREDENTIAL_FOLDERS lists"
            )
        return real

    def _variable(self, name: str) -> str:
        if not any(fnmatchcase(name, pattern) for pattern in self.variables):
            allowed = ", ".join(self.variables) or "none"
            raise CredentialUnusable(
                f"the environment variable {name} may not be read: MINIZAPS_CREDENTIAL_ENV allows "
                f"{allowed}"
            )
        if not (value := os.environ.get(name)):
            raise CredentialUnusable(f"the environment variable {name} is not set")
        return value

    def _file(self, path: Path) -> str:
        real = self.check_file(path)
        try:
            if real.exists() and not real.is_file():
                raise CredentialUnusable(f"the file {path}: is no file")
            if real.stat().st_size > LARGEST:
                raise CredentialUnusable(f"the file {path} has more than {LARGEST} bytes")
            return real.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no text"
            raise CredentialUnusable(f"the file {path}: {reason}") from None


def is_reference(value: object) -> bool:
    """Whether a field's text refers to a secret elsewhere."""
    return isinstance(value, str) and value.startswith((ENV, FILE))
