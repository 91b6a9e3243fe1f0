"""From an OpenAPI document to a step type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from minizaps import WorkflowEngine
from minizaps.connectors.openapi.connector import connector_of
from minizaps.connectors.openapi.description import Description
from minizaps.connectors.openapi.folder import load, save
from minizaps.connectors.openapi.importer import import_document
from minizaps.engine.plan import make_plan
from minizaps.errors import DefinitionInvalid, InvalidInput, SettingsInvalid
from minizaps.testing import declaration

PETS = (Path(__file__).parent / "pets.yaml").read_bytes()


@pytest.fixture
def pets(monkeypatch: pytest.MonkeyPatch) -> Description:
    """The step type `pets`."""
    api = import_document(PETS, name="pets").api
    entries = {**WorkflowEngine.CONNECTOR_MAP, "pets": connector_of(api)}
    monkeypatch.setattr(WorkflowEngine, "CONNECTOR_MAP", entries)
    return api


def document(paths: Any, **more: Any) -> bytes:
    """An OpenAPI document of version 3.1."""
    servers = [{"url": "https://api.example"}]
    whole = {"openapi": "3.1.0", "info": {"title": "T"}, "servers": servers, "paths": paths}
    return orjson.dumps(whole | more)


def problems(config: Any, **keys: Any) -> dict[str, str]:
    """What is wrong with a step of type `pets`, by pointer."""
    step = {"type": "pets", "credential": "shop", "config": config, **keys}
    try:
        WorkflowEngine.check({"name": "x", "steps": [step]})
    except DefinitionInvalid as error:
        return {p.pointer.removeprefix("/steps/0"): p.detail for p in error.problems}
    return {}


def test_operations_are_actions_with_their_parameters_as_fields() -> None:
    imported = import_document(PETS)
    api = imported.api
    assert (api.name, api.title, api.url) == ("pet_shop", "Pet Shop", "https://eu.pets.example/v1")
    fields = {o.id: [p.field for p in o.parameters] for o in api.operations}
    assert fields == {
        "getPet": ["pet_id", "fields", "x_trace_id"],
        "replacePet": ["pet_id"],
        "delete_pets_petId": ["pet_id"],
        "listPets": ["filter", "tag", "where", "limit"],
        "addPet": [],
        "logIn": [],
    }
    assert imported.left_out == ["addPhoto: its body is multipart/form-data"]


def test_security_schemes_are_types_of_credentials_and_each_action_has_its_own_facts() -> None:
    connector, _ = connector_of(import_document(PETS).api)
    types = [kind.type for kind in connector.credential]
    assert types == ["http_bearer", "oauth2", "google_service_account", "api_key", "http_basic"]
    facts = {name: kind.idempotent for name, kind in connector.actions.items()}
    assert facts["replacePet"]
    assert not facts["addPet"]
    assert not connector.idempotent
    assert connector.for_config({"action": "getPet"}).retry.max_attempts == 5
    assert connector.for_config({"action": "addPet"}).retry.max_attempts == 1
    assert connector.for_config({"action": "{{ trigger.body }}"}) is connector


@pytest.mark.usefixtures("pets")
def test_a_config_is_checked_when_it_is_saved_each_problem_at_its_pointer() -> None:
    assert problems({"action": "getPet", "pet_id": 3}) == {}
    assert problems({"action": "getPet", "pet_id": "3", "x_trace_id": 7}) == {}
    assert problems({"action": "getPet", "pet_id": "x", "colour": 1}) == {
        "/config/pet_id": "'x' is not of type 'integer'",
        "/config/colour": "unknown key 'colour'",
    }
    assert problems({"action": "getPets"}) == {
        "/config/action": "'getPets' is not known: did you mean 'getPet'?"
    }
    assert problems({"pet_id": 3}) == {"/config/action": "is required"}
    assert problems({"action": "listPets", "limit": 0}) == {
        "/config/limit": "0 is less than or equal to the minimum of 0"
    }
    body = {"age": -1, "kind": "cow", "friends": [{"name": "Tom"}, {"name": 7}], "mother": {}}
    assert problems({"action": "addPet", "body": body}) == {
        "/config/body/name": "is required",
        "/config/body/age": "-1 is less than the minimum of 0",
        "/config/body/kind": "'cow' is not one of ['cat', 'dog']",
        "/config/body/friends/1/name": "7 is not of type 'string'",
        "/config/body/mother/name": "is required",
    }


@pytest.mark.usefixtures("pets")
def test_a_field_may_be_an_expression_and_what_is_beside_it_is_checked_all_the_same() -> None:
    body = {"age": "{{ trigger.body.age }}", "friends": "{{ trigger.body.friends }}", "kind": "cow"}
    assert problems({"action": "addPet", "body": body}) == {
        "/config/body/name": "is required",
        "/config/body/kind": "'cow' is not one of ['cat', 'dog']",
    }
    assert problems({"action": "getPet", "pet_id": "{{ trigger.body.id }}"}) == {}


@pytest.mark.usefixtures("pets")
def test_the_schema_of_definitions_knows_the_actions() -> None:
    schema = WorkflowEngine.schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    def fits(config: Any) -> bool:
        step = {"type": "pets", "credential": "shop", "config": config}
        return bool(validator.is_valid({"name": "x", "steps": [step]}))

    assert fits({"action": "getPet", "pet_id": 3})
    assert fits({"action": "getPet", "pet_id": "{{ trigger.body.id }}"})
    assert fits({"action": "addPet", "body": {"name": "Tom", "age": None}})
    assert not fits({"action": "getPet", "pet_id": 3, "colour": 1})
    assert not fits({"action": "addPet", "body": {"age": 3}})


@pytest.mark.usefixtures("pets")
def test_its_declaration_is_as_complete_as_that_of_a_written_connector() -> None:
    connector, model = WorkflowEngine.CONNECTOR_MAP["pets"]
    assert declaration.documentation_problems(connector, model) == []
    assert declaration.facts_problems(connector) == []
    assert declaration.schema_problems(model) == []


def test_a_description_is_the_same_once_it_was_kept(tmp_path: Path, pets: Description) -> None:
    save(tmp_path, pets)
    assert load(tmp_path) == [pets]
    assert [path.name for path in tmp_path.iterdir()] == ["pets.json"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "pets.json: is not JSON"),
        ('{"name": "pets"}', "pets.json/operations: is required"),
        (
            '{"name": "cats", "title": "T", "url": "http://a", '
            '"operations": [{"id": "a", "method": "GET", "path": "/"}]}',
            "pets.json/name: the file of 'cats' is cats.json",
        ),
        (
            '{"name": "pets", "title": "T", "url": "http://a", '
            '"operations": [{"id": "a", "method": "GET", "path": "/", "security": ["b"]}]}',
            "pets.json/operations/0/security: there is no scheme 'b'",
        ),
        (
            '{"name": "pets", "title": "T", "url": "http://a", "schemas": {"S": {"type": "file"}}, '
            '"operations": [{"id": "a", "method": "GET", "path": "/"}]}',
            "pets.json: there are schemas that are none",
        ),
    ],
)
def test_a_broken_description_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "pets.json").write_text(text)
    with pytest.raises(SettingsInvalid, match=says):
        load(tmp_path)


def test_a_description_with_a_built_in_name_is_refused(tmp_path: Path, pets: Description) -> None:
    save(tmp_path, pets.model_copy(update={"name": "webhook"}))
    with pytest.raises(SettingsInvalid, match=r"webhook.json: the step type 'webhook' is there"):
        WorkflowEngine.install_connectors(tmp_path)


@pytest.mark.usefixtures("pets")
def test_a_step_has_the_facts_of_its_action() -> None:
    configs = [{"action": "getPet", "pet_id": 3}, {"action": "addPet", "body": {"name": "Tom"}}]
    steps = [{"type": "pets", "credential": "shop", "config": config} for config in configs]
    definition = WorkflowEngine.check({"name": "x", "steps": steps})
    plan = make_plan("w", 1, definition, WorkflowEngine.CONNECTOR_MAP)
    work: list[Any] = [step.work for step in plan.steps]
    assert [task.connector.idempotent for task in work] == [True, False]
    assert [task.retry.max_attempts for task in work] == [5, 1]


def test_text_is_taken_for_a_number_behind_a_reference_or_beside_null() -> None:
    parameters = [
        {"name": "a", "in": "query", "schema": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
        {"name": "b", "in": "query", "schema": {"$ref": "#/components/schemas/Size"}},
    ]
    components = {"schemas": {"Size": {"type": "number"}}}
    raw = document({"/a": {"get": {"parameters": parameters}}}, components=components)
    _, model = connector_of(import_document(raw).api)
    config: Any = model.model_validate({"action": "get_a", "a": "5", "b": "1.5"})
    assert config.given() == {"a": 5, "b": 1.5}


def test_long_chains_of_references_and_schemas_of_one_name_are_followed() -> None:
    chain = {
        f"S{n}": {
            "type": "object",
            "properties": {"next": {"$ref": f"#/components/schemas/S{n + 1}"}},
        }
        for n in range(2000)
    }
    named = {"type": "object", "properties": {"b": {"type": "string"}}}
    last = {"S2000": {"type": "integer"}, "a/b": named}
    schema = {
        "type": "object",
        "properties": {
            "chain": {"$ref": "#/components/schemas/S0"},
            "one": {"$ref": "#/components/schemas/a~1b/properties/b"},
            "two": {"$ref": "#/components/parameters/b"},
        },
    }
    body = {"content": {"application/json": {"schema": schema}}}
    components = {"schemas": {**chain, **last}, "parameters": {"b": {"type": "integer"}}}
    api = import_document(
        document({"/a": {"post": {"requestBody": body}}}, components=components)
    ).api
    _, model = connector_of(api)
    fits = {"chain": {"next": {"next": {}}}, "one": "x", "two": 2}
    assert model.model_validate({"action": "post_a", "body": fits})
    with pytest.raises(ValueError, match="3 is not of type 'string'"):
        model.model_validate({"action": "post_a", "body": {"one": 3, "two": 2}})


def test_a_document_may_be_nested_a_hundred_levels_deep() -> None:
    def nested(levels: int) -> bytes:
        schema: Any = {"type": "string"}
        for _ in range(levels):
            schema = {"items": schema}
        parameter = {"name": "x", "in": "query", "schema": schema}
        return document({"/a": {"get": {"parameters": [parameter]}}})

    _, model = connector_of(import_document(nested(93)).api)
    assert model.model_validate({"action": "get_a", "x": "text"})
    with pytest.raises(InvalidInput, match="nested more than 100 levels"):
        import_document(nested(94))


@pytest.mark.parametrize("url", [None, "https://test.example"])
def test_a_server_of_one_operation_counts_unless_an_address_is_given(url: str | None) -> None:
    servers = [{"url": "https://other.example"}]
    raw = document({"/a": {"get": {"servers": servers}, "head": {}}})
    api = import_document(raw, url=url).api
    assert api.operations[0].url == (None if url else "https://other.example")


def test_only_some_operations_are_taken() -> None:
    api = import_document(PETS, only=["getPet"]).api
    assert [o.id for o in api.operations] == ["getPet"]
    assert api.schemas == {}
    assert list(api.schemes) == ["token"]
    _, model = connector_of(api)
    assert model.model_validate({"action": "getPet", "pet_id": 3})
    with pytest.raises(InvalidInput, match="no operation 'getPat': did you mean 'getPet'"):
        import_document(PETS, only=["getPat"])


def test_names_that_come_together_are_told_apart() -> None:
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "id", "in": "query", "schema": {"type": "string"}},
        {"name": "ID", "in": "query", "schema": {"type": "string"}},
        {"name": "body", "in": "query", "schema": {"type": "string"}},
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}},
        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
    ]
    raw = document(
        {
            "/a/{id}": {"post": {"operationId": "a b", "parameters": parameters}},
            "/b": {"get": {"operationId": "a-b"}, "head": {}},
            "/b/": {"head": {}},
        }
    )
    operations = import_document(raw).api.operations
    assert [o.id for o in operations] == ["a_b", "a_b_2", "head_b", "head_b_2"]
    assert [p.field for p in operations[0].parameters] == ["id", "id_query", "id_2", "body_query"]
    assert operations[0].idempotent  # it takes the key


def test_schemas_of_3_1_keep_their_type_lists_and_may_refer_to_themselves() -> None:
    tree = {
        "type": ["object", "null"],
        "properties": {"left": {"$ref": "#/components/schemas/Tree"}, "size": {"type": "integer"}},
        "additionalProperties": False,
    }
    body = {
        "content": {"application/vnd.api+json": {"schema": {"$ref": "#/components/schemas/Tree"}}}
    }
    raw = document({"/t": {"post": {"requestBody": body}}}, components={"schemas": {"Tree": tree}})
    _, model = connector_of(import_document(raw).api)
    deep = {"left": {"left": {"left": {"left": {"left": {"size": 1}}}}}}
    assert model.model_validate({"action": "post_t", "body": deep})
    with pytest.raises(ValueError, match="'big' is not of type 'integer'"):
        model.model_validate({"action": "post_t", "body": {"left": {"left": {"size": "big"}}}})
    assert len(orjson.dumps(model.model_json_schema())) < 2000


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"{", "is not JSON"),
        (b"a: [", "is not YAML"),
        (b"- 1", "an OpenAPI document is an object"),
        (b"swagger: '2.0'", "/swagger: OpenAPI 2.0"),
        (b"openapi: 4.0.0", "/openapi: '4.0.0': versions 3.0 and 3.1"),
        (b"openapi: 3.1.0\na: &a {b: *a}", "the YAML is no JSON"),
        (
            b"openapi: 3.1.0\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9))
                       if n else b"a0: &a0 [x]\n" for n in range(12)),
            "more than 1,000,000 values",
        ),
        (document({}), "no operation can be called"),
        (document({"/a": {"get": 1}}), "/paths/~1a/get: is no object"),
        (document({"/a": {"$ref": "#/paths/~1a"}}), "the reference leads in a circle"),
        (document({"/a": {"$ref": "b.yaml"}}), "b.yaml leads out of the document"),
        (document({"/a": {"$ref": "#/nowhere"}}), "there is nothing at #/nowhere"),
        (
            document({"/a": {"get": {"parameters": [{"name": "x"}]}}}),
            "/paths/~1a/get/parameters/0: a parameter has `name` and `in`",
        ),
        (
            document({"/a": {"get": {"parameters": [
                {"name": "x", "in": "query", "style": "matrix"}]}}}),
            "parameters/0/style: 'matrix' is no style of a query parameter",
        ),
        (document({"/a": {"get": {"security": [{"x": []}]}}}), "no security scheme 'x'"),
        (
            document({"/a/{b}": {"get": {}}}),
            "no operation can be called; get_a_b: the document has no parameter for {b}",
        ),
        (
            document({"/a": {"get": {"security": [{"x": [], "y": []}]}}}, components={
                "securitySchemes": {n: {"type": "apiKey", "in": "query", "name": n}
                                    for n in "xy"}}),
            "no credential serves the security scheme x and y",
        ),
        (
            document({"/a": {"get": {"parameters": [{"name": "x", "in": "query",
                                                     "schema": {"type": "file"}}]}}}),
            "there are schemas that are none",
        ),
        (document({"/a": {"get": {}}}, servers=[]), "does not say where the API is"),
        (document({"/a": {"get": {}}}, info={"title": "123"}), None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(raw: bytes, says: str | None) -> None:
    if says is None:
        assert import_document(raw).api.name == "api_123"
        return
    with pytest.raises(InvalidInput) as found:
        import_document(raw)
    assert says in str(found.value)


def test_a_server_may_be_relative_to_where_the_document_is() -> None:
    raw = document({"/a": {"get": {}}}, servers=[{"url": "/v2"}])
    api = import_document(raw, source="https://docs.example/specs/api.json").api
    assert api.url == "https://docs.example/v2"
