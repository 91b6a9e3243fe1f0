"""Short campaigns on Postgres: two processes take runs in, four drive them, all have trouble."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.servers.daemon import Daemon
from tests.servers.missing import missing
from tests.servers.postgres_binaries import find_binaries

from .checker import check
from .evidence import Evidence
from .fleet_campaign import FleetScenario, run_fleet

CAMPAIGN_WITHIN = 240.0
EVERY_KIND = ("kill", "deploy", "postgres", "terminate", "cut")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def postgres() -> None:
    if find_binaries() is None:
        missing("Postgres")


async def evidence_of(
    scenario: FleetScenario, folder: Path, broker: Daemon | None = None
) -> Evidence:
    async with asyncio.timeout(CAMPAIGN_WITHIN):
        evidence = await run_fleet(scenario, folder, broker)
    assert len(evidence.troubles) >= scenario.times
    assert len(evidence.runs) >= scenario.least
    return evidence


def violations(evidence: Evidence) -> list[str]:
    return [str(violation) for violation in check(evidence)]


async def test_nothing_is_lost_on_postgres(tmp_path: Path) -> None:
    evidence = await evidence_of(FleetScenario(11, EVERY_KIND, 6), tmp_path)
    assert violations(evidence) == []
    assert evidence.replays


async def test_nothing_is_lost_when_the_broker_dies(tmp_path: Path, redis_server: Daemon) -> None:
    scenario = FleetScenario(12, ("broker",), 1, doors=1, workers=2)
    evidence = await evidence_of(scenario, tmp_path, redis_server)
    assert violations(evidence) == []
    assert evidence.found["broker"], "while there is a broker, it tells of the runs"
    assert evidence.found["sweep"], "while there is none, the sweep finds them"


async def test_a_missing_fence_is_seen_on_postgres(tmp_path: Path) -> None:
    scenario = FleetScenario(
        13, ("terminate",), 3, "fence", mix=("relay", "charge"), cancel_share=0.8, workers=1
    )
    found = violations(await evidence_of(scenario, tmp_path))
    assert any("while cancelled" in what for what in found), found
