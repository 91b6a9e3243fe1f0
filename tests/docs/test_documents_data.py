"""The examples of the connectors for data run, on the real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_it import run_to_its_end

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "connectors" / "examples"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
PAGE = "<article><h2>One</h2><a href='/1'>more</a><b class=tag>x</b></article><article><h2>Two</h2>"
ORDERS = [
    {"total": 120, "customer": {"id": 1, "country": "DE"}},
    {"total": 300, "customer": {"id": 1, "country": "DE"}},
    {"total": 500, "customer": {"id": 2, "country": "FR"}},
]


@pytest.mark.parametrize(
    ("name", "body", "output"),
    [
        (
            "csv",
            {"file": "price;sku\n9;desk\n-1;=1+1\n"},
            {"text": "sku;price\r\ndesk;9\r\n'=1+1;-1\r\n", "count": 2},
        ),
        (
            "xml",
            {"xml": "<order id='7'><item>desk</item></order>"},
            {"text": f'{DECLARATION}\n<receipt order="7"><count>1</count></receipt>'},
        ),
        (
            "html",
            {"page": PAGE},
            {"items": [
                {"title": "One", "link": "https://news.example.com/1", "tags": ["x"]},
                {"title": "Two", "link": None, "tags": []},
            ]},
        ),
        ("filter", {"orders": ORDERS}, {"items": [ORDERS[1]], "count": 1, "rejected": 2}),
        (
            "log",
            {"id": 7, "total": 12.5},
            {"level": "warning", "message": "Order 7 is late", "fields": {"total": 12.5}},
        ),
    ],
)  # fmt: skip
async def test_example(name: str, body: Any, output: Any, tmp_path: Path) -> None:
    definition = json.loads((EXAMPLES / f"{name}.json").read_text())
    run, events = await run_to_its_end(definition, body, tmp_path)
    assert run.status == "succeeded"
    assert events[-1].data["output"] == output


async def test_example_of_a_feed(target: Any, tmp_path: Path) -> None:
    feed = b"<rss version='2.0'><channel><item><title>One</title></item></channel></rss>"
    target.answers = {"GET /feed.xml": (200, feed)}
    definition = json.loads(target.aim((EXAMPLES / "rss.json").read_text()))
    run, events = await run_to_its_end(definition, {"etag": '"v1"'}, tmp_path)
    assert (run.status, events[-1].data["output"]) == ("succeeded", {"titles": ["One"]})
    assert target.calls[0][2]["If-None-Match"] == '"v1"'
