"""The `sql` connector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from minizaps.connectors import sql_sqlite
from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.extras import load
from minizaps.connectors.sql_query import Query, Result
from minizaps.credentials.types import SQLITE, Database
from minizaps.definition.durations import Duration
from minizaps.definition.poll import PollDefaults
from minizaps.definition.steps import FIXED, RetryPolicy
from minizaps.errors import CredentialUnusable

_POSTGRES = ("postgresql://", "postgres://")


class SqlConfig(ConnectorConfig):
    """One statement, with the values that go into it."""

    query: str = Field(
        min_length=1,
        max_length=100_000,
        json_schema_extra=FIXED,
        description="One statement, as fixed text: what is computed goes into `parameters`. Their "
        "places are `$1`, `$2` (Postgres), `?` (SQLite), or `:name` (both).",
    )
    parameters: list[Any] | dict[str, Any] = Field(
        default_factory=list,
        description="The values of the places: a list, or an object for `:name`. Times are ISO "
        "8601, bytes base64; lists and objects are JSON, or arrays of Postgres.",
    )
    read_only: bool = Field(
        default=False,
        description="Refuse what changes the database. Such a step may be repeated without harm.",
    )
    max_rows: int = Field(
        default=1000, ge=1, le=100_000, description="The most rows; with more, the step fails."
    )
    timeout: Duration = Field(
        default=60.0, gt=0, le=600, description="How long the statement may take."
    )


class SqlConnector(BaseConnector[SqlConfig]):
    """Runs a statement on a database, Postgres or SQLite, in a transaction of its own.

    The output is `{"rows", "row_count"}`: the rows as objects, and how many they are; for a
    statement without rows, how many it has changed. Decimals, times and what else JSON does not
    have are text, bytes are base64 text.

    To Postgres it speaks TLS, and checks the certificate, unless the server is on this machine or
    the credential's URL ends with `?sslmode=disable`; `?sslmode=require` encrypts without a check.
    A connection that breaks during the commit of a step that is not `read_only` makes it
    `outcome_unknown`; other failures leave nothing behind.
    """

    poll = PollDefaults(items="{{ rows }}")
    timeout = 660.0
    retry = RetryPolicy(max_attempts=5, delay=1, backoff=3, max_delay=300, jitter=True)
    credential = (Database,)
    credential_required = True

    def may_repeat(self) -> bool:
        return self.config.read_only

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        query = Query(
            config.query, config.parameters, config.read_only, config.max_rows, config.timeout
        )
        result = await _run(context, query)
        return {"rows": result.rows, "row_count": result.count}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        await _run(context, Query("SELECT 1", [], read_only=True, max_rows=1, timeout=10))
        return "connected, and asked for SELECT 1"


async def _run(context: Context, query: Query) -> Result:
    url = context.opened(Database).url.get_secret_value()
    if url.startswith(SQLITE):
        return await sql_sqlite.run(Path(url.removeprefix(SQLITE)), query)
    if url.startswith(_POSTGRES):
        result: Result = await load("sql_postgres", "postgres").run(url, query, context.dial)
        return result
    raise CredentialUnusable(f"the URL begins with neither {_POSTGRES[0]} nor {SQLITE}")
