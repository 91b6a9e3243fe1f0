"""The signed calls of the page of webhooks are sent as they stand there, to a real server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

PAGE = "docs/webhooks.md"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# The heading of each scheme, what a trigger says of it, its credential, and the secret.
SCHEMES: dict[str, tuple[Any, str, str]] = {
    "Standard Webhooks": ("standard", "standard-hook", STANDARD),
    "GitHub": ("github", "other-hook", "It's a Secret to Everybody"),
    "Stripe": ("stripe", "standard-hook", STANDARD),
    "Slack": ("slack", "other-hook", "It's a Secret to Everybody"),
    "Another HMAC": (None, "other-hook", "It's a Secret to Everybody"),
}


@pytest.fixture(scope="module")
def secretive(request: pytest.FixtureRequest) -> Any:
    """A real server that knows the secrets."""
    served = request.getfixturevalue("served")
    with _client(served) as client:
        for name, secret in {(name, secret) for _, name, secret in SCHEMES.values()}:
            new = {"name": name, "type": "hmac", "data": {"secret": secret}}
            assert client.post("/api/v1/credentials", json=new).status_code == 201
    return served


def _client(served: Any) -> httpx.Client:
    key = re.search(r"mz_\S+", served.greeting)
    assert key is not None
    headers = {"Authorization": f"Bearer {key[0]}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{served.port}", headers=headers)


@pytest.fixture
def api(secretive: Any) -> Iterator[httpx.Client]:
    with _client(secretive) as client:
        yield client


def hook_of(api: httpx.Client, name: str, config: dict[str, Any]) -> str:
    """The URL of a new workflow's hook."""
    step = {"type": "set", "config": {"values": {"a": 1}}}
    trigger = {"type": "webhook", "config": config}
    workflow = {"name": name, "triggers": [trigger], "steps": [step]}
    saved = api.post("/api/v1/workflows", json=workflow)
    assert saved.status_code == 201, saved.text
    url: str = saved.json()["triggers"][0]["url"]
    return url


@pytest.mark.parametrize("heading", SCHEMES)
def test_a_signed_call_is_taken_and_one_of_another_secret_is_not(
    secretive: Any, api: httpx.Client, documents: Any, heading: str
) -> None:
    signature, variable, secret = SCHEMES[heading]
    (block,) = [b for b in documents.blocks("sh", PAGE) if b.heading == heading]
    config: dict[str, Any] = {"signature": signature}
    if signature is None:
        (shown,) = [b for b in documents.blocks("json", PAGE) if b.heading == heading]
        config = json.loads(shown.text)
    url = hook_of(api, heading, {**config, "secret": variable})

    answers = [
        secretive.shell(block.text, HOOK=url, SECRET=given)
        for given in (secret, secret, secret.swapcase())
    ]

    first, again, refused = [json.loads(answer.stdout) for answer in answers]
    assert first == again
    assert first.keys() == {"run_id"}
    assert (refused["status"], refused["title"]) == (401, "Signature refused")
    assert refused["detail"].startswith("the signature is wrong")


def test_the_answer_of_the_page_comes_from_the_output(api: httpx.Client, documents: Any) -> None:
    found = [json.loads(b.text) for b in documents.blocks("json", PAGE) if b.heading == "Answers"]
    (quote,) = [block for block in found if block.get("name") == "quote"]
    saved = api.post("/api/v1/workflows", json=quote)
    url = saved.json()["triggers"][0]["url"]
    good, bad = httpx.post(url, json={"price": 7}), httpx.post(url, json={"price": "x"})
    assert (good.status_code, good.json()) == (200, {"total": 21})
    assert (bad.status_code, bad.json()) == (502, {"why": "expression"})


def test_a_file_is_sent_by_curl(secretive: Any, api: httpx.Client) -> None:
    url = hook_of(api, "files", {"respond": {"body": "{{ trigger.body }}"}})
    (secretive.folder / "note.txt").write_text("hello")
    sent = secretive.shell('curl -sS "$HOOK" -F name=Ada -F file=@note.txt', HOOK=url)
    assert json.loads(sent.stdout) == {
        "name": "Ada",
        "file": {"filename": "note.txt", "content_type": "text/plain", "size": 5,
                 "content_base64": "aGVsbG8="},
    }  # fmt: skip
