"""The text of a feed, and whether it can be parsed within bounds."""

from __future__ import annotations

import codecs
import re
from xml.parsers import expat

from minizaps.connectors.computing import bad_input
from minizaps.connectors.responses import read_text

LONGEST = 5 * 2**20  # characters of a feed
LONGEST_BROKEN = 2**17  # characters of one that is not well-formed: it is read in a slower way
DEEPEST = 64  # elements in each other
MOST_ELEMENTS = 200_000

_MOST_OPEN = 100  # comments without an end in one text: the time grows with their square
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})")
_ROOT = re.compile(r"<[A-Za-z_]")
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16le", codecs.BOM_UTF16_BE: "utf-16be"}


def feed_text(body: bytes, content_type: str) -> str:
    """The document, from its root element on: without what declares its encoding and entities.

    Its encoding is that of its byte order mark, else of the response, else of its declaration
    (RFC 7303, section 3).

    Raises:
        ConnectorError: it is too long.
    """
    bom = next((bom for bom in _BOMS if body.startswith(bom)), b"")
    if bom:
        content_type = f"charset={_BOMS[bom]}"
    elif "charset" not in content_type.lower() and (found := _ENCODING.match(body.lstrip())):
        content_type = f"charset={found[1].decode()}"
    text = read_text(body[len(bom) :], content_type)
    if len(text) > LONGEST:
        raise bad_input(f"the feed has {len(text):,} characters, {LONGEST:,} are read")
    root = _ROOT.search(text)
    return text[root.start() :] if root else ""


def check_feed(text: str) -> None:
    """Refuse what would take the parser long.

    Raises:
        ConnectorError: it is nested too deeply, has too many elements, or is long and not
            well-formed.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = 2**20
    bounds = _Bounds()
    parser.StartElementHandler = bounds.start
    parser.EndElementHandler = bounds.end
    parser.CharacterDataHandler = bounds.characters
    try:
        parser.Parse(text.encode(errors="replace"), True)
    except expat.ExpatError as error:
        if len(text) > LONGEST_BROKEN:
            what = expat.ErrorString(error.code)
            raise bad_input(
                f"the feed is not well-formed: {what} (line {error.lineno} after its beginning); "
                f"such feeds are read up to {LONGEST_BROKEN:,} characters"
            ) from None


class _Bounds:
    """What of a document is counted."""

    def __init__(self) -> None:
        self._depth = self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST:
            raise bad_input(f"the feed has more than {DEEPEST} elements in each other")
        if self._elements > MOST_ELEMENTS:
            raise bad_input(f"the feed has more than {MOST_ELEMENTS:,} elements")

    def end(self, name: str) -> None:
        self._depth -= 1

    def characters(self, text: str) -> None:
        if any(piece.count("<!--") > _MOST_OPEN for piece in text.split("-->")):
            raise bad_input("the feed has a text with comments that do not end")
