"""Credentials through the API: they go in, are used, changed and deleted; no secret comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel, SecretStr

from minizaps import Context, WorkflowEngine
from minizaps.api.auth import Role
from minizaps.credentials.credential import Credential
from minizaps.credentials.open import open_keyring
from minizaps.credentials.redact import Redactor
from minizaps.credentials.types import Database, Redis, SlackWebhook
from minizaps.credentials.vault import secret_fields
from tests.api.support import API, Server, Sink, call_step, definition, pointers, set_step

PATH = f"{API}/credentials"
BEARER = {"name": "shop", "type": "http_bearer", "data": {"token": "a very secret token"}}


async def create(server: Server, **fields: Any) -> dict[str, Any]:
    answer = await server.admin.post(PATH, json=BEARER | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_step_shows_the_credential_that_it_names(server: Server, sink: Sink) -> None:
    await create(server)
    run = await server.run(call_step(sink.url, credential="shop"))
    assert run["status"] == "succeeded"
    assert sink.requests[0]["headers"]["Authorization"] == "Bearer a very secret token"


async def test_no_answer_gives_a_secret_back(server: Server) -> None:
    made = await create(server)
    assert made["data"] == {}
    assert made["secrets"] == ["token"]
    listed = await server.admin.get(PATH)
    one = await server.admin.get(f"{PATH}/shop")
    audit = await server.admin.get(f"{API}/audit")
    assert one.json() == listed.json()["items"][0] == made
    for answer in (listed, one, audit):
        assert "very secret" not in answer.text


async def test_a_changed_credential_is_used_at_once_and_keeps_what_is_left_out(
    server: Server, sink: Sink
) -> None:
    data = {"username": "u", "password": "first password"}
    await create(server, name="door", type="http_basic", data=data)
    await server.run(call_step(sink.url, credential="door"))
    change = {"data": {"username": "other"}}
    changed = (await server.admin.put(f"{PATH}/door", json=change)).json()
    assert changed["data"] == {"username": "other"}
    assert changed["secrets"] == ["password"]
    await server.start()
    await server.settle()
    seen = [request["headers"]["Authorization"] for request in sink.requests]
    assert seen == [
        "Basic dTpmaXJzdCBwYXNzd29yZA==", "Basic b3RoZXI6Zmlyc3QgcGFzc3dvcmQ="
    ]  # fmt: skip


async def test_what_a_secret_is_sent_to_and_comes_back_from_is_masked(
    server: Server, sink: Sink
) -> None:
    await create(server)
    sink.answers.append(web.json_response({"seen": ["Bearer a very secret token"]}))
    run = await server.run(call_step(sink.url, credential="shop"))
    steps = (await server.admin.get(f"{API}/runs/{run['id']}/steps")).text
    events = (await server.admin.get(f"{API}/runs/{run['id']}/events")).text
    for text in (steps, events, str(run)):
        assert "very secret" not in text
    assert "Bearer ***" in steps


@pytest.mark.parametrize(
    ("wrong", "pointer", "says"),
    [
        ({"type": "http_bearr"}, "/type", "did you mean 'http_bearer'"),
        ({"type": "access_token"}, "/type", "unknown"),
        ({"data": {}}, "/data/token", "required"),
        ({"data": {"token": "t", "tokens": 1}}, "/data/tokens", "unknown key"),
        ({"data": {"token": "a\nb"}}, "/data/token", "line break"),
        ({"data": {"token": "env:PATH"}}, "/data", "may not be read"),
        ({"data": {"token": "file:/etc/passwd"}}, "/data", "no folder"),
        ({"name": "a/b"}, "/name", "match"),
        ({"type": "database", "data": {"url": "sqlite:////etc/x.db"}}, "/data", "no folder"),
        ({"type": "google_service_account", "data": {"key": "{}"}}, "/data", "client_email"),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_place(
    server: Server, wrong: dict[str, Any], pointer: str, says: str
) -> None:
    found = pointers(await server.admin.post(PATH, json=BEARER | wrong))
    assert says in found[pointer]


async def test_a_name_is_taken_once_in_a_project(server: Server) -> None:
    await create(server)
    assert (await server.admin.post(PATH, json=BEARER)).status_code == 409
    other = await server.foreign()
    change = {"data": {"token": "another"}}
    for method, path, body in (
        ("GET", "shop", None), ("PUT", "shop", change), ("DELETE", "shop", None),
        ("POST", "shop/test", None), ("POST", "shop/authorize", None),
    ):  # fmt: skip
        answer = await other.request(method, f"{PATH}/{path}", json=body)
        assert answer.status_code == 404
    assert (await other.post(PATH, json=BEARER)).status_code == 201


async def test_a_workflow_is_saved_only_with_credentials_that_fit(server: Server) -> None:
    await create(server)
    await create(server, name="signs", type="hmac", data={"secret": "a secret"})
    steps = [
        call_step("https://api.test", "a", credential="nobody"),
        call_step("https://api.test", "b", credential="signs"),
        {"id": "c", "type": "wait", "config": {"secret": "shop"}},
        {"id": "d", "type": "wait", "config": {"secret": "signs"}},
    ]
    found = pointers(await server.admin.post(f"{API}/workflows", json=definition(*steps)))
    assert found.keys() == {"/steps/0/credential", "/steps/1/credential", "/steps/2/config/secret"}
    assert "create it first" in found["/steps/0/credential"]
    assert "is of the type hmac, not http_basic or" in found["/steps/1/credential"]


async def test_a_used_credential_is_deleted_by_force_only_and_its_runs_say_so(
    server: Server, sink: Sink
) -> None:
    await create(server)
    await server.save(definition(call_step(sink.url, credential="shop"), name="orders"))
    refused = await server.admin.delete(f"{PATH}/shop")
    assert refused.status_code == 409
    assert "orders" in refused.json()["detail"]
    assert (await server.admin.delete(f"{PATH}/shop", params={"force": True})).status_code == 204
    run = await server.start("orders")
    await server.settle()
    error = (await server.look(run["id"]))["error"]
    assert error["type"] == "credential"
    assert "there is no credential 'shop'" in error["message"]
    assert not sink.requests


async def test_roles_see_create_and_try(server: Server) -> None:
    await create(server)
    for role, sees, writes in (
        (Role.VIEWER, 200, 403), (Role.OPERATOR, 200, 403), (Role.EDITOR, 200, 201)
    ):  # fmt: skip
        client = server.client(await server.key(role))
        assert (await client.get(f"{PATH}/shop")).status_code == sees
        made = await client.post(PATH, json=BEARER | {"name": f"by-{role}"})
        assert made.status_code == writes
        assert (await client.post(f"{API}/keys/rotate")).status_code == 403


async def test_every_change_is_in_the_audit_log(server: Server) -> None:
    await create(server)
    await server.admin.put(f"{PATH}/shop", json={"data": {"token": "another"}})
    await server.admin.delete(f"{PATH}/shop")
    actions = [line["action"] for line in await server.audit()]
    assert actions == ["credential.create", "credential.revise", "credential.delete"]


async def test_a_credential_is_tried_where_it_says(server: Server, sink: Sink) -> None:
    await create(server, data={"token": "a token", "test_url": sink.url + "/me"})
    tried = (await server.admin.post(f"{PATH}/shop/test")).json()
    assert tried == {"ok": True, "detail": f"{sink.url}/me answered 200"}
    sink.answer(401)
    tried = (await server.admin.post(f"{PATH}/shop/test")).json()
    assert tried["ok"] is False
    assert "401" in tried["detail"]


async def test_after_a_rotation_all_is_as_before(server: Server, sink: Sink) -> None:
    await create(server)
    for _ in range(3):
        rotated = await server.admin.post(f"{API}/keys/rotate")
        assert rotated.json() == {"credentials": 1, "unreadable": []}
    server.clock.advance(2)
    await server.run(call_step(sink.url, credential="shop"))
    assert sink.requests[0]["headers"]["Authorization"] == "Bearer a very secret token"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_lost_key_is_said_and_breaks_nothing_else(
    server: Server, sink: Sink, tmp_path: Path
) -> None:
    await create(server)
    (tmp_path / "secret.key").unlink()
    open_keyring(server.app.settings)  # as the next start does
    rotated = (await server.admin.post(f"{API}/keys/rotate")).json()
    assert rotated == {"credentials": 0, "unreadable": ["shop"]}
    server.clock.advance(2)
    shown = (await server.admin.get(f"{PATH}/shop")).json()
    assert "which this process does not have" in shown["problem"]
    run = await server.run(call_step(sink.url, credential="shop"))
    assert run["error"]["type"] == "credential"
    assert (await server.run(set_step(), name="other"))["status"] == "succeeded"


async def test_the_types_have_schemas_that_mark_secrets(server: Server) -> None:
    items = (await server.admin.get(f"{API}/credential-types")).json()["items"]
    types = {item["type"]: item["schema"] for item in items}
    assert types["smtp"]["properties"]["host"]["type"] == "string"
    assert "writeOnly" in str(types["smtp"]["properties"]["password"])
    assert all(item["description"] for item in items)


async def test_a_credential_for_any_server_is_shown_to_no_other(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(context: Context) -> str:
        raise AssertionError("a connector was asked")

    for connector, _ in WorkflowEngine.CONNECTOR_MAP.values():
        if any(taken.type == "http_bearer" for taken in connector.credential):
            monkeypatch.setattr(connector, "try_credential", never)
    await create(server)
    tried = (await server.admin.post(f"{PATH}/shop/test")).json()
    assert tried == {"ok": True, "detail": "it can be opened; there is no way to try it"}


async def test_a_connectors_own_mistake_in_a_trial_shows_no_secret(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(context: Context) -> str:
        raise ValueError(f"bad url {context.opened(SlackWebhook).url.get_secret_value()}")

    connector, _ = WorkflowEngine.CONNECTOR_MAP["slack"]
    monkeypatch.setattr(connector, "try_credential", fail)
    url = "https://hooks.slack.test/services/T0/B0/very-secret"
    await create(server, type="slack_webhook", data={"url": url})
    tried = (await server.admin.post(f"{PATH}/shop/test")).json()
    assert tried == {"ok": False, "detail": "ValueError: bad url ***"}


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (Database(url="postgresql://u:pass%20word@h/d"), "refused: pass word"),
        (Redis(url="redis://u:pass%20word@h"), "u:pass%20word@h:6379"),
        (
            SlackWebhook(url="https://hooks.test/services/T0/pass%20word"),
            "/services/T0/pass%20word",
        ),
    ],
)
def test_the_secret_inside_an_address_is_masked_by_itself(
    credential: Credential, shown: str
) -> None:
    assert "word" not in Redactor(credential.secrets()).text(shown)


def test_a_type_of_a_package_may_nest_its_secrets() -> None:
    class Login(BaseModel):
        password: SecretStr

    class Nested(Credential):
        type = "nested"
        host: str
        login: Login
        more: frozenset[SecretStr]

    made = Nested(host="h", login={"password": "one secret"}, more=["another secret"])
    assert sorted(made.secrets()) == ["another secret", "one secret"]
    assert secret_fields(Nested) == {"login", "more"}
