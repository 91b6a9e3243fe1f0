"""API keys: kept as a hash, shown once, refused when wrong too often, never all deleted."""

from __future__ import annotations

import hmac
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from minizaps.api import auth
from minizaps.api.auth import Role
from tests.api.support import API, Server, definition, pointers


async def make(server: Server, **fields: Any) -> dict[str, Any]:
    answer = await server.admin.post(f"{API}/keys", json={"name": "k", "role": "viewer", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_new_key_works_and_is_shown_this_once(server: Server) -> None:
    made = await make(server)
    assert (await server.client(made["key"]).get(f"{API}/workflows")).status_code == 200
    listed = (await server.admin.get(f"{API}/keys")).text
    assert made["id"] in listed
    assert made["key"] not in listed
    assert made["key"] not in (await server.admin.get(f"{API}/audit")).text


async def test_a_key_has_256_random_bits_and_another_each_time(server: Server) -> None:
    secrets = {(await make(server))["key"] for _ in range(3)}
    assert len(secrets) == 3
    assert all(len(secret) == len("mz_") + 43 for secret in secrets)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_file_of_the_installation_holds_a_key(server: Server, tmp_path: Path) -> None:
    made = await make(server)
    await server.client(made["key"]).get(f"{API}/workflows")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(made["prefix"].encode() in path.read_bytes() for path in files)
    for path in files:
        assert made["key"].encode() not in path.read_bytes()
        assert made["key"][len(made["prefix"]) :].encode() not in path.read_bytes()


async def test_a_deleted_key_is_refused_at_once(server: Server) -> None:
    made = await make(server)
    client = server.client(made["key"])
    assert (await client.get(f"{API}/workflows")).status_code == 200
    assert (await server.admin.delete(f"{API}/keys/{made['id']}")).status_code == 204
    assert (await client.get(f"{API}/workflows")).status_code == 401
    assert (await server.admin.delete(f"{API}/keys/{made['id']}")).status_code == 404


async def test_the_last_admin_key_of_the_default_project_stays(server: Server) -> None:
    (own,) = (await server.admin.get(f"{API}/keys")).json()["items"]
    await make(server, role="editor")
    refused = await server.admin.delete(f"{API}/keys/{own['id']}")
    assert refused.status_code == 409
    assert "last admin" in refused.json()["detail"]
    other = await make(server, role="admin")
    assert (await server.admin.delete(f"{API}/keys/{own['id']}")).status_code == 204
    assert (await server.admin.get(f"{API}/keys")).status_code == 401
    assert (await server.client(other["key"]).get(f"{API}/keys")).status_code == 200


async def test_an_admin_of_default_makes_keys_for_another_project(server: Server) -> None:
    project = (await server.admin.post(f"{API}/projects", json={"name": "p"})).json()
    made = await make(server, role="admin", project=project["id"])
    client = server.client(made["key"])
    assert [k["id"] for k in (await client.get(f"{API}/keys")).json()["items"]] == [made["id"]]
    await client.post(f"{API}/workflows", json=definition())
    assert (await server.admin.get(f"{API}/workflows")).json()["items"] == []


async def test_a_key_for_a_project_that_is_not_there_is_404(server: Server) -> None:
    body = {"name": "k", "role": "viewer", "project": "nowhere"}
    assert (await server.admin.post(f"{API}/keys", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role": "viewer"}, "/name"),
        ({"name": "", "role": "viewer"}, "/name"),
        ({"name": "x" * 101, "role": "viewer"}, "/name"),
        ({"name": "k"}, "/role"),
        ({"name": "k", "role": "root"}, "/role"),
        ({"name": "k", "role": "viewer", "key": "mine"}, "/key"),
        ([], ""),
    ],
)
async def test_a_bad_key_is_refused_with_its_place(server: Server, body: Any, pointer: str) -> None:
    assert pointer in pointers(await server.admin.post(f"{API}/keys", json=body))


async def test_after_20_bad_keys_in_a_minute_the_address_waits(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now))
    bad = server.client("mz_" + "B" * 43)
    for _ in range(20):
        assert (await bad.get(f"{API}/workflows")).status_code == 401
    refused = await bad.get(f"{API}/workflows")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "61"
    elsewhere = server.client(await server.key(Role.VIEWER), address="192.0.2.1")
    assert (await elsewhere.get(f"{API}/workflows")).status_code == 200
    now += 60.5
    assert (await bad.get(f"{API}/workflows")).status_code == 401
    assert (await server.admin.get(f"{API}/workflows")).status_code == 200


async def test_a_missing_key_does_not_count_as_a_bad_one(server: Server) -> None:
    nobody = server.client()
    found = {(await nobody.get(f"{API}/workflows")).status_code for _ in range(25)}
    assert found == {401}


async def test_keys_are_compared_in_constant_time_also_when_none_is_found(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[Any, Any]] = []

    def compare(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return hmac.compare_digest(a, b)

    monkeypatch.setattr(auth, "hmac", SimpleNamespace(compare_digest=compare))
    await server.admin.get(f"{API}/workflows")
    await server.client("mz_nobody").get(f"{API}/workflows")
    assert [len(a) for a, _ in compared] == [64, 64]


async def test_a_project_is_deleted_with_its_keys_once_it_is_empty(server: Server) -> None:
    foreign = await server.foreign()
    (project,) = [
        p
        for p in (await server.admin.get(f"{API}/projects")).json()["items"]
        if p["id"] != "default"
    ]
    await foreign.post(f"{API}/workflows", json=definition())
    assert (await server.admin.delete(f"{API}/projects/{project['id']}")).status_code == 409
    await foreign.delete(f"{API}/workflows/flow")
    assert (await server.admin.delete(f"{API}/projects/{project['id']}")).status_code == 204
    assert (await foreign.get(f"{API}/workflows")).status_code == 401
    assert (await server.admin.delete(f"{API}/projects/default")).status_code == 409
    assert (await server.admin.delete(f"{API}/projects/{project['id']}")).status_code == 404


async def test_a_viewer_is_not_shown_the_hooks_that_start_runs(server: Server) -> None:
    hooked = {**definition(), "triggers": [{"type": "webhook"}]}
    await server.admin.post(f"{API}/workflows", json=hooked)
    for role, shown in (("viewer", False), ("operator", True)):
        key = await make(server, name=role, role=role)
        found = (await server.client(key["key"]).get(f"{API}/workflows/flow")).json()
        assert (found["triggers"][0]["url"] is not None) == shown


async def test_two_projects_of_one_name_are_refused(server: Server) -> None:
    assert (await server.admin.post(f"{API}/projects", json={"name": "p"})).status_code == 201
    assert (await server.admin.post(f"{API}/projects", json={"name": "p"})).status_code == 409


async def test_the_audit_log_tells_who_changed_what_and_has_no_secret(server: Server) -> None:
    key = await make(server, name="Eve", role="editor")
    editor = server.client(key["key"])
    made = (await editor.post(f"{API}/workflows", json=definition())).json()
    await editor.put(f"{API}/workflows/flow", json=definition())
    await editor.post(f"{API}/workflows/flow/deactivate")
    await editor.post(f"{API}/workflows/flow/activate")
    await editor.post(f"{API}/workflows/flow/rollback", json={"version": 1})
    await editor.delete(f"{API}/workflows/flow")
    await server.admin.delete(f"{API}/keys/{key['id']}")
    lines = [(e["actor"], e["action"], e["target"]) for e in await server.audit()]
    assert sorted(lines) == sorted(
        [
            ("key:admin", "key.create", key["id"]),
            ("key:admin", "key.delete", key["id"]),
            *(
                ("key:Eve", f"workflow.{action}", made["id"])
                for action in ("create", "revise", "deactivate", "activate", "rollback", "delete")
            ),
        ]
    )
