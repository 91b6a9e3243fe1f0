"""A run's events: as a stream, resumed where it was cut off, live until the run's end."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.api.conftest import Live
from tests.api.support import API, Server, definition, delay_step, parse_events, pointers, set_step

STORY = [
    *("start", "claim", "complete", "pause", "wait", "wake", "claim", "complete", "complete"),
    "succeed",
]


async def told(server: Server) -> str:
    """The id of a run that has ended after a pause."""
    run = await server.run(set_step("first"), delay_step(60), set_step("last"))
    await server.advance(60)
    return run["id"]


async def test_the_stream_tells_the_whole_story_and_ends(server: Server) -> None:
    run_id = await told(server)
    answer = await server.admin.get(f"{API}/runs/{run_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = parse_events(answer.text)
    assert [e["kind"] for e in events] == STORY
    assert [e["seq"] for e in events] == list(range(1, len(STORY) + 1))
    assert all(e.keys() == {"seq", "at", "kind", "path", "attempt", "data"} for e in events)
    assert events[0]["data"]["by"] == "key:admin"
    assert [e["path"] for e in events if e["kind"] == "complete"] == ["first", "pause", "last"]


@pytest.mark.parametrize("after", [0, 1, 4, len(STORY) - 1, len(STORY), 10**6, 2**53 - 1])
async def test_a_client_goes_on_after_its_last_event(server: Server, after: int) -> None:
    run_id = await told(server)
    assert [e["kind"] for e in await server.events(run_id, after)] == STORY[after:]


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30, str(2**63), "1.5"])
async def test_a_last_event_id_that_is_none_is_refused(server: Server, after: str) -> None:
    run = await server.run()
    headers = {"Last-Event-ID": after}
    answer = await server.admin.get(f"{API}/runs/{run['id']}/events", headers=headers)
    assert pointers(answer).keys() == {"/last-event-id"}


async def test_a_story_of_more_than_one_batch_is_whole(server: Server) -> None:
    run = await server.run(*(set_step(f"s{n}") for n in range(250)))
    events = await server.events(run["id"])
    assert [e["seq"] for e in events] == list(range(1, 254))


async def test_who_listens_early_hears_all_until_the_end(server: Server) -> None:
    run = await server.run(delay_step(60), set_step("last"))
    listeners = [asyncio.create_task(server.events(run["id"], after)) for after in (0, 2)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in listeners)
    await server.advance(60)
    everything, rest = await asyncio.gather(*listeners)
    assert everything[-1]["kind"] == "succeed"
    assert everything[2:] == rest


async def test_a_listener_that_leaves_is_forgotten(server: Server) -> None:
    run = await server.run(delay_step(60))
    listener = asyncio.create_task(server.events(run["id"]))
    await asyncio.sleep(0.05)
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    await server.advance(60)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    assert not server.app.journal._watchers


def test_events_arrive_as_they_happen(live: Live) -> None:
    with live.client() as client:
        pause = definition(delay_step(0.4), name="live-events")
        client.post(f"{API}/workflows", json=pause).raise_for_status()
        run = client.post(f"{API}/workflows/live-events/runs").json()
        kinds: list[str] = []
        waited_for: list[str] = []
        with client.stream("GET", f"{API}/runs/{run['id']}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
                    if kinds[-1] == "pause":
                        waited_for.append(client.get(f"{API}/runs/{run['id']}").json()["status"])
    assert waited_for == ["waiting"]
    assert kinds[-1] == "succeed"


def test_a_cut_off_stream_harms_nobody(live: Live) -> None:
    with live.client() as client:
        pause = definition(delay_step(30), name="cut-off")
        client.post(f"{API}/workflows", json=pause).raise_for_status()
        run = client.post(f"{API}/workflows/cut-off/runs").json()
        for _ in range(5):
            with client.stream("GET", f"{API}/runs/{run['id']}/events") as stream:
                assert next(stream.iter_lines()) == "id: 1"
        assert client.get("/health/ready").status_code == httpx.codes.OK
        assert client.post(f"{API}/runs/{run['id']}/cancel").json()["status"] == "cancelled"
