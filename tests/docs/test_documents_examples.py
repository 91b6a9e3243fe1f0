"""The examples run, against a local target, on the real engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from run_it import run_to_its_end

from minizaps import WorkflowEngine
from minizaps.simulation import suite
from minizaps.simulation.trial import run_test
from minizaps.simulation.virtual import open_world

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / "examples", ROOT / "docs" / "connectors" / "examples")
FILES = sorted(
    path
    for folder in FOLDERS
    for path in folder.glob("*.json")
    if not path.name.endswith(".test.json")
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_is_valid_and_listed(path: Path) -> None:
    WorkflowEngine.check(json.loads(path.read_text()))
    if path.parent.name == "examples" and path.parent.parent == ROOT:
        assert path.name in (ROOT / "examples" / "README.md").read_text()


@pytest.mark.parametrize("kind", WorkflowEngine.CONNECTOR_MAP)
async def test_example_of_each_connector_passes_its_tests(kind: str) -> None:
    """As `minizaps test docs/connectors/examples` runs them; see docs/testing.md."""
    path = FOLDERS[1] / f"{kind}.json"
    async with open_world() as world:
        loaded = suite.load(path, suite.tests_of(path))
        outcomes = [await run_test(world, loaded, test) for test in loaded.suite.tests]
    assert [outcome for outcome in outcomes if not outcome.passed] == []
    done = {s.type for o in outcomes for s in o.steps if s.status in ("succeeded", "caught")}
    assert kind in done, f"no test of {path.name} comes to the end of a {kind} step"


async def _run(target: Any, folder: Path, name: str, body: Any) -> tuple[str, Any]:
    path = next(p for p in FILES if p.stem == name)
    definition = json.loads(target.aim(path.read_text()))
    run, events = await run_to_its_end(definition, body, folder)
    return run.status, events[-1].data.get("output", events[-1].data)


async def test_order_intake_reviews_a_big_order(target: Any, tmp_path: Path) -> None:
    target.answers = {
        "POST /warehouse/reservations": (201, {"id": "R-1"}),
        "POST /reviews": (200, {}),
    }
    items = [{"sku": "desk", "price": 480}, {"sku": "lamp", "price": 39.5}]

    ended = await _run(target, tmp_path, "order-intake", {"id": 7, "items": items})

    assert ended == ("succeeded", {"order_id": 7, "reservation": "R-1", "reviewed": True})
    reserved = target.bodies("POST /warehouse/reservations")
    assert reserved == [{"order": 7, "skus": ["desk", "lamp"]}]
    assert target.bodies("POST /reviews") == [{"order": 7, "why": "The total is 519.5."}]


async def test_order_intake_passes_a_small_order(target: Any, tmp_path: Path) -> None:
    target.answers = {"POST /warehouse/reservations": (201, {"id": "R-2"})}

    ended = await _run(
        target, tmp_path, "order-intake", {"id": 8, "items": [{"sku": "pen", "price": 2}]}
    )

    assert ended == ("succeeded", {"order_id": 8, "reservation": "R-2", "reviewed": False})


async def test_payment_falls_back_after_three_attempts(target: Any, tmp_path: Path) -> None:
    target.answers = {
        "POST /first-provider/charges": (503, {}),
        "POST /second-provider/charges": (201, {"id": "c-2"}),
    }

    status, output = await _run(
        target, tmp_path, "payment-fallback", {"amount": 12, "card": "tok_1"}
    )

    assert (status, output["provider"], output["charge"]) == ("succeeded", "second", "c-2")
    assert "failed at attempt 3" in output["note"]
    assert len(target.bodies("POST /first-provider/charges")) == 3
    keys = {h["Idempotency-Key"] for c, _, h in target.calls if "first" in c}
    assert len(keys) == 1


async def test_payment_stays_with_the_first_provider(target: Any, tmp_path: Path) -> None:
    target.answers = {"POST /first-provider/charges": (201, {"id": "c-1"})}

    ended = await _run(target, tmp_path, "payment-fallback", {"amount": 12, "card": "tok_1"})

    assert ended == ("succeeded", {"provider": "first", "charge": "c-1", "note": ""})


@pytest.mark.parametrize("body", [{"day": "2026-03-01"}, None])
async def test_daily_digest_posts_a_text(target: Any, tmp_path: Path, body: Any) -> None:
    orders = [{"id": "a", "total": 10.25}, {"id": "b", "total": 30}]
    target.answers = {
        "GET /figures": (200, {"orders": orders}),
        "POST /chat/messages": (200, {"ok": True}),
    }

    status, _ = await _run(target, tmp_path, "daily-digest", body)

    assert status == "succeeded"
    (message,) = target.bodies("POST /chat/messages")
    day = message["text"].partition(":")[0]
    assert message["text"] == f"{day}: 2 orders, 40.25 in all. Best: b."
    assert body is None or day == "2026-03-01"


@pytest.mark.parametrize("known", [True, False])
async def test_enrich_and_forward_goes_on_without_the_company(
    target: Any, tmp_path: Path, known: bool
) -> None:
    target.answers = {"POST /crm/leads": (201, {})}
    if known:
        target.answers["GET /companies/acme.test"] = (200, {"name": "Acme"})

    status, _ = await _run(target, tmp_path, "enrich-and-forward", {"email": " Ada@Acme.test "})

    assert status == "succeeded"
    company = "Acme" if known else "unknown"
    assert target.bodies("POST /crm/leads") == [
        {"email": "ada@acme.test", "company": company, "enriched": known}
    ]


async def test_trial_reminder_reminds_who_has_not_paid(target: Any, tmp_path: Path) -> None:
    target.answers = {
        "GET /accounts/17": (200, {"paid": False, "email": "ada@acme.test"}),
        "POST /mails": (200, {}),
    }

    status, _ = await _run(
        target, tmp_path, "trial-reminder", {"account": 17, "ends_at": "2026-01-20T12:00:00Z"}
    )

    assert status == "succeeded"
    (mail,) = target.bodies("POST /mails")
    assert mail["text"] == "Your trial ends on 20 January 2026."


async def test_connector_examples(target: Any, tmp_path: Path) -> None:
    target.answers = {
        "GET /customers/ada": (200, {"name": "Ada"}),
        "POST /tickets": (409, {"id": 3}),
    }
    items = [{"price": 80}, {"price": 30.5}]

    output = {
        "set": await _run(target, tmp_path / "a", "set", {"id": 5, "items": items}),
        "delay": await _run(target, tmp_path / "b", "delay", {"wait": 0}),
        "webhook": await _run(target, tmp_path / "c", "webhook", {"customer": "ada"}),
    }

    assert output["set"] == (
        "succeeded",
        {"note": "Order A-5 is 110.5: call the customer."},
    )
    assert output["delay"][0] == "succeeded"
    assert output["webhook"][1]["status"] == 409
    assert target.bodies("POST /tickets") == [{"title": "Call Ada", "customer": "ada"}]
