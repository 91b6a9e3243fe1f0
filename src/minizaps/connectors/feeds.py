"""A feed's items: RSS 0.9x to 2.0, RSS 1.0 (RDF) and Atom, all in one form."""

from __future__ import annotations

from calendar import timegm
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import feedparser

from minizaps.connectors.feed_text import check_feed, feed_text
from minizaps.errors import ConnectorError


def read_feed(body: bytes, content_type: str, url: str, most: int) -> dict[str, Any]:
    """Its title, link and first items; HTML in them is cleaned of scripts and styles.

    Args:
        url: what links in it are relative to, and ids that look like links: the address that was
            asked for, since the one that answered may change.
        most: how many items to return.

    Raises:
        ConnectorError: it is no feed (type `not_a_feed`), or would take too long to read.
    """
    text = feed_text(body, content_type)
    check_feed(text)
    # As a file of bytes: of a text, the library would look whether it is an address or a path.
    parsed = feedparser.parse(
        BytesIO(text.encode(errors="replace")),
        response_headers={"content-type": "text/xml; charset=utf-8", "content-location": url},
        sanitize_html=True,
        resolve_relative_uris=True,
    )
    if not parsed.get("version"):
        raise ConnectorError(
            f"{urlsplit(url).netloc} answered what is neither RSS nor Atom, "
            f"and begins with {text[:40]!r}",
            type="not_a_feed",
        )
    feed = parsed["feed"]
    return {
        "title": feed.get("title"),
        "link": feed.get("link"),
        "items": [_item(entry) for entry in parsed["entries"][:most]],
    }


def _item(entry: Any) -> dict[str, Any]:
    contents = entry.get("content") or []
    return {
        "id": entry.get("id") or entry.get("link") or _digest(entry),
        "title": entry.get("title"),
        "link": entry.get("link"),
        "summary": entry.get("summary"),
        "content": contents[0].get("value") if contents else None,
        "published_at": _time(entry.get("published_parsed")),
        # Not by the library's own method, which gives the time of publication in its place.
        "updated_at": _time(dict.get(entry, "updated_parsed")),
        "author": entry.get("author"),
        "categories": [tag["term"] for tag in entry.get("tags") or [] if tag.get("term")],
        "enclosures": [_enclosure(each) for each in entry.get("enclosures", [])],
    }


def _digest(entry: Any) -> str:
    """What stands for the id of an item that has neither id nor link."""
    parts = [entry.get(name) or "" for name in ("title", "summary", "published")]
    return "sha256:" + sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def _enclosure(entry: Any) -> dict[str, Any]:
    length = str(entry.get("length") or "")
    return {
        "url": entry.get("href"),
        "type": entry.get("type"),
        "length": int(length) if length.isdecimal() and len(length) < 19 else None,
    }


def _time(parts: Any) -> str | None:
    """RFC 3339, of nine numbers in UTC."""
    try:
        return None if parts is None else f"{datetime.fromtimestamp(timegm(parts), UTC):%FT%TZ}"
    except (ValueError, OverflowError, OSError):
        return None
