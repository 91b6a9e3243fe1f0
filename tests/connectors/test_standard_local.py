"""The connectors that reach nothing outside are held to the standard suite."""

from __future__ import annotations

from typing import Any

from minizaps import WorkflowEngine
from minizaps.testing import ConnectorSuite, Partner

CONNECTORS = WorkflowEngine.CONNECTOR_MAP


class TestDelay(ConnectorSuite):
    entry = CONNECTORS["delay"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"seconds": 300}


class TestSet(ConnectorSuite):
    entry = CONNECTORS["set"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"values": {"name": "Ada", "rows": [{"a": 1.5}, None]}}


class TestLog(ConnectorSuite):
    entry = CONNECTORS["log"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"message": "Order 7 is late", "level": "warning", "fields": {"total": 110.5}}


class TestFilter(ConnectorSuite):
    entry = CONNECTORS["filter"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {
            "items": [{"id": 1, "total": 120}, {"id": 2, "total": 480}, {"id": 3, "total": 9}],
            "where": [{"field": "total", "op": "gt", "value": 100}],
            "sort": [{"field": "total", "order": "desc"}],
            "limit": 10,
        }


class TestCsvParse(ConnectorSuite):
    entry = CONNECTORS["csv"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"action": "parse", "text": "sku;price\ntea;4.50\n", "delimiter": "auto"}


class TestCsvFormat(ConnectorSuite):
    entry = CONNECTORS["csv"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"action": "format", "rows": [{"sku": "tea", "price": 4.5}, {"sku": None}]}


class TestXmlParse(ConnectorSuite):
    entry = CONNECTORS["xml"]

    def config(self, partner: Partner) -> dict[str, Any]:
        text = "<order id='A-7'><item>tea</item></order>"
        return {"action": "parse", "text": text, "force_list": ["item"]}


class TestXmlFormat(ConnectorSuite):
    entry = CONNECTORS["xml"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"action": "format", "document": {"receipt": {"@order": "A-7", "count": "2"}}}


class TestHtml(ConnectorSuite):
    entry = CONNECTORS["html"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {
            "html": "<article><h2>Tea is back</h2><a href='/tea'>more</a></article>",
            "base_url": "https://news.example.com/",
            "each": "article",
            "extract": {
                "title": {"selector": "h2", "required": True},
                "link": {"selector": "a", "attribute": "href"},
            },
        }
