"""The `rss` connector."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import Field

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.feeds import read_feed
from minizaps.connectors.responses import status_error
from minizaps.definition.durations import Duration
from minizaps.definition.poll import PollDefaults
from minizaps.definition.steps import RetryPolicy

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, "
    "text/xml;q=0.8, */*;q=0.1"
)


class RssConfig(ConnectorConfig):
    """The feed, and what is known of it already."""

    url: str = Field(description="The feed's address, with http:// or https://.")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers to send.")
    limit: int = Field(
        default=100, ge=1, le=1_000, description="The most items to return: the feed's first ones."
    )
    etag: str | None = Field(
        default=None, description="`etag` of an earlier output: asks only for what has changed."
    )
    last_modified: str | None = Field(
        default=None, description="`last_modified` of an earlier output, for the same."
    )
    timeout: Duration = Field(
        default=30.0, gt=0, le=600, description="How long to wait for the whole response."
    )


class RssConnector(BaseConnector[RssConfig]):
    """Reads a feed: RSS 0.9x to 2.0, RSS 1.0 (RDF) or Atom.

    The output is `{"title", "link", "items", "etag", "last_modified", "not_modified"}`. An item is
    `{"id", "title", "link", "summary", "content", "published_at", "updated_at", "author",
    "categories", "enclosures"}`; times are RFC 3339 in UTC, what the feed does not say is null,
    and an enclosure is `{"url", "type", "length"}`. The id is the item's own, else its link, else
    a digest, so that it stays the same. HTML is cleaned of scripts and styles.

    If the server says that nothing has changed since `etag` and `last_modified`, `not_modified`
    is true and there are no items.
    """

    poll = PollDefaults(items="{{ items }}", id="{{ item.id }}")
    idempotent = True
    timeout = 660.0
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=600, jitter=True)

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        response = await context.http.request(
            "GET", config.url, headers=_headers(config), timeout=config.timeout
        )
        if unchanged := response.status == 304:
            feed: dict[str, Any] = {"title": None, "link": None, "items": []}
        elif 200 <= response.status < 300:
            feed = await asyncio.to_thread(
                read_feed,
                response.body,
                response.headers.get("content-type", ""),
                config.url,
                config.limit,
            )
        else:
            raise status_error(response, context.now())
        headers = response.headers
        known = (config.etag, config.last_modified) if unchanged else (None, None)
        return feed | {
            "etag": headers.get("etag", known[0]),
            "last_modified": headers.get("last-modified", known[1]),
            "not_modified": unchanged,
        }


def _headers(config: RssConfig) -> dict[str, str]:
    own = {"Accept": _ACCEPT}
    if config.etag:
        own["If-None-Match"] = config.etag
    if config.last_modified:
        own["If-Modified-Since"] = config.last_modified
    given = {name.lower() for name in config.headers}
    return {name: v for name, v in own.items() if name.lower() not in given} | config.headers
