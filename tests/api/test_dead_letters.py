"""Dead letters: found, replayed or discarded, one by one or many, by a person who is noted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minizaps.api import dead_letters
from minizaps.clock import to_text
from tests.api.support import API, Server, Sink, call_step, definition, pointers, set_step

LETTERS = f"{API}/dead-letters"


async def three(server: Server, sink: Sink) -> dict[str, str]:
    """Dead letters of two workflows and of two kinds of error, a minute apart; ids by label."""
    sink.answer(500, count=1)
    ids = {"call": (await server.run(call_step(sink.url), name="call", data={"n": 3}))["id"]}
    server.clock.advance(60)
    ids["first"] = (await server.failed("flow"))["id"]
    server.clock.advance(60)
    ids["second"] = (await server.start("flow"))["id"]
    await server.settle()
    return ids


async def listed(server: Server, **query: Any) -> list[str]:
    page = await server.admin.get(LETTERS, params=query)
    return [item["id"] for item in page.json()["items"]]


async def handle(server: Server, action: str, **body: Any) -> dict[str, Any]:
    answer = await server.admin.post(f"{LETTERS}/{action}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_dead_letter_shows_what_failed_and_on_what(server: Server, sink: Sink) -> None:
    ids = await three(server, sink)
    (letter,) = (await server.admin.get(LETTERS, params={"workflow": "call"})).json()["items"]
    assert letter["id"] == ids["call"]
    assert (letter["status"], letter["dead_letter"]) == ("failed", "open")
    assert letter["error"]["type"] == letter["error_type"] == "http_status"
    assert letter["error"]["step"] == "call"
    assert letter["step_input"] == {"url": sink.url, "json": {"n": 3}}


async def test_dead_letters_are_listed_newest_first_and_by_filter(
    server: Server, sink: Sink
) -> None:
    start = server.clock.now()
    ids = await three(server, sink)
    await server.run(set_step(), name="good")
    assert await listed(server) == [ids["second"], ids["first"], ids["call"]]
    assert await listed(server, workflow="flow") == [ids["second"], ids["first"]]
    assert await listed(server, error="http_status") == [ids["call"]]
    assert await listed(server, error="http_status", workflow="flow") == []
    at = to_text(start + 60_000)
    assert await listed(server, to=at) == [ids["call"]]
    assert await listed(server, **{"from": at, "limit": 1}) == [ids["second"]]
    assert await listed(server, **{"from": at, "limit": 1, "cursor": ids["second"]}) == [
        ids["first"]
    ]
    metrics = (await server.client().get("/metrics")).text
    assert "minizaps_dead_letters 3" in metrics


async def test_one_is_replayed_and_leaves_the_list(server: Server, sink: Sink) -> None:
    ids = await three(server, sink)
    answer = await server.admin.post(f"{LETTERS}/{ids['call']}/replay", json={"input": {"n": 4}})
    new = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{API}/runs/{new['id']}"
    assert new["replay_of"] == ids["call"]
    await server.settle()
    assert (await server.look(new["id"]))["status"] == "succeeded"
    assert sink.requests[-1]["body"] == '{"n":4}'
    assert await listed(server) == [ids["second"], ids["first"]]


async def test_a_replay_repeated_with_its_key_is_one_run(server: Server) -> None:
    run = await server.failed()
    headers = {"Idempotency-Key": "k"}
    url = f"{LETTERS}/{run['id']}/replay"
    answers = [await server.admin.post(url, headers=headers) for _ in range(3)]
    assert len({a.json()["id"] for a in answers}) == 1
    assert (
        await server.admin.post(url, json={"from": "start"}, headers=headers)
    ).status_code == 422


async def test_one_is_discarded_with_a_note_that_is_kept(server: Server) -> None:
    run = await server.failed()
    url = f"{LETTERS}/{run['id']}/discard"
    answer = await server.admin.post(url, json={"note": "test data"})
    assert (answer.status_code, answer.json()["dead_letter"]) == (200, "discarded")
    assert await listed(server) == []
    last = (await server.events(run["id"]))[-1]
    assert (last["kind"], last["data"]) == ("discard", {"by": "key:admin", "note": "test data"})
    (line,) = [e for e in await server.audit() if e["action"] == "dead_letter.discard"]
    assert (line["target"], line["detail"]) == (run["id"], {"note": "test data"})
    again = await server.admin.post(url)
    assert again.status_code == 409
    assert "no open dead letter" in again.json()["detail"]


@pytest.mark.parametrize("body", [{"note": "x" * 2001}, {"notes": "x"}, {"note": 1}])
async def test_a_bad_note_is_refused(server: Server, body: Any) -> None:
    run = await server.failed()
    answer = await server.admin.post(f"{LETTERS}/{run['id']}/discard", json=body)
    assert pointers(answer).keys() == {f"/{next(iter(body))}"}
    assert await listed(server) == [run["id"]]


async def test_only_a_failed_run_is_a_dead_letter(server: Server) -> None:
    run = await server.run()
    assert (await server.admin.post(f"{LETTERS}/{run['id']}/discard")).status_code == 409


async def test_many_are_replayed_by_their_ids_each_on_its_own(server: Server, sink: Sink) -> None:
    ids = await three(server, sink)
    found = await handle(server, "replay", ids=[ids["call"], "nowhere", ids["first"]])
    assert found["more"] is False
    assert [item["id"] for item in found["items"]] == [ids["call"], "nowhere", ids["first"]]
    first, missing, second = found["items"]
    assert missing == {"id": "nowhere", "run_id": None, "error": "there is no run nowhere"}
    for done in (first, second):
        assert (await server.look(done["run_id"]))["replay_of"] == done["id"]
    await server.settle()
    assert set(await listed(server)) == {ids["second"], second["run_id"]}


@pytest.mark.parametrize(
    ("chosen", "labels"),
    [
        ({"workflow": "flow"}, {"first", "second"}),
        ({"error": "http_status"}, {"call"}),
        ({"workflow": "flow", "error": "http_status"}, set()),
        ({"workflow": "nowhere"}, set()),
        ({"from": "2023-11-14T22:14:20Z", "to": "2023-11-14T22:15:20Z"}, {"first"}),
        ({"ids": []}, set()),
    ],
)
@pytest.mark.parametrize("action", ["replay", "discard"])
async def test_many_are_chosen_by_a_filter(
    server: Server, sink: Sink, action: str, chosen: Any, labels: set[str]
) -> None:
    ids = await three(server, sink)
    found = await handle(server, action, **chosen)
    assert {item["id"] for item in found["items"]} == {ids[label] for label in labels}
    assert all(item["error"] is None for item in found["items"])
    word = {"replay": "replayed", "discard": "discarded"}[action]
    for label, run_id in ids.items():
        expected = word if label in labels else "open"
        assert (await server.look(run_id))["dead_letter"] == expected


async def test_many_are_replayed_on_a_mended_version(server: Server) -> None:
    await server.failed()
    await server.admin.put(f"{API}/workflows/flow", json=definition(set_step("first", a=2)))
    body = {"workflow": "flow", "replay_from": "start", "version": 0}
    (done,) = (await handle(server, "replay", **body))["items"]
    await server.settle()
    assert (await server.look(done["run_id"]))["output"] == {"a": 2}


async def test_one_that_cannot_be_replayed_says_why_and_stays(server: Server) -> None:
    run = await server.failed()
    (done,) = (await handle(server, "replay", ids=[run["id"]], replay_from="x"))["items"]
    assert done["run_id"] is None
    assert "no step 'x'" in done["error"]
    assert await listed(server) == [run["id"]]


async def test_a_filter_that_matches_more_than_one_call_handles_says_so(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_AT_ONCE", 2)
    await server.failed()
    for _ in range(2):
        await server.start()
    await server.settle()
    found = await handle(server, "discard", workflow="flow", note="old")
    assert (len(found["items"]), found["more"]) == (2, True)
    found = await handle(server, "discard", workflow="flow")
    assert (len(found["items"]), found["more"]) == (1, False)
    notes = [e["detail"]["note"] for e in await server.audit() if "discard" in e["action"]]
    assert notes == ["old", "old", None]


@pytest.mark.parametrize("action", ["replay", "discard"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": None},
        {"workflow": None},
        {"from": None, "to": None, "error": None},
        {"ids": [], "workflow": "flow"},
        {"ids": ["x"] * 1001},
        {"ids": "x"},
        {"ids": [1]},
        {"workflows": "flow"},
        {"from": "yesterday"},
        [],
    ],
)
async def test_a_choice_is_ids_or_a_filter(server: Server, action: str, body: Any) -> None:
    run = await server.failed()
    answer = await server.admin.post(f"{LETTERS}/{action}", json=body)
    assert answer.status_code == 422
    assert await listed(server) == [run["id"]]


async def test_a_dead_letter_is_replayed_once_however_often_one_clicks(server: Server) -> None:
    run = (await server.failed("flow"))["id"]
    answers = await asyncio.gather(
        *(server.admin.post(f"{LETTERS}/{run}/replay", json={}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
    again = await server.admin.post(f"{API}/runs/{run}/replay", json={})
    assert again.status_code == 202  # whoever asks for another run of it gets one
