"""Which URLs name a broker, and what is said about those that do not."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest

from minizaps.brokers.open import open_broker
from minizaps.brokers.rabbitmq import RabbitMQ
from minizaps.brokers.redis import Redis
from minizaps.errors import SettingsInvalid


@pytest.mark.parametrize(
    ("url", "kind", "name"),
    [
        ("amqp://me:secret@mq.test:5673/shop", RabbitMQ, "amqp://mq.test:5673/shop"),
        ("amqps://me:secret@mq.test/?heartbeat=5", RabbitMQ, "amqps://mq.test/"),
        ("redis://:secret@[::1]:6380/2", Redis, "redis://[::1]:6380/2"),
        ("rediss://mq.test/0?password=secret", Redis, "rediss://mq.test/0"),
    ],
)
async def test_the_scheme_says_which_broker(url: str, kind: type, name: str) -> None:
    broker = open_broker(url)
    assert isinstance(broker, kind)
    assert broker.name == name
    assert "secret" not in repr(broker)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://me:secret@mq.test",
        "mq.test:5672",
        "amqp://",
        "amqp://me:sec/secret@mq.test",
        "redis://:12/secret@mq.test",
        "redis://:secret@mq.test:port",
        "",
    ],
)
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        open_broker(url)
    assert "MINIZAPS_BROKER_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "library", "extra"),
    [("amqp://mq.test", "aio_pika", "rabbitmq"), ("redis://mq.test", "redis", "redis")],
)
def test_a_missing_library_is_named(
    url: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {library!r}", name=f"{library}.asyncio")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(SettingsInvalid, match=rf"install minizaps\[{extra}\]"):
        open_broker(url)


def test_another_missing_module_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Callable[[], None]:
        raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ModuleNotFoundError):
        open_broker("redis://mq.test")
