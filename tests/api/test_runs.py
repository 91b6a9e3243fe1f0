"""Runs: started by hand, waited for, told apart by their idempotency keys, listed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minizaps.clock import to_text
from tests.api.support import API, Server, definition, delay_step, hooked, pointers, set_step

RUNS = f"{API}/workflows/flow/runs"
ORDER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
SUMMARY = {
    "id", "workflow", "status", "trigger", "created_at", "started_at", "finished_at", "wake_at",
    "parent",
    "replay_of", "error_type", "dead_letter",
}  # fmt: skip


async def test_a_started_run_is_202_with_its_place_and_then_ends(server: Server) -> None:
    workflow = await server.save(definition(set_step("first", sum="{{ trigger.body.n + 1 }}")))
    answer = await server.admin.post(RUNS, json={"input": {"n": 1}})
    run = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{API}/runs/{run['id']}"
    assert run.keys() == SUMMARY | {"input", "output", "error"}
    assert run["workflow"] == {"id": workflow["id"], "name": "flow", "version": 1}
    assert run["trigger"] == {"id": "manual", "type": "manual"}
    await server.settle()
    ended = await server.look(run["id"])
    assert (ended["status"], ended["input"], ended["output"]) == ("succeeded", {"n": 1}, {"sum": 2})
    assert ended["error"] is ended["wake_at"] is ended["dead_letter"] is None
    assert ended["created_at"] == ended["finished_at"] == to_text(server.clock.now())


@pytest.mark.parametrize("body", [None, b"", b"{}", b'{"input": null}', b"null"])
async def test_a_run_needs_no_input(server: Server, body: bytes | None) -> None:
    await server.save(definition())
    headers = {"content-type": "application/json"}
    answer = await server.admin.post(RUNS, content=body, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["input"] is None


@pytest.mark.parametrize("data", [0, False, "", [], {}, {"a": {"b": [None, 1.5, "ä"]}}, 2**64 - 1])
async def test_any_json_is_an_input(server: Server, data: Any) -> None:
    run = await server.run(set_step("echo", got="{{ trigger.body }}"), data=data)
    assert run["input"] == data
    assert run["output"] == {"got": data}


@pytest.mark.parametrize(
    ("data", "pointer"),
    [(None, "/input"), ({}, "/input"), ({"id": "x"}, "/input/id"), ([], "/input")],
)
async def test_an_input_that_does_not_meet_the_schema_starts_nothing(
    server: Server, data: Any, pointer: str
) -> None:
    await server.save(definition(input_schema=ORDER))
    assert list(pointers(await server.admin.post(RUNS, json={"input": data}))) == [pointer]
    assert (await server.admin.get(f"{API}/runs")).json()["items"] == []
    assert (await server.admin.post(RUNS, json={"input": {"id": 1}})).status_code == 202


@pytest.mark.parametrize(
    ("body", "pointer"), [({"inputs": 1}, "/inputs"), ([], ""), ("x", ""), (1, "")]
)
async def test_what_is_no_run_is_refused(server: Server, body: Any, pointer: str) -> None:
    await server.save(definition())
    assert pointer in pointers(await server.admin.post(RUNS, json=body))


async def test_waiting_answers_with_the_ended_run_else_with_the_running_one(
    server: Server,
) -> None:
    await server.save(definition())
    answer = await server.admin.post(RUNS, params={"wait": 20})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    await server.admin.put(f"{API}/workflows/flow", json=definition(delay_step()))
    answer = await server.admin.post(RUNS, params={"wait": 0.05})
    assert answer.status_code == 202
    waiting = asyncio.create_task(server.admin.post(RUNS, params={"wait": 20}))
    while (await server.app.listings.live_counts()).get("waiting", (0,))[0] != 2:
        await asyncio.sleep(0.005)
    await server.advance(61)
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


@pytest.mark.parametrize("wait", ["-1", "61", "nan", "inf", "x", ""])
async def test_one_waits_for_60_seconds_at_most(server: Server, wait: str) -> None:
    await server.save(definition())
    assert "/wait" in pointers(await server.admin.post(RUNS, params={"wait": wait}))


async def test_a_key_and_body_give_one_run_and_another_body_is_refused(server: Server) -> None:
    await server.save(definition())

    async def start(data: Any, key: str = "k") -> tuple[int, str | None, str | None]:
        answer = await server.admin.post(
            RUNS, json={"input": data}, headers={"Idempotency-Key": key}
        )
        found = answer.json()
        return answer.status_code, found.get("id"), answer.headers.get("idempotency-replayed")

    first = await start({"a": 1, "b": 2})
    assert first[0] == 202
    assert first[2] is None
    assert await start({"b": 2, "a": 1}) == (202, first[1], "true")
    assert (await start({"a": 1}))[0] == 422
    assert (await start({"a": 1}, "other"))[1] != first[1]
    assert len((await server.admin.get(f"{API}/runs")).json()["items"]) == 2


@pytest.mark.parametrize("bodies", [1, 4])
async def test_calls_at_once_with_one_key_start_one_run(server: Server, bodies: int) -> None:
    await server.save(definition())
    answers = await asyncio.gather(
        *(
            server.admin.post(RUNS, json={"input": n % bodies}, headers={"Idempotency-Key": "k"})
            for n in range(24)
        )
    )
    assert {a.status_code for a in answers} == ({202} if bodies == 1 else {202, 422})
    assert len({a.json()["id"] for a in answers if a.status_code == 202}) == 1
    assert len((await server.admin.get(f"{API}/runs")).json()["items"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_an_idempotency_key_has_1_to_255_characters(server: Server, key: str) -> None:
    await server.save(definition())
    answer = await server.admin.post(RUNS, headers={"Idempotency-Key": key})
    assert "/Idempotency-Key" in pointers(answer)


async def test_a_key_is_remembered_for_a_day(server: Server) -> None:
    await server.save(definition())
    headers = {"Idempotency-Key": "k"}
    first = (await server.admin.post(RUNS, headers=headers)).json()["id"]
    await server.advance(86_400)
    now = server.clock.now() - 24 * 3_600_000
    await server.app.journal.forget(now, 100)
    assert (await server.admin.post(RUNS, headers=headers)).json()["id"] == first
    await server.app.journal.forget(now + 1, 100)
    assert (await server.admin.post(RUNS, headers=headers)).json()["id"] != first


async def mixed_runs(server: Server) -> dict[str, list[str]]:
    """Two workflows' runs, one a minute, in three statuses; their ids by label."""
    await server.save(hooked(name="a"))
    await server.save(definition(set_step("x", v="{{ trigger.body.v }}"), name="b"))
    await server.save(definition(delay_step(10**6), name="c"))
    ids: dict[str, list[str]] = {"succeeded": [], "failed": [], "waiting": []}
    for _ in range(3):
        for name, status in (("a", "succeeded"), ("b", "failed"), ("c", "waiting")):
            ids[status].append((await server.start(name))["id"])
            await server.settle()
            server.clock.advance(60)
    return ids


