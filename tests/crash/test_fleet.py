"""Short campaigns on Postgres: two processes take runs in, four drive them, all have trouble."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.servers.daemon import Daemon

from .checker import check
from .fleet_campaign import FleetScenario, run_fleet

CAMPAIGN_WITHIN = 110.0


async def violations(
    scenario: FleetScenario, folder: Path, broker: Daemon | None = None
) -> list[str]:
    async with asyncio.timeout(CAMPAIGN_WITHIN):
        evidence = await run_fleet(scenario, folder, broker)
    assert len(evidence.troubles) >= scenario.times
    assert len(evidence.runs) > 50
    return [str(violation) for violation in check(evidence)]


@pytest.mark.parametrize(
    ("troubles", "times"), [(("kill", "deploy"), 3), (("postgres", "terminate", "cut"), 5)]
)
async def test_nothing_is_lost_on_postgres(
    troubles: tuple[str, ...], times: int, tmp_path: Path
) -> None:
    assert await violations(FleetScenario(11, troubles, times), tmp_path) == []


async def test_nothing_is_lost_when_the_broker_dies(tmp_path: Path, redis_server: Daemon) -> None:
    assert await violations(FleetScenario(12, ("broker",), 1), tmp_path, redis_server) == []


async def test_a_missing_fence_is_seen_on_postgres(tmp_path: Path) -> None:
    scenario = FleetScenario(
        13, ("terminate",), 3, "fence", mix=("relay", "charge"), cancel_share=0.8
    )
    found = await violations(scenario, tmp_path)
    assert any("while cancelled" in what for what in found), found
