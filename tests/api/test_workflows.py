"""Workflows: saved with ids, versioned, activated, rolled back, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.support import API, Server, definition, delay_step, hooked, pointers, set_step

FLOW = f"{API}/workflows/flow"


def hook_of(workflow: dict[str, Any]) -> str:
    """The path of the workflow's hook."""
    return workflow["triggers"][0]["url"].removeprefix("http://127.0.0.1:8470")


async def revise(
    server: Server, workflow: dict[str, Any], if_match: str | None = None
) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return await server.admin.put(FLOW, json=workflow, headers=headers)


async def test_a_saved_workflow_is_answered_with_all_that_one_needs(server: Server) -> None:
    answer = await server.admin.post(f"{API}/workflows", json=hooked())
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{API}/workflows/{made['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (made["name"], made["version"], made["active"]) == ("flow", 1, True)
    assert [(t["id"], t["type"]) for t in made["triggers"]] == [("hook", "webhook")]
    assert made["triggers"][0]["url"].startswith("http://127.0.0.1:8470/hooks/")
    for named in (made["id"], "flow"):
        assert (await server.admin.get(f"{API}/workflows/{named}")).json() == made


async def test_ids_are_made_once_and_written_back(server: Server) -> None:
    steps = [
        {"type": "delay", "config": {"seconds": 1}},
        {"type": "set", "name": "Make a Sum", "config": {"values": {}}},
        {"type": "set", "config": {"values": {}}},
    ]
    workflow = {"name": "flow", "triggers": [{"type": "webhook"}], "steps": steps}
    made = await server.save(workflow)
    stored = made["definition"]
    assert [s["id"] for s in stored["steps"]] == ["delay_1", "make_a_sum", "set_1"]
    assert [t["id"] for t in stored["triggers"]] == ["webhook_1"]
    again = (await revise(server, stored)).json()
    assert again["definition"] == stored
    assert again["triggers"] == made["triggers"]


async def test_every_problem_is_told_at_once_with_its_place_and_a_hint(server: Server) -> None:
    bad = {
        "name": "",
        "colour": 1,
        "timeout": "P1M",
        "triggers": [{"type": "webhok"}],
        "steps": [
            {"id": "Bad", "type": "webhok", "config": {}},
            {"id": "a", "type": "delay", "config": {"secnds": 1}, "retry": {"max_attempts": 0}},
            {"id": "a", "type": "set", "config": {"values": {"x": "{{ steps.later.x }}"}}},
            {"id": "later", "type": "set", "on_error": "ignore", "config": {"values": "{{ 1 +"}},
        ],
    }
    for url in (f"{API}/workflows", f"{API}/workflows/validate"):
        found = pointers(await server.admin.post(url, json=bad))
        assert found.keys() >= {
            "/name",
            "/colour",
            "/timeout",
            "/triggers/0/type",
            "/steps/0/id",
            "/steps/0/type",
            "/steps/1/config/secnds",
            "/steps/1/retry/max_attempts",
            "/steps/2/id",
            "/steps/2/config/values/x",
            "/steps/3/on_error",
            "/steps/3/config/values",
        }
        assert "did you mean 'webhook'" in found["/steps/0/type"]
        assert "did you mean 'seconds'" in found["/steps/1/config/secnds"]
        assert "does not run before" in found["/steps/2/config/values/x"]
    assert (await server.admin.get(f"{API}/workflows")).json()["items"] == []


async def test_validating_saves_nothing_and_shows_what_would_be_stored(server: Server) -> None:
    workflow = {"name": "flow", "steps": [{"type": "delay", "config": {"seconds": 1}}]}
    answer = await server.admin.post(f"{API}/workflows/validate", json=workflow)
    assert answer.status_code == 200
    assert answer.json()["definition"]["steps"][0]["id"] == "delay_1"
    assert (await server.admin.get(f"{API}/workflows")).json()["items"] == []
    assert await server.audit() == []


async def test_a_name_is_taken_once_in_a_project(server: Server) -> None:
    await server.save(definition())
    second = await server.save(definition(name="second"))
    answer = await server.admin.post(f"{API}/workflows", json=definition())
    assert answer.status_code == 409
    renamed = await server.admin.put(f"{API}/workflows/{second['id']}", json=definition())
    assert renamed.status_code == 409
    await server.admin.delete(FLOW)
    assert (await server.admin.post(f"{API}/workflows", json=definition())).status_code == 201


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        (None, 200),
        ("*", 200),
        ('"1"', 200),
        ('W/"1"', 200),
        ('"2"', 412),
        ('"0"', 412),
        ('"999999999999999999"', 412),
        ("1", 422),
        ('"one"', 422),
        ("", 422),
        ('"' + "9" * 30 + '"', 422),
    ],
)
async def test_if_match_guards_a_revision(
    server: Server, if_match: str | None, status: int
) -> None:
    await server.save(definition())
    answer = await revise(server, definition(set_step("new")), if_match)
    assert answer.status_code == status
    now = (await server.admin.get(FLOW)).json()
    assert now["version"] == (2 if status == 200 else 1)


async def test_of_two_authors_who_read_one_version_one_must_read_again(server: Server) -> None:
    await server.save(definition())
    answers = await asyncio.gather(
        *(revise(server, definition(set_step(f"s{n}")), '"1"') for n in range(6))
    )
    assert sorted(a.status_code for a in answers) == [200] + [412] * 5


