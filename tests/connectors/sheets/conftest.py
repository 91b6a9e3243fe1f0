"""The local server, and two clients of it: the connector and Google's own library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

from minizaps.connectors.base import Context
from minizaps.connectors.google_sheets import GoogleSheetsConfig, GoogleSheetsConnector
from minizaps.credentials.credential import AccessToken
from tests.connectors.sheets.server import TOKEN, SheetsServer

Sheets = Callable[..., Awaitable[Any]]


@pytest.fixture
async def server(serve: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SheetsServer]:
    """Running, and the place where the connector looks for the API."""
    server = SheetsServer()
    monkeypatch.setattr(GoogleSheetsConnector, "api", await serve(server.answer))
    yield server
    assert server.problems == []


@pytest.fixture
def sheets(context: Context, server: SheetsServer) -> Sheets:
    """Executes the connector; `attempt` and `key` are the attempt's, the rest is the config."""
    shown = replace(context, credential=AccessToken(token=TOKEN))

    async def execute(action: str, *, attempt: int = 1, key: str = "key", **config: Any) -> Any:
        given = {"action": action, "spreadsheet_id": "book", "range": "Orders!A:D", **config}
        connector = GoogleSheetsConnector(GoogleSheetsConfig.model_validate(given))
        return await connector.execute(replace(shown, attempt=attempt, idempotency_key=key))

    return execute


class Google:
    """Google's own client: the same acts, by the library's methods."""

    def __init__(self, api: str) -> None:
        credentials = Credentials(TOKEN)
        options = {"api_endpoint": api}
        self._service = service = build(
            "sheets", "v4", credentials=credentials, client_options=options, static_discovery=True
        )
        self._values = service.spreadsheets().values()
        self._all = service.spreadsheets()

    def close(self) -> None:
        self._service.close()

    async def append(self, cells: str, rows: list[list[Any]]) -> None:
        await self._do(
            self._values.append(
                spreadsheetId="book",
                range=cells,
                valueInputOption="USER_ENTERED",
                body={"values": rows},
            )
        )

    async def update(self, cells: str, rows: list[list[Any]]) -> None:
        await self._do(
            self._values.update(
                spreadsheetId="book", range=cells, valueInputOption="RAW", body={"values": rows}
            )
        )

    async def read(self, cells: str) -> list[list[Any]]:
        answer = await self._do(
            self._values.get(
                spreadsheetId="book", range=cells, valueRenderOption="UNFORMATTED_VALUE"
            )
        )
        return answer.get("values", [])

    async def clear(self, cells: str) -> None:
        await self._do(self._values.clear(spreadsheetId="book", range=cells, body={}))

    async def change(self, requests: list[dict[str, Any]]) -> Any:
        return await self._do(
            self._all.batchUpdate(spreadsheetId="book", body={"requests": requests})
        )

    async def marks(self) -> list[dict[str, Any]]:
        body = {"dataFilters": [{"developerMetadataLookup": {"metadataKey": "minizaps"}}]}
        found = self._all.developerMetadata().search(spreadsheetId="book", body=body)
        answer = await self._do(found)
        return [m["developerMetadata"] for m in answer.get("matchedDeveloperMetadata", [])]

    async def _do(self, request: Any) -> Any:
        return await asyncio.to_thread(request.execute)


@pytest.fixture
def google(server: SheetsServer) -> Iterator[Google]:
    with closing(Google(GoogleSheetsConnector.api)) as client:
        yield client
