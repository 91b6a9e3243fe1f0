from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from minizaps import BaseConnector
from minizaps.connectors.base import Context
from minizaps.connectors.queue_publish import QueuePublishConnector
from minizaps.connectors.redis import RedisConnector
from minizaps.connectors.sql import SqlConnector
from minizaps.credentials.credential import Credential
from minizaps.credentials.types import Amqp, Database, Redis
from minizaps.errors import ConnectorError

POSTGRES = Database(url="postgresql://a:b@127.0.0.1/c")


@pytest.mark.parametrize(
    ("connector", "module", "credential", "library", "extra"),
    [
        (SqlConnector, "sql_postgres", POSTGRES, "asyncpg", "postgres"),
        (RedisConnector, "redis_client", Redis(url="redis://127.0.0.1"), "redis", "redis"),
        (QueuePublishConnector, "redis_client", Redis(url="redis://127.0.0.1"), "redis", "redis"),
        (QueuePublishConnector, "amqp_client", Amqp(url="amqp://a"), "aio_pika", "rabbitmq"),
    ],
)
async def test_a_library_that_is_missing_is_named_with_its_extra(
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    connector: type[BaseConnector],
    module: str,
    credential: Credential,
    library: str,
    extra: str,
) -> None:
    monkeypatch.delitem(sys.modules, f"minizaps.connectors.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConnectorError) as failed:
        await connector.try_credential(replace(context, credential=credential))
    assert failed.value.type == "not_installed"
    assert library in str(failed.value)
    assert f"install minizaps[{extra}]" in str(failed.value)


def test_no_extra_is_needed_to_import_the_package() -> None:
    without = "import sys; sys.modules.update(asyncpg=None, redis=None, aio_pika=None)"
    subprocess.run([sys.executable, "-c", f"{without}; import minizaps"], check=True)
