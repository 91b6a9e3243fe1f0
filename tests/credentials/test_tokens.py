"""Credentials that stand for a token: got, renewed once, and noticed when they are revoked."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from minizaps.connectors.google_sheets import GoogleSheetsConnector
from tests.api.support import API, Server, call_step, pointers
from tests.credentials.token_server import CLIENT, SECRET, TokenServer

PATH = f"{API}/credentials"


async def create(server: Server, token_server: TokenServer, **fields: Any) -> dict[str, Any]:
    data = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "authorize_url": token_server.url + "/authorize?audience=x",
        "token_url": token_server.url + "/token",
        "scopes": ["read", "write"],
        **fields,
    }
    made = await server.admin.post(PATH, json={"name": "api", "type": "oauth2", "data": data})
    assert made.status_code == 201, made.text
    return made.json()


async def connect(server: Server, token_server: TokenServer) -> httpx.Response:
    asked = (await server.admin.post(f"{PATH}/api/authorize")).json()
    return await come_back(server, token_server.agree(asked["url"]))


async def come_back(server: Server, query: dict[str, str]) -> httpx.Response:
    """What the person's browser does."""
    transport = httpx.ASGITransport(server.asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as browser:
        return await browser.get("/oauth/callback", params=query)


def step(token_server: TokenServer, **keys: Any) -> dict[str, Any]:
    return call_step(token_server.url + "/api", credential="api", **keys) | {
        "config": {"method": "GET", "url": token_server.url + "/api"}
    }


async def look(server: Server) -> dict[str, Any]:
    return (await server.admin.get(f"{PATH}/api")).json()


async def again(server: Server) -> dict[str, Any]:
    run = await server.start()
    await server.settle()
    return await server.look(run["id"])


async def test_a_person_agrees_and_steps_use_the_token(
    server: Server, token_server: TokenServer
) -> None:
    made = await create(server, token_server)
    assert made["state"] == "unconnected"
    asked = (await server.admin.post(f"{PATH}/api/authorize")).json()
    query = {k: v[0] for k, v in parse_qs(urlsplit(asked["url"]).query).items()}
    assert query["audience"] == "x", "what the address has stays"
    assert query["scope"] == "read write"
    page = await come_back(server, token_server.agree(asked["url"]))
    assert page.status_code == 200
    assert "is connected" in page.text
    assert (await look(server))["state"] == "ready"
    run = await server.run(step(token_server))
    assert run["status"] == "succeeded"
    assert len(token_server.asked) == 1


async def test_a_step_before_the_consent_says_what_to_do(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    run = await server.run(step(token_server))
    assert run["error"]["type"] == "credential"
    assert "minizaps credentials connect api" in run["error"]["message"]


async def test_an_answer_is_taken_once_and_in_time_and_for_its_question(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    first = (await server.admin.post(f"{PATH}/api/authorize")).json()["url"]
    second = (await server.admin.post(f"{PATH}/api/authorize")).json()["url"]
    closed = await come_back(server, token_server.agree(first))
    assert closed.status_code == 409, "a new question closes the one before"
    brought = token_server.agree(second)
    assert (await come_back(server, {**brought, "state": "nobody.asked"})).status_code == 409
    assert (await come_back(server, brought)).status_code == 200
    assert (await come_back(server, brought)).status_code == 409
    late = (await server.admin.post(f"{PATH}/api/authorize")).json()["url"]
    server.clock.advance(601)
    assert (await come_back(server, token_server.agree(late))).status_code == 409


async def test_a_refused_consent_is_told_and_kept(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    url = (await server.admin.post(f"{PATH}/api/authorize")).json()["url"]
    state = token_server.agree(url)["state"]
    page = await come_back(server, {"state": state, "error": "access_denied<b>"})
    assert page.status_code == 400
    assert "access_denied&lt;b&gt;" in page.text
    assert "access_denied" in (await look(server))["problem"]


async def test_a_token_is_renewed_before_its_end(server: Server, token_server: TokenServer) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    await server.run(step(token_server))
    server.clock.advance(3545)
    assert (await again(server))["status"] == "succeeded"
    assert [asked["grant_type"] for asked in token_server.asked] == [
        "authorization_code",
        "refresh_token",
    ]
    server.clock.advance(3545)
    assert (await again(server))["status"] == "succeeded"
    assert token_server.asked[-1]["refresh_token"] == "refresh-token-3", "it rotates"


async def test_two_processes_renew_a_token_once(
    open_server: Any, token_server: TokenServer, database_url: str
) -> None:
    first = await open_server()
    await create(first, token_server)
    await connect(first, token_server)
    # A second worker on one SQLite file is refused: the same vault is opened beside it.
    vaults = [first.app.vault]
    if not database_url.startswith("sqlite"):
        second = await open_server()
        second.clock.move_to(first.clock.now())
        vaults.append(second.app.vault)
        second.clock.advance(3590)
    first.clock.advance(3590)
    token_server.hold = asyncio.Event()
    opening = [
        asyncio.create_task(vault.open("default", "api")) for vault in vaults for _ in range(20)
    ]
    while len(token_server.asked) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)  # the others look at the lease meanwhile
    token_server.hold.set()
    opened = await asyncio.gather(*opening)
    assert len(token_server.asked) == 2
    assert len({credential.header() for credential in opened}) == 1


async def test_a_dead_processs_lease_ends(server: Server, token_server: TokenServer) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    server.clock.advance(3590)
    kept = server.app.vault._kept
    assert await kept.lease(await kept.get("default", "api"), 60) is not None
    opening = asyncio.create_task(server.app.vault.open("default", "api"))
    await asyncio.sleep(0.3)
    assert not opening.done()
    assert len(token_server.asked) == 1
    server.clock.advance(61)
    await opening
    assert len(token_server.asked) == 2


async def test_a_revoked_consent_is_noticed_and_a_new_one_mends_it(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    token_server.refresh_tokens.clear()
    server.clock.advance(3600)
    run = await server.run(step(token_server, retry={"max_attempts": 3}))
    assert run["error"]["type"] == "credential"
    assert "Token revoked" in run["error"]["message"]
    assert "minizaps credentials connect api" in run["error"]["message"]
    found = await look(server)
    assert found["state"] == "revoked"
    asked = len(token_server.asked)
    await again(server)
    assert len(token_server.asked) == asked, "a revoked one is not asked for again and again"
    await connect(server, token_server)
    assert (await look(server))["problem"] is None
    assert (await again(server))["status"] == "succeeded"


async def test_a_token_that_is_refused_before_its_end_is_renewed_for_the_next_try(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    token_server.good.clear()
    retry = {"max_attempts": 2, "delay": 1, "jitter": False}
    run = await server.run(step(token_server, retry=retry))
    assert run["status"] == "waiting"
    await server.advance(2)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    attempts = (await server.steps(run["id"]))["call"]["attempts"]
    assert attempts[0]["error"]["type"] == "credential_refused"


async def test_a_token_server_that_is_down_is_tried_again(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server, grant="client_credentials", authorize_url=None)
    token_server.broken = 503
    retry = {"max_attempts": 2, "delay": 1, "jitter": False}
    run = await server.run(step(token_server, retry=retry))
    assert run["status"] == "waiting"
    assert "server_error" in (await look(server))["problem"]
    token_server.broken = None
    await server.advance(2)
    assert (await server.look(run["id"]))["status"] == "succeeded"
    assert (await look(server))["problem"] is None


@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_a_client_gets_tokens_of_its_own(
    server: Server, token_server: TokenServer, client_auth: str
) -> None:
    fields = {"grant": "client_credentials", "client_auth": client_auth}
    made = await create(server, token_server, authorize_url=None, **fields)
    assert made["state"] == "ready"
    assert (await server.run(step(token_server)))["status"] == "succeeded"
    server.clock.advance(3600)
    assert (await again(server))["status"] == "succeeded"
    assert [a["grant_type"] for a in token_server.asked] == ["client_credentials"] * 2
    no_consent = await server.admin.post(f"{PATH}/api/authorize")
    assert no_consent.status_code == 409


async def test_a_wrong_client_secret_is_said_without_it(
    server: Server, token_server: TokenServer
) -> None:
    fields = {"grant": "client_credentials", "client_secret": "wrong secret"}
    await create(server, token_server, authorize_url=None, **fields)
    run = await server.run(step(token_server))
    assert "invalid_client" in run["error"]["message"]
    assert "wrong secret" not in str(run)


async def test_a_service_account_signs_for_its_tokens(
    server: Server, token_server: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GoogleSheetsConnector, "api", token_server.url)
    data = {"key": token_server.account_key()}
    new = {"name": "api", "type": "google_service_account", "data": data}
    assert (await server.admin.post(PATH, json=new)).status_code == 201
    assert (await server.run(step(token_server)))["status"] == "succeeded"
    assert (await again(server))["status"] == "succeeded"
    assert len(token_server.asked) == 1, "a token is used until its end"
    server.clock.advance(3545)
    assert (await again(server))["status"] == "succeeded"
    assert len(token_server.asked) == 2
    tried = (await server.admin.post(f"{PATH}/api/test")).json()
    assert tried == {"ok": True, "detail": "Google Sheets accepts the token"}


async def test_an_oauth2_credential_needs_what_its_grant_needs(server: Server) -> None:
    data = {"client_id": "c", "token_url": "https://x.test"}
    new = {"name": "api", "type": "oauth2", "data": data}
    assert "authorize_url" in pointers(await server.admin.post(PATH, json=new))["/data"]


async def test_a_renewal_goes_on_where_the_run_that_wanted_it_is_cancelled(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    server.clock.advance(3600)
    token_server.hold = asyncio.Event()
    opening = asyncio.create_task(server.app.vault.open("default", "api"))
    while len(token_server.asked) < 2:
        await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    token_server.hold.set()
    assert (await server.app.vault.open("default", "api")).header()[1] == "Bearer access-token-3"
    assert len(token_server.asked) == 2


async def test_a_late_refusal_of_an_old_token_leaves_the_new_one(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    vault = server.app.vault
    old = await vault.open("default", "api")
    server.clock.advance(3600)
    new = await vault.open("default", "api")
    assert await vault.renew("default", "api", old)
    assert await vault.open("default", "api") == new
    assert len(token_server.asked) == 2


async def test_a_refusal_takes_no_consent_that_cannot_be_renewed(
    server: Server, token_server: TokenServer
) -> None:
    token_server.lifetime = None
    token_server.gives_refresh = False
    await create(server, token_server)
    await connect(server, token_server)
    good, token_server.good = token_server.good, set()
    run = await server.run(step(token_server, retry={"max_attempts": 3}))
    assert run["error"]["type"] == "credential_refused"
    token_server.good = good
    assert (await again(server))["status"] == "succeeded"


async def test_a_consent_that_fails_leaves_the_token_that_is_there(
    server: Server, token_server: TokenServer
) -> None:
    await create(server, token_server)
    await connect(server, token_server)
    for brought in ({"error": "access_denied"}, {"code": "wrong"}):
        url = (await server.admin.post(f"{PATH}/api/authorize")).json()["url"]
        page = await come_back(server, {"state": token_server.agree(url)["state"], **brought})
        assert page.status_code in (400, 502)
        assert (await look(server))["state"] == "ready"
        assert (await look(server))["problem"]
    assert (await server.run(step(token_server)))["status"] == "succeeded"


@pytest.mark.parametrize("lifetime", [1e300, 30, 0.5])
async def test_any_lifetime_of_a_token_will_do(
    server: Server, token_server: TokenServer, lifetime: float
) -> None:
    token_server.lifetime = lifetime
    await create(server, token_server)
    await connect(server, token_server)
    opened = [server.app.vault.open("default", "api") for _ in range(10)]
    assert len({credential.header() for credential in await asyncio.gather(*opened)}) == 1
    assert len(token_server.asked) == 1


async def test_a_client_is_never_revoked(server: Server, token_server: TokenServer) -> None:
    fields = {"grant": "client_credentials", "client_secret": "x"}
    await create(server, token_server, authorize_url=None, **fields)
    token_server.says = "access_denied"
    assert (await server.run(step(token_server)))["error"]["type"] == "credential"
    assert (await look(server))["state"] == "ready"
