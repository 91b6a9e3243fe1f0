"""Queries to Postgres."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import orjson
from yarl import URL

from minizaps.connectors.dial import Dialler, network_failed
from minizaps.connectors.kept import IDLE
from minizaps.connectors.named_tls import NamedTLS
from minizaps.connectors.sql_names import numbered
from minizaps.connectors.sql_parameters import converted
from minizaps.connectors.sql_query import Query, Result, check_names, check_size, plain, refused
from minizaps.errors import (
    AttemptTimedOut,
    ConnectorError,
    CredentialRefused,
    CredentialUnusable,
)

MOST_CONNECTIONS = 5  # of a process to one database, for each credential
GRACE = 10.0  # seconds beyond the query's own time, for a server that does not answer
_LOCAL = ("localhost", "127.0.0.1", "::1")
# Failures that pass: serialization and deadlock, resources, locks, shutdown.
_PASSING = ("40", "53", "55P03", "57P01", "57P02", "57P03")
_COPY = re.compile(r"(?>\s+|--[^\n]*|/\*.*?\*/)*+COPY\b", re.DOTALL | re.IGNORECASE)
_BROKEN = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what it heard is not Postgres' protocol
    asyncpg.PostgresConnectionError,
    OSError,
)


async def run(url: str, query: Query, dial: Dialler) -> Result:
    """Run a query.

    Connections are kept for the next ones: to open one takes 19 ms, a query on it 0.4 ms.

    Raises:
        ConnectorError: it failed; or, with the type `outcome_unknown`, that is not known.
    """
    async with dial.kept.use((__name__, url), lambda: _Database(url, dial)) as database:
        return await database.run(query)


class _Database:
    """A database with the connections to it."""

    def __init__(self, url: str, dial: Dialler) -> None:
        self._dial = dial
        self._url = parsed = URL(url)
        if not parsed.host or set(parsed.query) - {"sslmode"}:
            raise CredentialUnusable(
                "the URL is not like postgresql://USER:PASSWORD@HOST/DATABASE?sslmode=..."
            )
        self._host, self._port = parsed.host, parsed.port or 5432
        self._where = f"{self._host}:{self._port}"
        self._tls = self._make_tls()
        self._pool = asyncpg.create_pool(
            min_size=0,
            max_size=MOST_CONNECTIONS,
            max_inactive_connection_lifetime=IDLE,
            connect=self._connect,
            reset=_forget,
        )

    async def aclose(self) -> None:
        await self._pool.close()

    async def run(self, query: Query) -> Result:
        with self._errors(query):
            await self._pool
            connection = await self._pool.acquire(timeout=query.timeout)
            try:
                transaction = connection.transaction(readonly=query.read_only)
                try:
                    async with asyncio.timeout(query.timeout + GRACE):
                        await transaction.start()
                        result = await _fetch(connection, query)
                except BaseException:
                    await _roll_back(connection, transaction)
                    raise
                await self._commit(transaction, query)
                return result
            finally:
                with suppress(*_BROKEN, asyncpg.PostgresError):
                    await self._pool.release(connection, timeout=GRACE)

    async def _commit(self, transaction: Any, query: Query) -> None:
        try:
            async with asyncio.timeout(GRACE):
                await transaction.commit()
        except (*_BROKEN, asyncpg.OperatorInterventionError) as error:
            if query.read_only:
                raise
            raise ConnectorError(
                f"{self._where}: the connection broke during the commit, so whether the query had "
                "its effect is not known: look, then replay or discard",
                type="outcome_unknown",
            ) from error

    async def _connect(self, _: None, **options: Any) -> Any:
        return await asyncpg.connect(
            host=await self._dial.addresses(self._host, self._port),
            port=self._port,
            user=self._url.user or "",
            password=self._url.password or "",  # none, rather than one of the environment
            database=self._url.path.strip("/") or self._url.user,
            ssl=self._tls,
            statement_cache_size=0,
            server_settings={"application_name": "mini-zaps"},
            **options,
        )

    def _make_tls(self) -> ssl.SSLContext | bool:
        mode = self._url.query.get("sslmode")
        match mode or ("disable" if self._host in _LOCAL else "verify-full"):
            case "disable":
                return False
            case "require":
                unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                unchecked.check_hostname = False
                unchecked.verify_mode = ssl.CERT_NONE
                return unchecked
            case "verify-full":
                return NamedTLS.of(self._dial.tls, self._host)
        raise CredentialUnusable(
            f"sslmode={mode} is none of verify-full, require (without a check) and disable"
        )

    @contextmanager
    def _errors(self, query: Query) -> Iterator[None]:
        try:
            yield
        except asyncpg.QueryCanceledError as error:
            message = f"the query took longer than {query.timeout:g} s"
            raise AttemptTimedOut(message, retryable=True) from error
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise CredentialRefused(f"{self._where}: {error}") from error
        except _BROKEN as error:
            raise network_failed(self._where, error) from error
        except asyncpg.PostgresError as error:
            state = error.sqlstate or ""
            passing = state.startswith(_PASSING)
            raise refused(str(error), retryable=passing, sqlstate=state) from error


async def _roll_back(connection: Any, transaction: Any) -> None:
    try:
        async with asyncio.timeout(GRACE):
            await transaction.rollback()
    except (*_BROKEN, asyncpg.PostgresError):
        connection.terminate()


async def _forget(connection: Any) -> None:
    """Leave nothing of a query to the next one: no settings, no role, no temporary tables."""
    await connection.execute("DISCARD ALL")


async def _fetch(connection: Any, query: Query) -> Result:
    text, values = query.text, query.parameters
    if isinstance(values, dict):
        text, values = numbered(text, values)
    if _COPY.match(text):  # it would wait for data
        raise refused("COPY is not for a step: use INSERT or SELECT")
    await connection.execute(f"SET LOCAL statement_timeout = {max(1, int(query.timeout * 1000))}")
    statement = await connection.prepare(text)
    kinds = [kind.name for kind in statement.get_parameters()]
    if len(kinds) != len(values):
        raise refused(f"the query has {len(kinds)} parameters, and {len(values)} are given")
    bound = [converted(v, k, n) for n, (v, k) in enumerate(zip(values, kinds, strict=True), 1)]
    columns = statement.get_attributes()
    if not columns:
        await statement.fetch(*bound)
        changed = (statement.get_statusmsg() or "").rpartition(" ")[2]
        return Result([], int(changed) if changed.isdecimal() else 0)
    names = check_names([column.name for column in columns])
    documents = {column.name for column in columns if column.type.name in ("json", "jsonb")}
    cursor = await statement.cursor(*bound)
    found = await cursor.fetch(query.max_rows + 1)
    check_size(len(found), query)
    return Result([_row(record, names, documents) for record in found], len(found))


def _row(record: Any, names: list[str], documents: set[str]) -> dict[str, Any]:
    return {
        name: orjson.loads(value) if name in documents and value is not None else plain(value)
        for name, value in zip(names, record.values(), strict=True)
    }
