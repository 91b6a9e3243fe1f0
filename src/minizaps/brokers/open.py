"""Opens the broker that a URL names."""

from __future__ import annotations

import importlib
from typing import NamedTuple, cast

from yarl import URL

from minizaps.brokers.address import Address, refused
from minizaps.brokers.broker import Broker


class _Kind(NamedTuple):
    extra: str  # of the package; also the name of the module here
    library: str
    broker: str


_RABBITMQ = _Kind("rabbitmq", "aio_pika", "RabbitMQ")
_REDIS = _Kind("redis", "redis", "Redis")
_KINDS = {"amqp": _RABBITMQ, "amqps": _RABBITMQ, "redis": _REDIS, "rediss": _REDIS}


def open_broker(url: str) -> Broker:
    """The broker with this URL; it need not be there yet.

    Raises:
        SettingsInvalid: there is no broker for such a URL, or its library is not installed.
    """
    address = Address.parse(url)
    kind = _KINDS.get(URL(url).scheme)
    if kind is None:
        raise refused(f"must begin with {', '.join(f'{scheme}://' for scheme in _KINDS)}")
    try:
        module = importlib.import_module(f"minizaps.brokers.{kind.extra}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != kind.library:
            raise
        raise refused(f"install minizaps[{kind.extra}] for {address.name}") from None
    return cast(Broker, getattr(module, kind.broker)(address))