async def test_versions_never_change_and_a_run_keeps_its_own(server: Server) -> None:
    await server.save(definition(delay_step(60), set_step("old", a="old")))
    run = await server.start()
    await server.settle()
    await revise(server, definition(set_step("new", a="new")))
    first = await server.admin.get(f"{FLOW}/versions/1")
    assert [s["id"] for s in first.json()["definition"]["steps"]] == ["pause", "old"]
    assert first.json()["created_by"] == "key:admin"
    await server.advance(61)
    ended = await server.look(run["id"])
    assert (ended["workflow"]["version"], ended["output"]) == (1, {"a": "old"})


async def test_a_rollback_is_a_new_version_of_the_old_definition(server: Server) -> None:
    made = await server.save(definition(set_step("old")))
    await revise(server, definition(set_step("new")))
    answer = await server.admin.post(f"{FLOW}/rollback", json={"version": 1})
    assert answer.json()["version"] == 3
    assert answer.headers["etag"] == '"3"'
    assert answer.json()["definition"] == made["definition"]
    numbers = [v["version"] for v in (await server.admin.get(f"{FLOW}/versions")).json()["items"]]
    assert numbers == [3, 2, 1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"version": 2}, 404),
        ({"version": 0}, 422),
        ({"version": -1}, 422),
        ({"version": 2**63}, 422),
        ({"version": "x"}, 422),
        ({}, 422),
        ({"version": 1, "to": 1}, 422),
    ],
)
async def test_a_rollback_needs_a_version_that_is_there(
    server: Server, body: Any, status: int
) -> None:
    await server.save(definition())
    answer = await server.admin.post(f"{FLOW}/rollback", json=body)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("number", "status"),
    [("2", 404), (str(2**53 - 1), 404), ("0", 422), ("-1", 422), ("x", 422), ("9" * 30, 422)],
)
async def test_a_version_that_is_not_there_is_refused(
    server: Server, number: str, status: int
) -> None:
    await server.save(definition())
    assert (await server.admin.get(f"{FLOW}/versions/{number}")).status_code == status


async def test_triggers_fire_only_while_the_workflow_is_active(server: Server) -> None:
    made = await server.save(hooked(), active="false")
    hook = hook_of(made)
    assert made["active"] is False
    assert (await server.admin.post(hook)).status_code == 404
    assert (await server.admin.post(f"{FLOW}/runs")).status_code == 202
    for action, status in (("activate", 202), ("deactivate", 404), ("activate", 202)):
        answer = await server.admin.post(f"{FLOW}/{action}")
        assert answer.json()["active"] is (action == "activate")
        assert (await server.admin.post(hook)).status_code == status


async def test_a_hook_keeps_its_url_over_versions_and_stops_with_its_trigger(
    server: Server,
) -> None:
    hook = hook_of(await server.save(hooked()))
    revised = (await revise(server, hooked(set_step("new")))).json()
    assert hook_of(revised) == hook
    run_id = (await server.admin.post(hook)).json()["run_id"]
    assert (await server.look(run_id))["workflow"]["version"] == 2
    await revise(server, definition())
    assert (await server.admin.post(hook)).status_code == 404
    assert hook_of((await revise(server, hooked())).json()) == hook
    assert (await server.admin.post(hook)).status_code == 202


async def test_a_deleted_workflow_is_gone_and_its_runs_go_on(server: Server) -> None:
    made = await server.save(hooked(delay_step(60), set_step()))
    run = await server.start()
    await server.settle()
    assert (await server.admin.delete(FLOW)).status_code == 204
    for named in ("flow", made["id"]):
        url = f"{API}/workflows/{named}"
        assert (await server.admin.get(url)).status_code == 404
        assert (await server.admin.get(f"{url}/versions")).status_code == 404
        assert (await server.admin.get(f"{url}/versions/1")).status_code == 404
        assert (await server.admin.post(f"{url}/runs")).status_code == 404
        assert (await server.admin.delete(url)).status_code == 404
    assert (await server.admin.post(hook_of(made))).status_code == 404
    await server.advance(61)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    listed = await server.admin.get(f"{API}/runs", params={"workflow": made["id"]})
    assert [r["id"] for r in listed.json()["items"]] == [run["id"]]


@pytest.mark.parametrize("size", [1, 2, 3, 200])
@pytest.mark.parametrize("name", ["workflows", "versions"])
async def test_pages_have_no_gap_and_no_repeat(server: Server, size: int, name: str) -> None:
    if name == "workflows":
        url, field = f"{API}/workflows", "id"
        expected = [(await server.save(definition(name=f"w{n}")))["id"] for n in range(5)]
    else:
        url, field = f"{FLOW}/versions", "version"
        await server.save(definition())
        expected = [1] + [(await revise(server, definition())).json()["version"] for _ in range(4)]
    seen: list[Any] = []
    query: dict[str, Any] = {"limit": size}
    while query:
        page = (await server.admin.get(url, params=query)).json()
        seen += [item[field] for item in page["items"]]
        query = {"limit": size, "cursor": page["next"]} if page["next"] else {}
    assert sorted(seen) == sorted(expected)
    assert len(seen) == 5


async def test_a_cursor_of_another_list_is_refused_for_versions(server: Server) -> None:
    await server.save(definition())
    answer = await server.admin.get(f"{FLOW}/versions", params={"cursor": "x"})
    assert answer.status_code == 422
