"""What a credential is: the fields of one type, opened for the attempt that uses it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretBytes, SecretStr


class Credential(BaseModel):
    """The fields of a credential. Secret ones are `SecretStr`; unknown ones are refused.

    Attributes:
        type: names the type; once in an installation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    type: ClassVar[str]

    @classmethod
    def description(cls) -> str:
        """The first paragraph of the class's docstring."""
        return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")

    def secrets(self) -> list[str]:
        """The texts that are not to be shown: the values of its secret fields."""
        return [text for value in dict(self).values() for text in _secrets(value)]

    def files(self) -> list[Path]:
        """The files of the server that it gives access to."""
        return []


class HttpCredential(Credential):
    """One that a request shows in a header."""

    def header(self) -> tuple[str, str]:
        """The header's name and value."""
        raise NotImplementedError

    def secrets(self) -> list[str]:
        return [*super().secrets(), self.header()[1].rpartition(" ")[2]]


class AccessToken(HttpCredential):
    """What an `oauth2` or `google_service_account` credential is opened as: a token for now."""

    type: ClassVar[str] = "access_token"
    token: SecretStr
    test_url: str | None = None

    def header(self) -> tuple[str, str]:
        return "Authorization", f"Bearer {self.token.get_secret_value()}"


def _secrets(value: Any) -> list[str]:
    match value:
        case SecretStr():
            return [value.get_secret_value()]
        case SecretBytes():
            return [value.get_secret_value().decode(errors="replace")]
        case BaseModel():
            return [text for part in dict(value).values() for text in _secrets(part)]
        case dict():
            return [text for part in value.values() for text in _secrets(part)]
        case list() | tuple() | set() | frozenset():
            return [text for part in value for text in _secrets(part)]
    return []
