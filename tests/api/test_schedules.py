"""Schedules through the API: saved, fired, edited, stopped; what is shown of them."""

from __future__ import annotations

from typing import Any

from minizaps.clock import to_text
from minizaps.worker.scheduler import Scheduler
from tests.api.support import API, Server, definition, set_step

MINUTE = 60.0
# The tests' clock begins at 22:13:20.
HOURLY = {"cron": "0 * * * *"}


def scheduled(config: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """A definition with the schedule `tick`."""
    trigger = {"id": "tick", "type": "schedule", "config": config}
    return definition(set_step("first", body="{{ trigger.body }}"), triggers=[trigger], **keys)


async def later(server: Server, seconds: float) -> list[dict[str, Any]]:
    """Move the clock, let what is due fire; return all runs in the order of their times."""
    server.clock.advance(seconds)
    await Scheduler(server.app.triggers, server.app.engine, server.clock).run_once()
    await server.settle()
    listed = (await server.admin.get(f"{API}/runs", params={"limit": 200})).json()["items"]
    runs = [await server.look(run["id"]) for run in listed]
    return sorted(runs, key=lambda run: run["input"]["scheduled_at"])


async def times(server: Server, seconds: float) -> list[str]:
    """As `later`; return for which times the runs were started."""
    return [run["input"]["scheduled_at"][11:16] for run in await later(server, seconds)]


async def tick(server: Server) -> dict[str, Any]:
    """The trigger as the API shows it."""
    shown: dict[str, Any] = (await server.admin.get(f"{API}/workflows/flow")).json()["triggers"][0]
    return shown


async def revise(server: Server, workflow: dict[str, Any]) -> None:
    answer = await server.admin.put(f"{API}/workflows/flow", json=workflow)
    assert answer.status_code == 200, answer.text


async def test_a_schedule_starts_a_run_at_its_time_and_says_when_next(server: Server) -> None:
    await server.save(scheduled({**HOURLY, "input": {"region": "north"}}))
    assert await later(server, 46 * MINUTE) == []
    shown = await tick(server)
    assert shown["next_fire_at"] == shown["next_fires"][0] == "2023-11-14T23:00:00.000Z"
    assert [at[11:16] for at in shown["next_fires"]] == [
        "23:00",
        "00:00",
        "01:00",
        "02:00",
        "03:00",
    ]
    assert (shown["last_fired_at"], shown["error"], shown["failures"]) == (None, None, 0)
    (run,) = await later(server, 41)
    assert (run["status"], run["trigger"]) == ("succeeded", {"id": "tick", "type": "schedule"})
    now = to_text(server.clock.now())
    assert run["input"] == {
        "region": "north",
        "scheduled_at": "2023-11-14T23:00:00.000Z",
        "fired_at": now,
        "missed": 0,
    }
    shown = await tick(server)
    assert (shown["next_fire_at"], shown["last_fired_at"]) == ("2023-11-15T00:00:00.000Z", now)


async def test_each_time_starts_one_run(server: Server) -> None:
    await server.save(scheduled({"every": "PT10M"}))
    for _ in range(3):
        await later(server, 10 * MINUTE)
    assert await times(server, 0) == ["22:23", "22:33", "22:43"]


async def test_after_a_downtime_the_policy_says_what_is_made_up_for(server: Server) -> None:
    for misfire in ("skip", "once", "all"):
        config = {**HOURLY, "misfire": misfire}
        await server.save({**scheduled(config), "name": misfire})
    runs = await later(server, 3 * 3600)
    found = {
        misfire: [
            (run["input"]["scheduled_at"][11:16], run["input"]["missed"])
            for run in runs
            if run["workflow"]["name"] == misfire
        ]
        for misfire in ("skip", "once", "all")
    }
    assert found["skip"] == []
    assert found["once"] == [("01:00", 2)]
    assert sorted(found["all"]) == [("00:00", 0), ("01:00", 0), ("23:00", 0)]


async def test_an_edit_that_leaves_the_trigger_alone_loses_no_fire(server: Server) -> None:
    await server.save(scheduled({"every": "PT10M"}))
    server.clock.advance(10 * MINUTE)
    await revise(server, {**scheduled({"every": "PT10M"}), "description": "changed"})
    assert await times(server, 0) == ["22:23"]
    assert (await later(server, 0))[0]["workflow"]["version"] in (1, 2)


async def test_an_edit_of_the_trigger_counts_from_now(server: Server) -> None:
    await server.save(scheduled({"every": "PT10M"}))
    await later(server, 5 * MINUTE)
    await revise(server, scheduled({"every": "PT20M"}))
    assert (await tick(server))["next_fire_at"] == "2023-11-14T22:38:20.000Z"
    assert await times(server, 19 * MINUTE) == []
    await server.admin.post(f"{API}/workflows/flow/rollback", json={"version": 1})
    assert (await tick(server))["next_fire_at"] == "2023-11-14T22:47:20.000Z"


async def test_an_edit_at_the_moment_of_a_fire_does_not_repeat_it(server: Server) -> None:
    await server.save(scheduled(HOURLY))
    assert await times(server, 46 * MINUTE + 40) == ["23:00"]
    server.clock.advance(-0.5)  # another process's clock is a little behind
    await revise(server, scheduled({"cron": "0 */1 * * *"}))
    assert await times(server, 0.5) == ["23:00"]


async def test_a_stopped_workflow_fires_nothing_and_starts_again_from_now(server: Server) -> None:
    await server.save(scheduled(HOURLY), active="false")
    assert (await tick(server))["next_fires"] == []
    assert await later(server, 3600) == []
    await server.admin.post(f"{API}/workflows/flow/activate")
    assert (await tick(server))["next_fire_at"] == "2023-11-15T00:00:00.000Z"
    await server.admin.post(f"{API}/workflows/flow/activate")
    assert await times(server, 3600) == ["00:00"]
    await server.admin.post(f"{API}/workflows/flow/deactivate")
    assert (await tick(server))["next_fire_at"] is None
    assert await times(server, 3600) == ["00:00"]
    await server.admin.post(f"{API}/workflows/flow/activate")
    await server.admin.delete(f"{API}/workflows/flow")
    assert await times(server, 3600) == ["00:00"]


async def test_a_trigger_that_is_taken_out_stops_and_one_that_comes_back_starts_anew(
    server: Server,
) -> None:
    await server.save(scheduled(HOURLY))
    await revise(server, definition())
    assert await later(server, 3600) == []
    await revise(server, scheduled(HOURLY))
    assert (await tick(server))["next_fire_at"] == "2023-11-15T00:00:00.000Z"


async def test_a_run_that_cannot_start_is_told_and_the_schedule_goes_on(server: Server) -> None:
    key = {"key": "{{ trigger.body.customer }}", "limit": 1}
    await server.save(scheduled(HOURLY, concurrency=key))
    assert await later(server, 3600) == []
    assert await later(server, 3600) == []
    shown = await tick(server)
    assert shown["failures"] == 2
    assert shown["error"]["type"] == "not_started"
    assert "concurrency.key" in shown["error"]["detail"]
    assert shown["error"]["at"] == to_text(server.clock.now())
    config = {**HOURLY, "input": {"customer": 7}}
    await revise(server, scheduled(config, concurrency=key))
    assert len(await later(server, 3600)) == 1
    shown = await tick(server)
    assert (shown["failures"], shown["error"]) == (0, None)


async def test_scheduled_runs_are_under_the_limits_of_their_workflow(server: Server) -> None:
    rate = {"limit": 1, "per": 3600}
    await server.save(scheduled({"every": 600, "misfire": "all"}, rate=rate))
    runs = await later(server, 1800)
    assert [run["status"] for run in runs] == ["succeeded", "waiting", "waiting"]


async def test_metrics_tell_of_late_and_missed_times(server: Server) -> None:
    await server.save(scheduled({**HOURLY, "misfire": "skip"}))
    before = await numbers(server)
    await later(server, 46 * MINUTE + 50)
    await later(server, 2 * 3600 + MINUTE)
    after = await numbers(server)
    assert after["minizaps_schedule_lateness_seconds_count"] == (
        before.get("minizaps_schedule_lateness_seconds_count", 0) + 1
    )
    assert after["minizaps_schedule_missed_total"] == (
        before.get("minizaps_schedule_missed_total", 0) + 2
    )


async def numbers(server: Server) -> dict[str, float]:
    text = (await server.admin.get("/metrics")).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, value in lines}
