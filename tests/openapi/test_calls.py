"""What an imported API is sent, by a server that tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from minizaps import ConnectorError, Credential
from minizaps.connectors.openapi.connector import connector_of
from minizaps.connectors.openapi.description import Description
from minizaps.connectors.openapi.importer import import_document
from minizaps.connectors.openapi.proof import ApiKey
from minizaps.credentials.credential import AccessToken
from minizaps.credentials.types import HttpBasic, HttpBearer, HttpHeader
from minizaps.errors import CredentialRefused, CredentialUnusable
from minizaps.testing import Answer, Call, ConnectorSuite, Partner, open_context
from minizaps.testing.partners import http_partner
from tests.openapi.test_import import PETS, document

TOKEN = HttpBearer(token=SecretStr("canary-t1"))
BASIC = HttpBasic(username="ada", password=SecretStr("canary-p1"))
KEY = ApiKey(key=SecretStr("canary k1&"))


def echo(call: Call) -> Answer:
    return Answer({"path": call.path}, headers={"X-Shop": "yes"})


@asynccontextmanager
async def shop(respond: Any = echo) -> AsyncIterator[tuple[Partner, Description]]:
    async with http_partner(respond) as partner:
        yield partner, import_document(PETS, url=partner.url + "/v1").api


async def call(api: Description, credential: Credential | None, **config: Any) -> dict[str, Any]:
    connector, model = connector_of(api)
    kind = connector.for_config(config)
    async with open_context(credential=credential) as context:
        output = await kind(model.model_validate(config)).execute(context)
    assert isinstance(output, dict)
    return output


class TestPets(ConnectorSuite):
    """A described API is held to the standard suite, too."""

    api = import_document(PETS, only=["replacePet", "getPet"]).api
    entry = connector_of(api)

    def config(self, partner: Partner) -> dict[str, Any]:
        self.entry[0].api = self.api.model_copy(update={"url": partner.url})
        return {"action": "replacePet", "pet_id": 3, "body": {"name": "Tom"}}

    def credential(self, partner: Partner) -> Credential:
        return TOKEN

    without_key = "a PUT has one effect, however often it is sent"


async def test_path_query_and_headers_are_written_as_the_document_says() -> None:
    async with shop() as (partner, api):
        await call(api, TOKEN, action="getPet", pet_id=3, fields=["name", "age"], x_trace_id="t 1")
        where = {"a": [1]}
        await call(
            api, KEY, action="listPets", filter={"age": 3}, tag=["a&b", "c"], where=where, limit="5"
        )
    one, many = partner.calls
    assert (one.method, one.path, one.query) == ("GET", "/v1/pets/3", {"fields": "name,age"})
    assert one.headers["x-trace-id"] == "t 1"
    assert one.headers["authorization"] == "Bearer canary-t1"
    assert "idempotency-key" not in one.headers
    assert many.query == {
        "filter[age]": "3",
        "tag": "a&b",  # the first of the two
        "where": '{"a":[1]}',
        "limit": "5",
        "api_key": "canary k1&",
    }


async def test_a_response_is_given_as_that_of_a_webhook() -> None:
    async with shop() as (_, api):
        output = await call(api, TOKEN, action="getPet", pet_id=3)
    assert output["status"] == 200
    assert output["headers"]["x-shop"] == "yes"
    assert output["body"] == {"path": "/v1/pets/3"}


async def test_a_body_is_json_or_a_form_and_a_post_has_the_idempotency_key() -> None:
    async with shop() as (partner, api):
        await call(api, TOKEN, action="addPet", body={"name": "Tom", "age": None})
        await call(api, BASIC, action="logIn", body={"user": "a b", "roles": ["x", "y"]})
    pet, login = partner.calls
    assert pet.json() == {"name": "Tom", "age": None}
    assert pet.headers["content-type"] == "application/json"
    assert pet.headers["idempotency-key"].endswith(":step")
    assert login.body == b"user=a+b&roles=x&roles=y"
    assert login.headers["authorization"].startswith("Basic ")


async def test_the_credential_has_to_fit_the_action() -> None:
    async with shop() as (partner, api):
        with pytest.raises(CredentialUnusable, match="and has http_basic"):
            await call(api, BASIC, action="getPet", pet_id=3)
        with pytest.raises(CredentialUnusable, match="and has none"):
            await call(api, None, action="getPet", pet_id=3)
        assert partner.calls == []
        await call(api, None, action="listPets")
        await call(api, TOKEN, action="delete_pets_petId", pet_id=3)
        await call(api, AccessToken(token=SecretStr("a1")), action="getPet", pet_id=3)
    anonymous, open_to_all, with_token = partner.calls
    assert anonymous.query == {}
    assert "authorization" not in open_to_all.headers
    assert with_token.headers["authorization"] == "Bearer a1"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"), [(401, CredentialRefused, False), (503, ConnectorError, True)]
)
async def test_a_status_that_is_no_success_is_an_error(
    status: int, kind: type[ConnectorError], retryable: bool
) -> None:
    async with shop(lambda call: Answer({}, status=status)) as (_, api):
        with pytest.raises(kind) as found:
            await call(api, TOKEN, action="getPet", pet_id=3)
    assert found.value.retryable is retryable


def described(style: str, place: str, schema: Any, *, explode: bool = False) -> bytes:
    path = "/x/{v}" if place == "path" else "/x"
    parameter = {"name": "v", "in": place, "required": True, "style": style, "explode": explode}
    return document({path: {"get": {"parameters": [{**parameter, "schema": schema}]}}})


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("simple", False, "a b/c?ü", "a%20b%2Fc%3F%C3%BC"),
        ("simple", False, [1, True], "1,true"),
        ("simple", True, {"r": 1, "g": "x y"}, "r=1,g=x%20y"),
        ("simple", False, {"r": 1}, "r,1"),
        ("label", True, [1, 2], ".1.2"),
        ("label", False, [1, 2], ".1,2"),
        ("matrix", False, 5, ";v=5"),
        ("matrix", True, [1, 2], ";v=1;v=2"),
        ("matrix", True, {"r": 1, "g": 2}, ";r=1;g=2"),
        ("matrix", False, {"r": 1}, ";v=r,1"),
    ],
)
async def test_styles_of_a_path(style: str, explode: bool, value: Any, sent: str) -> None:
    async with http_partner(echo) as partner:
        raw = described(style, "path", True, explode=explode)
        await call(import_document(raw, url=partner.url).api, None, action="get_x_v", v=value)
    assert partner.calls[0].raw_path == f"/x/{sent}"


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("form", True, {"r": 1, "g": [2, 3]}, {"r": "1", "g": "2"}),
        ("form", False, {"r": 1}, {"v": "r,1"}),
        ("spaceDelimited", False, [1, 2], {"v": "1 2"}),
        ("pipeDelimited", False, [1, 2], {"v": "1|2"}),
        ("deepObject", True, {"a": False}, {"v[a]": "false"}),
    ],
)
async def test_styles_of_a_query(style: str, explode: bool, value: Any, sent: Any) -> None:
    async with http_partner(echo) as partner:
        raw = described(style, "query", True, explode=explode)
        await call(import_document(raw, url=partner.url).api, None, action="get_x", v=value)
    assert partner.calls[0].query == sent


@pytest.mark.parametrize("value", ["..", ".", ""])
async def test_a_value_cannot_lead_to_another_path(value: str) -> None:
    async with http_partner(echo) as partner:
        api = import_document(described("simple", "path", True), url=partner.url).api
        with pytest.raises(ConnectorError) as found:
            await call(api, None, action="get_x_v", v=value)
    assert found.value.type == "bad_request"
    assert partner.calls == []


@pytest.mark.parametrize("place", ["header", "cookie"])
async def test_an_api_key_goes_where_the_document_says(place: str) -> None:
    schemes = {"k": {"type": "apiKey", "in": place, "name": "X-Key"}}
    raw = document(
        {"/a": {"get": {"security": [{"k": []}]}}}, components={"securitySchemes": schemes}
    )
    header = HttpHeader(name="x-key", value=SecretStr("k1"))
    credential = header if place == "header" else ApiKey(key=SecretStr("k;1"))
    async with http_partner(echo) as partner:
        api = import_document(raw, url=partner.url).api
        await call(api, credential, action="get_a")
        with pytest.raises(CredentialUnusable):
            await call(api, HttpHeader(name="x-other", value=SecretStr("k1")), action="get_a")
    headers = partner.calls[0].headers
    assert headers.get("x-key", headers.get("cookie")) in ("k1", "X-Key=k%3B1")


async def test_a_config_is_json_with_plain_values() -> None:
    _, model = connector_of(import_document(PETS).api)
    config = model.model_validate({"action": "addPet", "body": {"name": "Tom"}})
    assert orjson.loads(config.model_dump_json(by_alias=True, exclude_unset=True)) == {
        "action": "addPet",
        "body": {"name": "Tom"},
    }
