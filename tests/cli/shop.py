"""A web server with an API, and its OpenAPI document."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Corner Shop"},
    "servers": [{"url": "/api"}],
    "paths": {
        "/items/{sku}": {
            "parameters": [
                {"name": "sku", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": {"operationId": "getItem", "summary": "One item."},
        },
        "/orders": {
            "post": {
                "operationId": "order",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["sku", "count"],
                                "properties": {
                                    "sku": {"type": "string"},
                                    "count": {"type": "integer", "minimum": 1},
                                },
                            }
                        }
                    },
                },
            }
        },
    },
}


class Shop(ThreadingHTTPServer):
    """Takes orders and texts, and tells what it took."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        if self.path == "/openapi.json":
            self._answer(200, DOCUMENT)
        elif self.path == "/api/items/tea":
            self._answer(200, {"sku": "tea", "price": 4.5})
        else:
            self._answer(404, {"error": "not here"})

    def do_POST(self) -> None:
        self.server.keys.append(self.headers["Idempotency-Key"])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {"taken": body.get("text", body)})

    def _answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...
