"""The address of a broker, which keeps the password in it to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from yarl import URL

from minizaps.errors import BrokerUnavailable, Problem, SettingsInvalid


@dataclass(frozen=True)
class Address:
    """Where a broker is.

    Attributes:
        url: all of it, with the password.
        name: what may be shown.
    """

    url: str = field(repr=False)
    name: str
    secrets: tuple[str, ...] = field(repr=False, default=())

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL.

        Raises:
            SettingsInvalid: it is none.
        """
        try:
            parsed = URL(url)
            name = str(parsed.with_user(None).with_query(None).with_fragment(None))
            valid = bool(parsed.host) and "@" not in name
        except ValueError:
            valid = False
        if not valid:
            raise refused(
                "not a URL such as amqp://USER:PASSWORD@HOST:5672/ or redis://HOST:6379/0; "
                "percent-encode special characters in the password"
            )
        secrets = (parsed.password, parsed.raw_password, parsed.query.get("password"))
        return cls(url, name, tuple(secret for secret in secrets if secret))

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise `BrokerUnavailable` in place of whatever a broker's library raises."""
        try:
            yield
        except BrokerUnavailable:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # A library that closes a connection cancels what waits for it.
            raise self.unavailable(error) from None
        except Exception as error:
            raise self.unavailable(error) from None

    def unavailable(self, reason: BaseException | str) -> BrokerUnavailable:
        """The error that says why the broker cannot be used."""
        text = "no answer in time" if isinstance(reason, TimeoutError) else str(reason)
        for secret in self.secrets:
            text = text.replace(secret, "***")
        text = text or type(reason).__name__
        return BrokerUnavailable(f"the broker {self.name} is not reachable: {text}")


def refused(detail: str) -> SettingsInvalid:
    """The error for a broker's URL that cannot be used."""
    return SettingsInvalid([Problem("MINIZAPS_BROKER_URL", detail)])
