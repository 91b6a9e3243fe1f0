"""Every route asks for a key and a role, and shows nothing of another project."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.api.auth import Role
from minizaps.api.server import create_api
from tests.api.support import API, Server, definition, set_step

OPEN = None
ROLES = list(Role)

# What each route needs at least; `{...}` in bodies is what makes the request a good one.
NEEDS: dict[tuple[str, str], Role | None] = {
    ("GET", "/health/live"): OPEN,
    ("GET", "/health/ready"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("POST", "/hooks/{token}"): OPEN,
    ("GET", "/callbacks/{token}"): OPEN,
    ("POST", "/callbacks/{token}"): OPEN,
    ("POST", f"{API}/workflows"): Role.EDITOR,
    ("GET", f"{API}/workflows"): Role.VIEWER,
    ("PUT", f"{API}/workflows/{{workflow_id}}"): Role.EDITOR,
    ("GET", f"{API}/workflows/{{workflow_id}}"): Role.VIEWER,
    ("DELETE", f"{API}/workflows/{{workflow_id}}"): Role.EDITOR,
    ("POST", f"{API}/workflows/{{workflow_id}}/rollback"): Role.EDITOR,
    ("POST", f"{API}/workflows/validate"): Role.VIEWER,
    ("POST", f"{API}/workflows/{{workflow_id}}/activate"): Role.OPERATOR,
    ("POST", f"{API}/workflows/{{workflow_id}}/deactivate"): Role.OPERATOR,
    ("GET", f"{API}/workflows/{{workflow_id}}/versions"): Role.VIEWER,
    ("GET", f"{API}/workflows/{{workflow_id}}/versions/{{number}}"): Role.VIEWER,
    ("POST", f"{API}/workflows/{{workflow_id}}/runs"): Role.OPERATOR,
    ("GET", f"{API}/runs"): Role.VIEWER,
    ("GET", f"{API}/runs/{{run_id}}"): Role.VIEWER,
    ("GET", f"{API}/runs/{{run_id}}/steps"): Role.VIEWER,
    ("GET", f"{API}/runs/{{run_id}}/events"): Role.VIEWER,
    ("POST", f"{API}/runs/{{run_id}}/answer"): Role.OPERATOR,
    ("POST", f"{API}/runs/{{run_id}}/cancel"): Role.OPERATOR,
    ("POST", f"{API}/runs/{{run_id}}/replay"): Role.OPERATOR,
    ("GET", f"{API}/dead-letters"): Role.VIEWER,
    ("POST", f"{API}/dead-letters/replay"): Role.OPERATOR,
    ("POST", f"{API}/dead-letters/discard"): Role.OPERATOR,
    ("POST", f"{API}/dead-letters/{{run_id}}/replay"): Role.OPERATOR,
    ("POST", f"{API}/dead-letters/{{run_id}}/discard"): Role.OPERATOR,
    ("GET", f"{API}/connectors"): Role.VIEWER,
    ("GET", f"{API}/schema"): Role.VIEWER,
    ("GET", f"{API}/credential-types"): Role.VIEWER,
    ("GET", f"{API}/credentials"): Role.VIEWER,
    ("POST", f"{API}/credentials"): Role.EDITOR,
    ("GET", f"{API}/credentials/{{name}}"): Role.VIEWER,
    ("PUT", f"{API}/credentials/{{name}}"): Role.EDITOR,
    ("DELETE", f"{API}/credentials/{{name}}"): Role.EDITOR,
    ("POST", f"{API}/credentials/{{name}}/test"): Role.EDITOR,
    ("POST", f"{API}/credentials/{{name}}/authorize"): Role.EDITOR,
    ("POST", f"{API}/keys/rotate"): Role.ADMIN,
    ("GET", f"{API}/keys"): Role.ADMIN,
    ("POST", f"{API}/keys"): Role.ADMIN,
    ("DELETE", f"{API}/keys/{{key_id}}"): Role.ADMIN,
    ("GET", f"{API}/projects"): Role.ADMIN,
    ("POST", f"{API}/projects"): Role.ADMIN,
    ("DELETE", f"{API}/projects/{{project_id}}"): Role.ADMIN,
    ("GET", f"{API}/audit"): Role.ADMIN,
}
ROUTES = [
    (method.upper(), path)
    for path, operations in create_api().openapi()["paths"].items()
    for method in operations
]
GUARDED = [route for route in ROUTES if NEEDS.get(route)]
BY_ID = [route for route in GUARDED if "_id}" in route[1] and "project_id" not in route[1]]
LISTS = ["workflows", "runs", "dead-letters", "audit"]


def request_of(route: tuple[str, str], ids: dict[str, str]) -> dict[str, Any]:
    """A good request of a route."""
    method, path = route
    bodies = {
        "workflows": definition(name="new"),
        "validate": definition(),
        "rollback": {"version": 1},
        "replay": {"ids": []} if path.endswith("dead-letters/replay") else {"from": "start"},
        "discard": {"ids": []} if path.endswith("dead-letters/discard") else {},
        "credentials": {"name": "new", "type": "hmac", "data": {"secret": "a secret"}},
        "{name}": {"data": {"secret": "another"}},
        "keys": {"name": "new", "role": "viewer"},
        "projects": {"name": "new"},
        "runs": {"input": 1},
    }
    last = path.rpartition("/")[2]
    body = definition() if last == "{workflow_id}" else bodies.get(last)
    return {
        "method": method,
        "url": path.format(**ids, number=1),
        **({"json": body} if method in ("POST", "PUT") and body is not None else {}),
    }


NOWHERE = dict.fromkeys(("workflow_id", "run_id", "key_id", "project_id", "name"), "nowhere")


def test_every_route_has_an_expectation() -> None:
    assert sorted(NEEDS) == sorted(ROUTES)


@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
async def test_a_route_is_for_its_role_and_those_above(
    server: Server, route: tuple[str, str]
) -> None:
    request = request_of(route, NOWHERE)
    found = {}
    for role in ROLES:
        answer = await server.client(await server.key(role)).request(**request)
        found[role] = answer.status_code not in (401, 403)
    assert found == {role: role.includes(NEEDS[route] or role) for role in ROLES}


@pytest.mark.parametrize("route", GUARDED, ids=" ".join)
async def test_a_route_without_a_good_key_is_401(server: Server, route: tuple[str, str]) -> None:
    request = request_of(route, NOWHERE)
    good = await server.key(Role.ADMIN)
    wrong = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {good}"},
        {"Authorization": good},
        {"Authorization": "Bearer mz_" + "A" * 43},
        {"Authorization": f"Bearer {good[:-1]}"},
        {"Authorization": f"Bearer {good}A"},
        {"Authorization": f"Bearer {good.swapcase()}"},
        {"Authorization": "Bearer mz_\xff"},
        {"X-Api-Key": good},
    ]
    client = server.client()
    for headers in wrong:
        encoded = {k: v.encode("latin-1") for k, v in headers.items()}
        answer = await client.request(**request, headers=encoded)
        assert answer.status_code == 401, headers
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("route", BY_ID, ids=" ".join)
async def test_what_another_project_has_is_not_there(
    server: Server, route: tuple[str, str]
) -> None:
    run = await server.failed()
    keys = (await server.admin.get(f"{API}/keys")).json()["items"]
    ids = {"workflow_id": run["workflow"]["id"], "run_id": run["id"], "key_id": keys[0]["id"]}
    foreign = await server.foreign()
    request = request_of(route, ids)
    assert (await foreign.request(**request)).status_code == 404
    if "workflow_id" in route[1]:
        by_name = request_of(route, {**ids, "workflow_id": "flow"})
        assert (await foreign.request(**by_name)).status_code == 404
    assert (await server.look(run["id"]))["dead_letter"] == "open"


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_shows_nothing_of_another_project(server: Server, name: str) -> None:
    run = await server.failed()
    foreign = await server.foreign()
    for query in ({}, {"workflow": run["workflow"]["id"]}, {"cursor": run["id"]}, {"limit": 200}):
        answer = await foreign.get(f"{API}/{name}", params=query)
        assert answer.json() == {"items": [], "next": None}


@pytest.mark.parametrize("action", ["replay", "discard"])
@pytest.mark.parametrize("choice", ["ids", "workflow", "error"])
async def test_a_bulk_action_reaches_no_dead_letter_of_another_project(
    server: Server, action: str, choice: str
) -> None:
    run = await server.failed()
    foreign = await server.foreign()
    chosen = {"ids": [run["id"]], "workflow": run["workflow"]["id"], "error": "expression"}[choice]
    answer = await foreign.post(f"{API}/dead-letters/{action}", json={choice: chosen})
    assert [item["run_id"] for item in answer.json()["items"]] == [None] * (choice == "ids")
    assert (await server.look(run["id"]))["dead_letter"] == "open"


async def test_two_projects_may_use_one_name_and_one_idempotency_key(server: Server) -> None:
    foreign = await server.foreign()
    runs = []
    for client in (server.admin, foreign):
        made = await client.post(f"{API}/workflows", json=definition(set_step()))
        assert made.status_code == 201
        headers = {"Idempotency-Key": "one"}
        runs.append(await client.post(f"{API}/workflows/flow/runs", json={}, headers=headers))
    assert [run.status_code for run in runs] == [202, 202]
    assert runs[0].json()["id"] != runs[1].json()["id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "projects", None),
        ("POST", "projects", {"name": "x"}),
        ("DELETE", "projects/default", None),
        ("POST", "keys", {"name": "x", "role": "viewer", "project": "default"}),
    ],
)
async def test_only_admins_of_the_default_project_manage_projects(
    server: Server, method: str, path: str, body: Any
) -> None:
    foreign = await server.foreign()
    assert (await foreign.request(method, f"{API}/{path}", json=body)).status_code == 403
