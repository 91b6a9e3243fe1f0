"""A list that a server gives in pages: all of its items, within bounds."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, model_validator
from yarl import URL

from minizaps.connectors.base import ConnectorConfig
from minizaps.connectors.computing import Room
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.paths import MISSING, parse_path, value_at
from minizaps.connectors.responses import read_body
from minizaps.errors import ConnectorError, ResponseRefused

# RFC 8288: <URL>; name=value; name="value", <URL> ...
_LINK = re.compile(r'<([^<>]*)>((?:\s*;[^,;"]*(?:"[^"]*"[^,;"]*)?)*)')
_REL = re.compile(r';\s*rel\s*=\s*"?([^";]*)', re.IGNORECASE)


class Pagination(ConnectorConfig):
    """How the next page is found, where the items are, and how many to take."""

    by: Literal["link", "url", "cursor", "page", "offset"] = Field(
        description="`link`: the header `Link` with `rel=next`. `url`: the next page's URL is in "
        "the body. `cursor`: what to send for the next page is in the body. `page`, `offset`: "
        "numbers that are counted up."
    )
    items: str = Field(
        default="",
        max_length=500,
        description="The path to the list in the body, such as `data.items`; the body itself if "
        "left out.",
    )
    next: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description="For `url` and `cursor`: the path to it in the body, such as `meta.next`, or "
        "`data.-1.id` of the last item. Where it is missing, null, false or empty, it was the "
        "last page.",
    )
    parameter: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="For `cursor`, `page` and `offset`: the parameter that is sent.",
    )
    place: Literal["query", "json"] = Field(
        default="query", description="Where the parameter is sent; `json`: a key of the body."
    )
    start: int | None = Field(
        default=None, ge=0, description="The first page's number (else 1) or offset (else 0)."
    )
    size: int | None = Field(
        default=None,
        ge=1,
        description="For `page` and `offset`: the items of a full page. A page with fewer was the "
        "last one; else it is an empty one.",
    )
    max_pages: int = Field(default=10, ge=1, le=100, description="The most pages to read.")
    max_items: int = Field(default=1_000, ge=1, le=10_000, description="The most items to take.")

    @model_validator(mode="after")
    def _fits_the_kind(self) -> Pagination:
        needs = {
            "next": self.by in ("url", "cursor"),
            "parameter": self.by in ("cursor", "page", "offset"),
        }
        for name, needed in needs.items():
            if needed != (getattr(self, name) is not None):
                raise ValueError(f"{self.by} {'needs' if needed else 'has no'} {name}")
        for name in ("start", "size"):
            if getattr(self, name) is not None and self.by not in ("page", "offset"):
                raise ValueError(f"{self.by} has no {name}")
        return self

    def first(self) -> PageRequest:
        """What asks for the first page."""
        if self.by == "page":
            return PageRequest(parameters={self.parameter: 1 if self.start is None else self.start})
        if self.by == "offset":
            return PageRequest(parameters={self.parameter: self.start or 0})
        return PageRequest()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What asks for a page.

    Attributes:
        url: in place of the config's URL and query; None for those.
        parameters: added to the query or the body.
        number: the page's number, from 1.
    """

    url: str | None = None
    parameters: Mapping[Any, Any] = field(default_factory=dict)
    number: int = 1


async def read_pages(
    pagination: Pagination, send: Callable[[PageRequest], Awaitable[HttpResponse]]
) -> dict[str, Any]:
    """The items of all pages, one after the other.

    Raises:
        ResponseRefused: a page has no list where it should be.
        ConnectorError: pages lead back to an earlier one (type `pagination_loop`), hold too much
            (`output_too_large`), or what `send` raises.
    """
    path = parse_path(pagination.items)
    items: list[Any] = []
    room = Room()
    seen: set[Any] = set()
    request: PageRequest | None = pagination.first()
    while request is not None:
        key = (request.url, *request.parameters.values())
        if key in seen:
            message = f"page {request.number} would be one that was read already: {_shown(request)}"
            raise ConnectorError(message, type="pagination_loop")
        seen.add(key)
        response = await send(request)
        number = request.number
        room.take(len(response.body))
        body = read_body(response, "json")["body"]
        found = value_at(body, path)
        if not isinstance(found, list):
            where = f"has no list at {pagination.items}" if path else "is no list"
            raise ResponseRefused(f"page {number}: the body {where}; `items` is the path to it")
        items += found
        request = _following(pagination, response, body, len(found), number, len(items))
        if number == pagination.max_pages or len(items) >= pagination.max_items:
            break
    return {
        "status": response.status,
        "headers": response.headers,
        "items": items[: pagination.max_items],
        "pages": number,
        "more": request is not None or len(items) > pagination.max_items,
    }


def _following(
    pagination: Pagination, response: HttpResponse, body: Any, found: int, number: int, total: int
) -> PageRequest | None:
    """What asks for the next page; None after the last one."""
    number += 1
    match pagination.by:
        case "link":
            target: Any = next_link(response.headers.get("link", ""))
        case "url" | "cursor":
            target = value_at(body, parse_path(pagination.next or ""))
        case _:
            if not found or (pagination.size is not None and found < pagination.size):
                return None
            first = next(iter(pagination.first().parameters.values()))
            count = first + (number - 1 if pagination.by == "page" else total)
            return PageRequest(parameters={pagination.parameter: count}, number=number)
    if target in (MISSING, None, False, ""):
        return None
    if isinstance(target, bool) or not isinstance(target, (str, int)):
        raise ResponseRefused(f"page {number - 1}: {pagination.next} is neither text nor number")
    if pagination.by == "cursor":
        return PageRequest(parameters={pagination.parameter: target}, number=number)
    try:
        url = str(URL(response.url).join(URL(str(target))))
    except ValueError as error:
        raise ResponseRefused(f"page {number - 1}: its next page has no URL: {error}") from None
    return PageRequest(url=url, number=number)


def next_link(header: str) -> str | None:
    """The URL of the link with `rel=next` in a `Link` header (RFC 8288)."""
    for target, parameters in _LINK.findall(header):
        relation = _REL.search(parameters)
        if relation and "next" in relation[1].lower().split():
            return str(target)
    return None


def _shown(request: PageRequest) -> str:
    if request.url is not None:
        return URL(request.url).path
    return ", ".join(f"{name}={str(value)[:64]}" for name, value in request.parameters.items())
