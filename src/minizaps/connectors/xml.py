"""The `xml` connector."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal
from xml.parsers import expat

import xmltodict
from pydantic import Field

from minizaps.connectors.actions import ActionConfig, Fields
from minizaps.connectors.base import BaseConnector, Context
from minizaps.connectors.computing import bad_input, computed
from minizaps.errors import ConnectorError

DEEPEST = 64  # elements in each other

# XML 1.0, productions 2 (Char), 4 (NameStartChar) and 4a (NameChar).
_START = (
    r":A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d"
    r"\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME = re.compile(rf"[{_START}][{_START}\-.0-9\u00b7\u0300-\u036f\u203f\u2040]*")
_NOT_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlConfig(ActionConfig):
    """Which way, and how elements and attributes are named."""

    actions: ClassVar = {"parse": Fields(needs=("text",)), "format": Fields(needs=("document",))}

    action: Literal["parse", "format"] = Field(
        description="`parse`: text to an object. `format`: an object to text."
    )
    text: str | None = Field(default=None, description="For `parse`: the XML.")
    document: dict[str, Any] | None = Field(
        default=None, description="For `format`: an object with the root element as its one key."
    )
    attribute_prefix: str = Field(
        default="@", pattern=r"^[^\w:#]{1,3}$", description="What an attribute's key begins with."
    )
    attributes: bool = Field(
        default=True, description="For `parse`: whether attributes are taken over."
    )
    force_list: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="For `parse`: elements that are a list even where there is only one.",
    )
    strip_prefixes: bool = Field(
        default=False,
        description="For `parse`: name `soap:Body` just `Body`, and drop the declarations of "
        "namespaces.",
    )
    pretty: bool = Field(default=False, description="For `format`: indent the elements.")
    declaration: bool = Field(
        default=True, description='For `format`: begin with `<?xml version="1.0" ...?>`.'
    )


class XmlConnector(BaseConnector[XmlConfig]):
    """Reads XML into an object, or writes an object as XML.

    The output of `parse` is `{"document": {root: ...}}`. An element is the object of its
    attributes (`@id`) and elements, with its text at `#text`; one with neither is its text, or
    null if it is empty. Elements of one name are a list, a single one is not, unless `force_list`
    names it. All values are text. The order of different elements is not kept.

    The output of `format` is `{"text"}`, from an object of the same form.

    Definitions of entities and attributes in the document are refused; nothing is ever loaded.
    What is no XML fails the step as `bad_input`, with the line.
    """

    idempotent = True
    pure = True

    async def execute(self, context: Context) -> dict[str, Any]:
        config = self.config
        if config.action == "parse":
            text = config.text or ""
            return {"document": await computed(len(text), _parse, text, config)}
        return {"text": await computed(len(str(config.document)), _format, config)}


class _Expat:
    """Expat, without what a document can define: it could make a small text a huge value."""

    @staticmethod
    def ParserCreate(encoding: str, separator: str | None) -> expat.XMLParserType:  # noqa: N802
        parser = expat.ParserCreate(encoding, separator)
        parser.StartDoctypeDeclHandler = _refuse_definitions
        return parser


def _refuse_definitions(
    name: str, system_id: str | None, public_id: str | None, has_definitions: int
) -> None:
    if has_definitions:
        raise bad_input("text: its DOCTYPE defines entities or attributes, which is refused")


def _parse(text: str, config: XmlConfig) -> Any:
    try:
        return xmltodict.parse(
            text.removeprefix("\ufeff").lstrip(),
            expat=_Expat,
            attr_prefix=config.attribute_prefix,
            xml_attribs=config.attributes,
            force_list=tuple(config.force_list),
            postprocessor=_Entry(config),  # type: ignore[arg-type] # None drops one
        )
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise bad_input(f"text: {what} (line {error.lineno}, column {error.offset + 1})") from None
    except UnicodeEncodeError:
        raise bad_input("text: it has half a character (a lone surrogate)") from None


class _Entry:
    """What each attribute, element and text is taken over as."""

    def __init__(self, config: XmlConfig) -> None:
        self._strip = config.strip_prefixes
        self._prefix = config.attribute_prefix

    def __call__(self, path: list[Any], key: str, value: Any) -> tuple[str, Any] | None:
        if len(path) > DEEPEST:
            raise bad_input(f"text: more than {DEEPEST} elements in each other")
        if not self._strip:
            return key, value
        if not key.startswith(self._prefix):
            return key.rpartition(":")[2], value
        name = key.removeprefix(self._prefix)
        if name == "xmlns" or name.startswith("xmlns:"):
            return None
        return self._prefix + name.rpartition(":")[2], value


def _format(config: XmlConfig) -> str:
    document = config.document or {}
    if len(document) != 1 or isinstance(next(iter(document.values())), list):
        raise bad_input("document: one key is needed, the root element, and its value is no list")
    _check(document, "document", config.attribute_prefix, 0)
    text: str = xmltodict.unparse(
        document,
        full_document=config.declaration,
        short_empty_elements=True,
        attr_prefix=config.attribute_prefix,
        pretty=config.pretty,
        indent="  ",
    )
    return text


def _check(value: Any, place: str, prefix: str, depth: int) -> None:
    """Refuse what XML cannot say, with its place."""
    if depth > DEEPEST:
        raise bad_input(f"document: more than {DEEPEST} elements in each other")
    match value:
        case dict():
            for key, inner in value.items():
                here = f"{place}/{key[:64]}"
                plain = key == "#text" or key.startswith(prefix)
                if plain and isinstance(inner, (dict, list)):
                    raise bad_input(f"{here}: a text or a number is needed")
                if key != "#text" and not _NAME.fullmatch(key.removeprefix(prefix)):
                    raise _no_name(here)
                _check(inner, here, prefix, depth + 1)
        case list():
            for index, inner in enumerate(value):
                if isinstance(inner, list):
                    raise bad_input(f"{place}/{index}: a list in a list has no element's name")
                _check(inner, f"{place}/{index}", prefix, depth)
        case str() if found := _NOT_IN_XML.search(value):
            raise bad_input(f"{place}: XML cannot hold the character {found.group()!a}")


def _no_name(place: str) -> ConnectorError:
    return bad_input(f"{place}: not a name in XML: letters, digits, - . _ and no digit first")
