"""Short campaigns: nothing is lost, and the checker sees each promise that is broken."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .campaign import Scenario, run_campaign
from .checker import check

CAMPAIGN_WITHIN = 90.0


async def violations(scenario: Scenario, folder: Path) -> list[str]:
    async with asyncio.timeout(CAMPAIGN_WITHIN):
        evidence = await run_campaign(scenario, folder)
    assert len(evidence.lives) == scenario.kills + 1
    assert len(evidence.runs) > 10
    return [str(violation) for violation in check(evidence)]


async def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    assert await violations(Scenario(seed=1, kills=3), tmp_path) == []


async def test_runs_that_complete_after_their_cancellation_too_many_items_and_turns_are_seen(
    tmp_path: Path,
) -> None:
    mix = ("relay", "charge", "tolls", "counter")
    scenario = Scenario(
        seed=2, kills=0, sabotage="fence,limit,turns", mix=mix, cancel_share=0.7, linger=2
    )
    found = await violations(scenario, tmp_path)
    assert any("while cancelled" in what for what in found), found
    assert any("ends: ['cancel', 'succeed']" in what for what in found), found
    assert any("begins while 3 others are under way" in what for what in found), found
    assert any("3 runs have a turn, 2 are allowed" in what for what in found), found


async def test_what_is_acknowledged_and_lost_and_effects_without_a_record_are_seen(
    tmp_path: Path,
) -> None:
    scenario = Scenario(
        seed=3, kills=1, sabotage="answer,thanks,record", failpoint_share=0,
        mix=("values", "approval"), posters=8,
    )  # fmt: skip
    found = await violations(scenario, tmp_path)
    assert any("the hook acknowledged run" in what for what in found), found
    assert any("was acknowledged for ask_ada" in what for what in found), found
    assert any("without an attempt in the journal" in what for what in found), found
