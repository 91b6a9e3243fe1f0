"""The connectors of web services are held to the standard suite."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps import Credential, WorkflowEngine
from minizaps.credentials.credential import AccessToken
from minizaps.credentials.types import (
    S3,
    DiscordWebhook,
    HttpBasic,
    HttpBearer,
    SlackWebhook,
    TelegramBot,
)
from minizaps.testing import Answer, Call, ConnectorSuite, Partner

CONNECTORS = WorkflowEngine.CONNECTOR_MAP
MAY_COME_TWICE = (
    "the service knows no key, and a message that comes twice is better than none: the connector's "
    "page says so"
)
FEED = b"""<rss version="2.0"><channel><title>Tea news</title><item><guid>2</guid>
<title>Tea is back</title><pubDate>Mon, 05 Jan 2026 09:00:00 GMT</pubDate></item></channel></rss>"""
LISTED = b"""<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>7.csv</Key>
<Size>12</Size><ETag>"0a1b"</ETag><LastModified>2026-01-05T09:00:00.000Z</LastModified></Contents>
</ListBucketResult>"""
HEADER = {"values": [{"formattedValue": "email"}, {"formattedValue": "name"}]}
SHEET = {
    "properties": {"sheetId": 3, "title": "Customers"},
    "data": [{"startRow": 0, "startColumn": 0, "rowData": [HEADER]}],
}


class TestWebhook(ConnectorSuite):
    entry = CONNECTORS["webhook"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"url": f"{partner.url}/orders", "json": {"sku": "tea"}}

    def credential(self, partner: Partner) -> Credential:
        return HttpBasic.model_validate({"username": "ada", "password": "canary-7bb1/+ü"})

    def respond(self, call: Call) -> Answer:
        return Answer({"sku": call.json()["sku"]}, status=201)


class TestRss(ConnectorSuite):
    entry = CONNECTORS["rss"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"url": f"{partner.url}/feed.xml", "limit": 20}

    def respond(self, call: Call) -> Answer:
        return Answer(FEED, headers={"Content-Type": "application/rss+xml", "ETag": '"v2"'})


class AtAnApi(ConnectorSuite):
    """A connector that has its service's address in the class attribute `api`."""

    @pytest.fixture(autouse=True)
    def _restore(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def config(self, partner: Partner) -> dict[str, Any]:
        return self.example()

    def credential(self, partner: Partner) -> Credential:
        self._monkeypatch.setattr(self.entry[0], "api", partner.url)
        return self.shown()

    def example(self) -> dict[str, Any]:
        """The config, whatever the partner."""
        raise NotImplementedError

    def shown(self) -> Credential:
        """The credential, whatever the partner."""
        raise NotImplementedError


class TestSlack(AtAnApi):
    entry = CONNECTORS["slack"]
    repeats = MAY_COME_TWICE

    def example(self) -> dict[str, Any]:
        return {"channel": "C0123ABCD", "text": "Order 7 has come in."}

    def shown(self) -> Credential:
        return HttpBearer.model_validate({"token": "xoxb-canary-17"})

    def respond(self, call: Call) -> Answer:
        if call.path == "/auth.test":
            return Answer({"ok": True, "user": "orders", "team": "Acme"})
        return Answer({"ok": True, "channel": call.json()["channel"], "ts": "1767600000.000100"})


class TestSlackWebhook(ConnectorSuite):
    entry = CONNECTORS["slack"]
    repeats = MAY_COME_TWICE

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"text": "Order 7 has come in."}

    def credential(self, partner: Partner) -> Credential:
        url = f"{partner.url}/services/T01/B02/canary-3c"
        return SlackWebhook.model_validate({"url": url})

    def respond(self, call: Call) -> Answer:
        return Answer(b"ok") if call.json() else Answer(b"no_text", status=400)


class TestDiscord(ConnectorSuite):
    entry = CONNECTORS["discord"]
    repeats = MAY_COME_TWICE

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"content": "Order 7 has come in.", "embeds": [{"title": "Order 7"}]}

    def credential(self, partner: Partner) -> Credential:
        url = f"{partner.url}/api/webhooks/1182/canary-_9fK2"
        return DiscordWebhook.model_validate({"url": url})

    def respond(self, call: Call) -> Answer:
        if call.method == "GET":
            return Answer({"name": "Orders", "token": "canary-_9fK2"})
        return Answer({"id": "118273645", "channel_id": "109951162"})


class TestTelegram(AtAnApi):
    entry = CONNECTORS["telegram"]
    repeats = MAY_COME_TWICE

    def example(self) -> dict[str, Any]:
        return {"chat_id": 123456789, "text": "Your order has been sent."}

    def shown(self) -> Credential:
        return TelegramBot.model_validate({"token": "123456:canary-AAF_x"})

    def respond(self, call: Call) -> Answer:
        if call.path.endswith("/getMe"):
            return Answer({"ok": True, "result": {"username": "acme_bot"}})
        chat = {"id": call.json()["chat_id"]}
        return Answer({"ok": True, "result": {"message_id": 418, "chat": chat}})


class TestS3(ConnectorSuite):
    entry = CONNECTORS["s3"]

    def config(self, partner: Partner) -> dict[str, Any]:
        place = {"bucket": "acme-orders", "key": "2026-01-05/7.csv"}
        return {"action": "put", **place, "text": "tea;4.50\n", "if_none_match": True}

    def credential(self, partner: Partner) -> Credential:
        key = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalr/canary+K7"}
        token = {"session_token": "IQoJ/canary-session="}
        return S3.model_validate({**key, **token, "endpoint": partner.url})

    def respond(self, call: Call) -> Answer:
        return Answer(b"", headers={"ETag": '"0a1b"'})


class TestS3Listing(TestS3):
    def config(self, partner: Partner) -> dict[str, Any]:
        return {"action": "list", "bucket": "acme-orders", "prefix": "2026-01-05/"}

    def respond(self, call: Call) -> Answer:
        return Answer(LISTED, headers={"Content-Type": "application/xml"})


class TestGoogleSheets(AtAnApi):
    entry = CONNECTORS["google_sheets"]
    repeats = "an append of RAW values is made once: its mark is in the same request as its rows"

    def example(self) -> dict[str, Any]:
        row = {"email": "ada@example.org", "name": "Ada"}
        return {"action": "append", "spreadsheet_id": "1Bxi", "range": "A:B", "values": [row]}

    def shown(self) -> Credential:
        return AccessToken.model_validate({"token": "ya29.canary-5d"})

    def respond(self, call: Call) -> Answer:
        return Answer({"sheets": [SHEET]} if call.method == "GET" else {"replies": [{}, {}]})


class TestGoogleSheetsSearch(TestGoogleSheets):
    repeats = "it only reads"

    def example(self) -> dict[str, Any]:
        place = {"spreadsheet_id": "1Bxi", "range": "Customers!A:B"}
        return {"action": "find", **place, "column": "email", "value": "ada@example.org"}

    def respond(self, call: Call) -> Answer:
        rows = [["email", "name"], ["ada@example.org", "Ada"]]
        return Answer({"range": "Customers!A1:B1000", "values": rows})