async def test_runs_are_listed_newest_first_and_by_filter(server: Server) -> None:
    start = server.clock.now()
    ids = await mixed_runs(server)
    order = [i for three in zip(*ids.values(), strict=True) for i in three][::-1]

    async def listed(**query: Any) -> list[str]:
        page = await server.admin.get(f"{API}/runs", params=query)
        assert page.status_code == 200, page.text
        assert all(item.keys() == SUMMARY for item in page.json()["items"])
        return [item["id"] for item in page.json()["items"]]

    assert await listed() == order
    assert await listed(workflow="b") == ids["failed"][::-1]
    assert await listed(workflow="nowhere") == []
    assert await listed(status="waiting") == ids["waiting"][::-1]
    assert await listed(status="failed", workflow="a") == []
    at = to_text(start + 120_000)
    assert await listed(**{"from": at}) == order[:7]
    assert await listed(to=at) == order[7:]
    assert await listed(**{"from": at, "to": to_text(start + 120_001)}) == [order[6]]
    assert await listed(**{"from": "2023-11-14T23:15:20+01:00"}) == order[:7]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"from": "0001-01-01T00:00:00Z"}, 1),
        ({"from": "0001-01-01T00:00:00+14:00"}, 1),
        ({"from": "1969-12-31T00:00:00Z"}, 1),
        ({"to": "1969-12-31T00:00:00Z"}, 0),
        ({"to": "9999-12-31T23:59:59Z"}, 1),
        ({"from": "9999-12-31T23:59:59-14:00"}, 0),
    ],
)
@pytest.mark.parametrize("name", ["runs", "dead-letters"])
async def test_any_moment_bounds_a_list(
    server: Server, name: str, query: dict[str, str], count: int
) -> None:
    await server.failed()
    page = await server.admin.get(f"{API}/{name}", params=query)
    assert len(page.json()["items"]) == count


@pytest.mark.parametrize("size", [1, 2, 4, 9, 200])
@pytest.mark.parametrize("query", [{}, {"workflow": "a"}, {"status": "failed"}])
async def test_pages_of_runs_have_no_gap_and_no_repeat(
    server: Server, size: int, query: dict[str, str]
) -> None:
    await mixed_runs(server)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = {**query, "limit": size, **({"cursor": cursor} if cursor else {})}
        found = (await server.admin.get(f"{API}/runs", params=page)).json()
        assert 1 <= len(found["items"]) <= size
        seen += [item["id"] for item in found["items"]]
        cursor = found["next"]
        await server.start("a")
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == (3 if query else 9)


@pytest.mark.parametrize("name", ["runs", "dead-letters", "workflows", "keys", "projects", "audit"])
@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"limit": 1.5}, {"cursor": "x" * 101}]
)
async def test_bad_bounds_of_a_list_are_refused(server: Server, name: str, query: Any) -> None:
    answer = await server.admin.get(f"{API}/{name}", params=query)
    assert list(pointers(answer)) == [f"/{next(iter(query))}"]


@pytest.mark.parametrize(
    "query",
    [{"status": "done"}, {"from": "yesterday"}, {"from": "2024-01-01T00:00:00"}, {"to": ""}],
)
async def test_bad_filters_are_refused(server: Server, query: dict[str, str]) -> None:
    answer = await server.admin.get(f"{API}/runs", params=query)
    assert list(pointers(answer)) == [f"/{next(iter(query))}"]


@pytest.mark.parametrize("run_id", ["nowhere", "%00", "%ff", "..", "x" * 5000, "'; --"])
async def test_a_run_that_is_not_there_is_404(server: Server, run_id: str) -> None:
    for path in ("", "/steps", "/events"):
        assert (await server.admin.get(f"{API}/runs/{run_id}{path}")).status_code == 404
