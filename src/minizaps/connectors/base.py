"""The connector contract: a config model, a class with one `execute`, one entry in the map."""

from __future__ import annotations

import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from minizaps.credentials.credential import Credential
from minizaps.definition.poll import PollDefaults
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import CredentialUnusable

if TYPE_CHECKING:
    from minizaps.connectors.dial import Dialler
    from minizaps.connectors.outbound import HttpClient


class ConnectorConfig(BaseModel):
    """The fields of a step's `config` block. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_logger = logging.getLogger("minizaps.step")
C = TypeVar("C", bound=ConnectorConfig)
K = TypeVar("K", bound=Credential)


@dataclass(frozen=True, slots=True)
class Pause:
    """What `execute` returns to wait: the run leaves memory until then.

    Args:
        until: the time (aware) at which the step has succeeded and the run goes on.
        output: the step's output once the pause is over.
    """

    until: datetime
    output: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What an attempt is given beside its config.

    Attributes:
        data: the run's data (`trigger`, `steps`, ...), read-only.
        run_id: the run's id.
        path: the step's path in the definition.
        attempt: the attempt's number, from 1.
        idempotency_key: the same for every attempt of this step in this run.
        http: the shared HTTP client; it refuses addresses that are not allowed.
        dial: opens other connections, to addresses that are allowed.
        now: the current time (aware), under the tests' control.
        credential: the step's credential, opened; None where it names none.
    """

    data: Mapping[str, Any]
    run_id: str
    path: str
    attempt: int
    idempotency_key: str
    http: HttpClient
    dial: Dialler
    now: Callable[[], datetime]
    credential: Credential | None = None

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the run and the step."""
        return logging.LoggerAdapter(_logger, {"run": self.run_id, "step": self.path})

    def opened(self, kind: type[K]) -> K:
        """The step's credential, if it is one of a kind.

        Raises:
            CredentialUnusable: it is not.
        """
        if isinstance(self.credential, kind):
            return self.credential
        found = "none" if self.credential is None else self.credential.type
        raise CredentialUnusable(f"the step needs a credential {kind.__name__}, and has {found}")


class BaseConnector(ABC, Generic[C]):
    """Does what a step's `type` names.

    Class facts, all optional:
        idempotent: an attempt that was cut off may be run again, whatever the config.
        pure: it only computes: no effect outside the run, nothing to wait for. The engine waits
            neither for the disk nor, unless the step sets a timeout, with a timer around it.
        timeout: seconds that one attempt may take, unless the step says otherwise.
        retry: the retry policy, unless the step says otherwise.
        credential: the types of credentials that a step may name; the engine opens it, so that
            `context.credential` is of one of them.
        poll: how its output is read as a list of items, where a trigger polls by it. Without it
            the trigger says so itself, if the connector is `idempotent` and not `pure`.
        credential_required: whether a step has to name one.
    """

    idempotent: bool = False
    pure: ClassVar[bool] = False
    timeout: ClassVar[float] = 300.0
    retry: ClassVar[RetryPolicy] = RetryPolicy(max_attempts=1)
    credential: ClassVar[tuple[type[Credential], ...]] = ()
    credential_required: ClassVar[bool] = False
    poll: ClassVar[PollDefaults | None] = None

    def __init__(self, config: C) -> None:
        self.config = config

    @abstractmethod
    async def execute(self, context: Context) -> dict[str, Any] | Pause | None:
        """Do the step's work once.

        Returns:
            the step's output (merged into the run's context), a `Pause`, or None for no output.

        Raises:
            ConnectorError: the attempt failed; `retryable` says whether to try again.
        """

    def may_repeat(self) -> bool:
        """Whether an attempt with this config that was cut off may be run again."""
        return self.idempotent

    @classmethod
    async def try_credential(cls, context: Context) -> str | None:
        """Find out whether `context.credential` is accepted, without an effect.

        Returns:
            a sentence that says what was tried; None if there is no way to tell.

        Raises:
            ConnectorError: it is not accepted, or the other side cannot be reached.
        """
        return None

    @classmethod
    def for_config(cls, config: Mapping[str, Any]) -> type[BaseConnector[C]]:
        """The class whose facts hold for a step: this one, unless they depend on its config.

        Args:
            config: as it is written, with expressions in it.
        """
        return cls

    @classmethod
    def description(cls) -> str:
        """The first paragraph of the class's docstring."""
        return inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].replace("\n", " ")
