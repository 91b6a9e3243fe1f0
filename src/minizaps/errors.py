"""Every exception of Mini-Zaps, one tree.

MinizapsError
├── InvalidInput                 what a person sent is wrong: says where and what to do
│   ├── DefinitionInvalid
│   ├── JsonInvalid
│   ├── SettingsInvalid
│   └── ExpressionSyntaxError
├── LimitExceeded
├── NotFound
├── NotAllowed
├── Conflict
│   ├── PreconditionFailed
│   └── IdempotencyMismatch
├── JournalError
│   ├── JournalUnavailable
│   ├── LeaseLost
│   └── WorkerLocked
├── BrokerUnavailable
├── ExpressionError              a correct expression failed on the run's data
└── ConnectorError               an attempt failed
    ├── AddressRefused
    ├── NetworkFailed
    ├── AttemptTimedOut
    ├── ResponseRefused
    ├── CredentialUnusable
    │   └── CredentialRevoked
    └── CredentialRefused
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with the JSON pointer (RFC 6901) of where it is."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.detail}" if self.pointer else self.detail


SHOWN_BEFORE = 100  # characters of a wrong line


class MinizapsError(Exception):
    """Something went wrong in Mini-Zaps."""


class InvalidInput(MinizapsError):
    """The input is not valid."""

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", problems)]
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class DefinitionInvalid(InvalidInput):
    """The definition is not valid."""


class JsonInvalid(InvalidInput):
    """The text is not acceptable JSON."""


class SettingsInvalid(InvalidInput):
    """The settings are not valid."""


class ExpressionSyntaxError(InvalidInput):
    """The expression cannot be read.

    Args:
        message: what is wrong.
        line, column: where, both counted from 1, within the whole string.
        source: the whole string; the message shows the line with a caret under the place.
    """

    def __init__(self, message: str, *, line: int, column: int, source: str) -> None:
        self.message, self.line, self.column = message, line, column
        start = max(0, column - SHOWN_BEFORE)
        shown = source.split("\n")[line - 1][start : start + 2 * SHOWN_BEFORE]
        caret = " " * (column - 1 - start) + "^"
        super().__init__(f"{message} (line {line}, column {column})\n  {shown}\n  {caret}")


class LimitExceeded(MinizapsError):
    """A limit was exceeded."""

    def __init__(self, message: str, *, limit: str) -> None:
        self.limit = limit
        super().__init__(message)


class NotFound(MinizapsError):
    """There is no such thing."""


class NotAllowed(MinizapsError):
    """The key's role does not allow this."""


class Conflict(MinizapsError):
    """The request does not fit the present state."""


class PreconditionFailed(Conflict):
    """The thing has changed since it was read."""


class IdempotencyMismatch(Conflict):
    """The idempotency key was used before with another body."""


class JournalError(MinizapsError):
    """The journal could not do what was asked."""


class JournalUnavailable(JournalError):
    """The database does not take writes at the moment."""


class LeaseLost(JournalError):
    """The run is no longer this worker's: it was ended or claimed by another."""


class WorkerLocked(JournalError):
    """Another worker is running on this data folder."""


class BrokerUnavailable(MinizapsError):
    """The broker has not confirmed the message, or cannot be reached."""


class ExpressionError(MinizapsError):
    """The expression failed on the run's data.

    Args:
        message: what is wrong.
        line, column: where, both counted from 1, within the whole string.

    Attributes:
        pointer: the JSON pointer of the string, within the value that was computed.
    """

    pointer = ""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        self.message, self.line, self.column = message, line, column
        super().__init__(f"{message} (line {line}, column {column})")


class ConnectorError(MinizapsError):
    """The attempt failed.

    Args:
        message: what happened, for the person who reads the run.
        retryable: whether a later attempt may succeed.
        retry_after: seconds that the other side asked to wait, if it did.
        type: the error's class, a stable lower_snake word that people filter by.
        details: more facts as JSON, shown with the error.
    """

    type = "connector_error"

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        type: str | None = None,  # noqa: A002
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.type = type or self.type
        self.details = details or {}


class AddressRefused(ConnectorError):
    """The address may not be reached from here."""

    type = "address_refused"


class NetworkFailed(ConnectorError):
    """The other side could not be reached, or the connection broke."""

    type = "network"


class AttemptTimedOut(ConnectorError):
    """The attempt took longer than its timeout."""

    type = "timeout"


class ResponseRefused(ConnectorError):
    """The response was too large or not readable."""

    type = "response"


class CredentialUnusable(ConnectorError):
    """The credential cannot be opened, or is not of a type that the step takes."""

    type = "credential"


class CredentialRevoked(CredentialUnusable):
    """The consent behind the credential is gone: a person has to give it again."""


class CredentialRefused(ConnectorError):
    """The other side does not accept the credential."""

    type = "credential_refused"
