"""The `html` connector."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Annotated, Any
from urllib.parse import urljoin

from pydantic import AfterValidator, Field, model_validator
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.computing import Room, bad_input, computed
from minizaps.errors import ConnectorError

DEEPEST = 500  # elements in each other: the parser's time grows with the square
LONGEST = 5.0  # seconds of computing

_MOST_VISITS = 3 * 10**8  # of elements by one selector: about half a second
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
# Void, or closed by what follows (HTML, 13.1.2).
_NEVER_NESTED = frozenset(
    (
        *("area", "base", "br", "caption", "col", "colgroup", "dd", "dt", "embed", "hr", "img"),
        *("input", "li", "link", "meta", "optgroup", "option", "p", "param", "rp", "rt", "source"),
        *("tbody", "td", "tfoot", "th", "thead", "tr", "track", "wbr"),
    )
)
_NO_TEXT = ["head", "script", "style", "noscript", "template"]
_BLOCKS = (
    "address, article, aside, blockquote, br, dd, div, dl, dt, fieldset, figcaption, figure, "
    "footer, form, h1, h2, h3, h4, h5, h6, header, hr, li, main, nav, ol, p, pre, section, table, "
    "tr, ul"
)
_ADDRESSES = frozenset(("href", "src", "action", "poster", "cite", "data"))


def _selector(value: str) -> str:
    try:
        "{{" in value or LexborHTMLParser("").css(value)
    except SelectolaxError:
        raise ValueError("not a CSS selector that is known here") from None
    return value


Selector = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_selector)]


class Extraction(ConnectorConfig):
    """One value of the page: the text of an element, an attribute or its HTML."""

    selector: Selector = Field(description="The CSS selector of the element.")
    attribute: str | None = Field(
        default=None, min_length=1, description="Take this attribute in place of the text."
    )
    html: bool = Field(default=False, description="Take the element's HTML in place of the text.")
    all: bool = Field(
        default=False, description="A list of all that match; else the first one, or null."
    )
    trim: bool = Field(
        default=True,
        description="Cut off white space at both ends, and in a text make one space of each run.",
    )
    required: bool = Field(
        default=False, description="Whether the step fails as `not_found` if nothing matches."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Extraction:
        if self.attribute and self.html:
            raise ValueError("set at most one of attribute and html")
        return self


class HtmlConfig(ConnectorConfig):
    """The page, and what to take from it."""

    html: str = Field(description="The HTML.")
    extract: dict[str, Extraction] | None = Field(
        default=None, min_length=1, max_length=100, description="The values to take, by name."
    )
    each: Selector | None = Field(
        default=None,
        description="Take the values once for each element that matches, from inside it.",
    )
    text: bool = Field(default=False, description="Take the text of the whole page.")
    base_url: str | None = Field(
        default=None, description="The page's address: makes links and sources absolute."
    )

    @model_validator(mode="after")
    def _something_to_take(self) -> HtmlConfig:
        if self.extract is None and not self.text:
            raise ValueError("set extract, or text to true")
        if self.each and self.extract is None:
            raise ValueError("each needs extract")
        return self


class HtmlConnector(BaseConnector[HtmlConfig]):
    """Takes values from an HTML page by CSS selectors, or its text.

    The output is `{"values": {name: value}}`; with `each` it is `{"items": [{name: value}]}`. With
    `text` there is `"text"` too: a line for each block, without scripts and styles. What nothing
    matches is null, or an empty list with `all`.
    """

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        html = self.config.html
        return await computed(len(html), _Page(html, self.config).read)


class _Page:
    """One page, read within bounds of time and size."""

    def __init__(self, html: str, config: HtmlConfig) -> None:
        self._html = html
        self._config = config
        self._room = Room()
        self._elements = html.count("<") - html.count("</")

    def read(self) -> dict[str, Any]:
        config = self._config
        self._ends = time.thread_time() + LONGEST
        _check_depth(self._html)
        tree = LexborHTMLParser(self._html)
        root = tree.root
        output: dict[str, Any] = {}
        if config.each:
            found = self._find(root, config.each, "each")
            output["items"] = [self._values(node, f"items/{n}/") for n, node in enumerate(found)]
        elif config.extract:
            output["values"] = self._values(root, "")
        if config.text:
            output["text"] = _text_of(tree)
        return output

    def _values(self, root: LexborNode | None, place: str) -> dict[str, Any]:
        extract = self._config.extract or {}
        return {name: self._value(root, part, place + name) for name, part in extract.items()}

    def _value(self, root: LexborNode | None, part: Extraction, place: str) -> Any:
        present: list[str] = []
        for node in self._find(root, part.selector, place):
            if (value := self._read(node, part)) is not None:
                self._room.take(10 + len(value))
                present.append(value)
            if not part.all:
                break
        if part.required and not present:
            what = f"the attribute {part.attribute} of " if part.attribute else ""
            message = f"{place}: the page has not {what}{part.selector}"
            raise ConnectorError(message, type="not_found")
        return present if part.all else next(iter(present), None)

    def _find(self, root: LexborNode | None, selector: str, place: str) -> list[LexborNode]:
        conditions = selector.count(":")  # each may look at all others, those in :has() repeatedly
        weight = 256 if ":has(" in selector and (conditions > 1 or "~" in selector) else 1
        if self._elements**2 * conditions * weight > _MOST_VISITS:
            raise bad_input(
                f"{place}: {selector} would take too long on {self._elements:,} elements: use "
                "fewer conditions with a colon, or a class"
            )
        if time.thread_time() > self._ends:
            raise bad_input(f"{place}: the page took longer than {LONGEST:g} s: extract less")
        return [] if root is None else root.css(selector)

    def _read(self, node: LexborNode, part: Extraction) -> str | None:
        if part.html:
            html = node.html or ""
            return html.strip() if part.trim else html
        if part.attribute is None:
            text = node.text()
            return " ".join(text.split()) if part.trim else text
        name = part.attribute.lower()
        if name not in node.attributes:
            return None
        value = node.attributes[name] or ""
        value = value.strip() if part.trim else value
        base = self._config.base_url
        return _absolute(base, value) if base and name in _ADDRESSES else value


def _check_depth(html: str) -> None:
    """Refuse elements in each other that would take the parser long."""
    open_now: Counter[str] = Counter()
    depth = 0
    for tag in _TAG.finditer(html):  # unlike findall, it lets other threads go on
        end, name = tag[1], tag[2].lower()
        if name in _NEVER_NESTED:
            continue
        if not end:
            open_now[name] += 1
            depth += 1
        elif open_now[name]:
            open_now[name] -= 1
            depth -= 1
        if depth > DEEPEST:
            raise bad_input(f"html: more than {DEEPEST} elements in each other")


def _text_of(tree: LexborHTMLParser) -> str:
    tree.strip_tags(_NO_TEXT, recursive=True)
    for node in tree.css(_BLOCKS):
        node.insert_before("\n")
        node.insert_after("\n")
    for node in tree.css("td, th"):
        node.insert_after(" ")
    lines = (" ".join(line.split()) for line in (tree.body.text() if tree.body else "").split("\n"))
    return "\n".join(line for line in lines if line)


def _absolute(base: str, value: str) -> str:
    try:
        return urljoin(base, value)
    except ValueError:  # not a URL: what the page says is the value
        return value
