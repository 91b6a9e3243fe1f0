"""A local server of the Google Sheets API; each call is checked against its description."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.connectors.sheets.book import ApiError, Book
from tests.connectors.sheets.discovery import Method, find_method

TOKEN = "ya29.token"


class SheetsServer:
    """Keeps the spreadsheet `book`, and all calls.

    Attributes:
        lost: how many changes are made whose answers are lost.
        failures: what to answer to the next calls instead: status, and headers.
    """

    def __init__(self) -> None:
        self.book = Book("Orders", "Tom's list")
        self.calls: list[str] = []
        self.problems: list[str] = []
        self.failures: list[tuple[int, dict[str, str]]] = []
        self.lost = 0

    async def answer(self, request: web.Request) -> web.Response:
        method = find_method(request.method, request.path.removeprefix("/"))
        if method is None:
            self.problems.append(f"{request.method} {request.path} is not known")
            return _error(404, "no such method")
        self.calls.append(method.id.removeprefix("sheets.spreadsheets."))
        body = await request.json() if request.can_read_body else None
        query = {name: request.query.getall(name) for name in request.query}
        self.problems += [f"{method.id}: {p}" for p in method.request_problems(query, body)]
        if self.failures:
            status, headers = self.failures.pop(0)
            return _error(status, "not now", headers)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "Request had invalid authentication credentials.")
        if method.parameters["spreadsheetId"] == "private":
            return _error(403, "The caller does not have permission")
        if method.parameters["spreadsheetId"] != "book":
            return _error(404, "Requested entity was not found.")
        try:
            answer = self._answer(method, query, body)
        except ApiError as error:
            return _error(error.status, str(error))
        self.problems += [f"{method.id}: {p}" for p in method.answer_problems(answer)]
        if self.lost and method.id.endswith(("batchUpdate", "append")):
            self.lost -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(answer)

    def _answer(self, method: Method, query: dict[str, list[str]], body: Any) -> dict[str, Any]:
        book, given = self.book, method.parameters
        option = query.get("valueInputOption", [""])[0]
        match method.id.removeprefix("sheets.spreadsheets."):
            case "get":
                return {"sheets": [_place(book, each) for each in query["ranges"]]}
            case "batchUpdate":
                return {"spreadsheetId": "book", "replies": book.change(body["requests"])}
            case "developerMetadata.search":
                found = [{"developerMetadata": m} for m in book.search(body["dataFilters"])]
                return {"matchedDeveloperMetadata": found} if found else {}
            case "values.get":
                box = book.box(given["range"])
                render = query.get("valueRenderOption", ["FORMATTED_VALUE"])[0]
                rows = [[_rendered(v, render) for v in row] for row in box.sheet.read(box)]
                answer = {"range": box.a1, "majorDimension": "ROWS"}
                return {**answer, "values": rows} if rows else answer
            case "values.update":
                box = book.box(given["range"])
                cells = box.sheet.write(box.top, box.left, body["values"], option)
                return {"spreadsheetId": "book", "updatedRange": box.a1, "updatedCells": cells}
            case "values.batchUpdate":
                for each in body["data"]:
                    box = book.box(each["range"])
                    box.sheet.write(box.top, box.left, each["values"], body["valueInputOption"])
                return {"spreadsheetId": "book", "totalUpdatedCells": len(body["data"])}
            case "values.append":
                box = book.box(given["range"])
                row = box.top + len(box.sheet.read(box))
                box.sheet.write(row, box.left, body["values"], option)
                written = box._replace(top=row, bottom=row + len(body["values"]))
                return {"spreadsheetId": "book", "updates": {"updatedRange": written.a1}}
            case "values.clear":
                box = book.box(given["range"])
                for row in range(box.top, box.bottom):
                    for column in range(box.left, box.right):
                        box.sheet.put(row, column, None)
                return {"spreadsheetId": "book", "clearedRange": box.a1}
        raise ApiError(400, f"{method.id} is not known here")


def _place(book: Book, text: str) -> dict[str, Any]:
    box = book.box(text)
    data: dict[str, Any] = {"startRow": box.top, "startColumn": box.left}
    rows = box.sheet.read(box)
    data["rowData"] = [{"values": [{"formattedValue": str(v)} if v != "" else {} for v in row]}
                       for row in rows]  # fmt: skip
    # Zeros and empty lists are left out.
    data = {name: value for name, value in data.items() if value}
    return {"properties": {"sheetId": box.sheet.id, "title": box.sheet.title}, "data": [data]}


def _rendered(value: Any, render: str) -> Any:
    if render != "FORMATTED_VALUE":
        return value
    return str(value).upper() if isinstance(value, bool) else str(value)


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    error = {"error": {"code": status, "message": message}}
    return web.Response(
        status=status, text=json.dumps(error), headers=headers, content_type="application/json"
    )
