"""What a webhook trigger's config may say, and what is told of the rest."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from minizaps.definition.schema import definition_schema
from tests.definition.support import MODELS, check, flow, problems

HERE = "/triggers/0/config"


def hooked(**config: Any) -> dict[str, Any]:
    return flow(triggers=[{"id": "hook", "type": "webhook", "config": config}])


GOOD: list[dict[str, Any]] = [
    {},
    {"secret": "shop"},
    {"secret": ["shop", "shop-2"], "signature": "stripe", "tolerance": "PT10M"},
    {"secret": "shop", "signature": {"header": "X-Sig", "algorithm": "sha1", "prefix": "a="}},
    {"methods": ["GET"], "dedupe": "X-Request-Id", "cors": ["*", "http://localhost:3000"]},
    {"dedupe": "{{ trigger.body.id }}-{{ workflow.name }}", "raw": True},
    {"respond": {"status": 303, "headers": {"Location": "https://a.test/{{ run.id }}"}}},
    {"respond": {"wait": 5, "status": "{{ output.s }}", "body": {"a": ["{{ output.a }}"]},
                 "failed": {"status": 502, "body": "{{ error.type }} of {{ run.id }}"}}},
]  # fmt: skip
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"secret": "a b"}, "/secret", "pattern"),
    ({"secret": ["ok", ""]}, "/secret/1", "pattern"),
    ({"secret": []}, "/secret", "at least 1"),
    ({"secret": "s", "signature": "gitub"}, "/signature", "'github'"),
    ({"secret": "s", "signature": {}}, "/signature/header", "is required"),
    ({"secret": "s", "signature": {"header": "a b"}}, "/signature/header", "pattern"),
    ({"signature": "github"}, "", "signature: set secret too"),
    ({"tolerance": 3}, "", "no signed time"),
    ({"secret": "s", "signature": "github", "tolerance": 3}, "", "no signed time"),
    ({"secret": "s", "tolerance": 86_401}, "/tolerance", "a day at most"),
    ({"secrets": "s"}, "/secrets", "did you mean 'secret'?"),
    ({"methods": ["HEAD"]}, "/methods/0", "'GET'"),
    ({"methods": []}, "/methods", "at least 1"),
    ({"cors": ["https://a.test/"]}, "/cors/0", "pattern"),
    ({"dedupe": "a b"}, "/dedupe", "a header's name"),
    ({"dedupe": "X-Id\n"}, "/dedupe", "a header's name"),
    ({"dedupe": "{{ run.id }}"}, "/dedupe", "'run.id' is not there: only trigger, workflow"),
    ({"dedupe": "{{ trigger."}, "/dedupe", "line 1"),
    ({"respond": {"status": 199}}, "/respond/status", "200 to 599"),
    ({"respond": {"status": True}}, "/respond/status", "200 to 599"),
    ({"respond": {"status": "200"}}, "/respond/status", "200 to 599"),
    ({"respond": {"status": 204, "body": "a"}}, "/respond", "has no body"),
    ({"respond": {"headers": {"a\r\nb": "c"}}}, "/respond/headers", "no name"),
    ({"respond": {"headers": {"a": "b\r\nSet-Cookie: c"}}}, "/respond/headers", "one line"),
    ({"respond": {"headers": {"a": "ä"}}}, "/respond/headers", "ASCII"),
    ({"respond": {"headers": {"A": "1", "a": "2"}}}, "/respond/headers", "twice"),
    ({"respond": {"body": ["{{ output.x }}"]}}, "/respond/body/0", "'output.x' is not there"),
    ({"respond": {"body": "{{ run.status }}"}}, "/respond/body", "only trigger, workflow, run.id"),
    ({"respond": {"wait": 1, "body": "{{ error }}"}}, "/respond/body", "'error' is not there"),
    ({"respond": {"headers": {"a/b": "{{ x"}}}, "/respond/headers/a~1b", "not closed"),
    ({"respond": {"wait": 61}}, "/respond/wait", "60 s at most"),
    ({"respond": {"wait": 0}}, "/respond/wait", "greater than 0"),
    ({"respond": {"failed": {}}}, "/respond", "set wait too"),
    ({"respond": {"wait": 1, "failed": {"body": "{{ output }}"}}}, "/respond/failed/body", "error"),
]


@pytest.mark.parametrize("config", GOOD)
def test_a_good_config_is_stored_as_it_is_and_meets_the_schema(config: dict[str, Any]) -> None:
    definition = check(hooked(**config))
    assert definition["triggers"][0]["config"] == config
    jsonschema.Draft202012Validator(definition_schema(MODELS, {})).validate(definition)


@pytest.mark.parametrize(("config", "pointer", "detail"), BAD)
def test_a_bad_config_is_told_at_its_place(
    config: dict[str, Any], pointer: str, detail: str
) -> None:
    found = problems(hooked(**config))
    assert detail in found.get(HERE + pointer, ""), found


@pytest.mark.parametrize(
    "name",
    ["Connection", "Content-Length", "transfer-encoding", "Set-Cookie", "TE", "Upgrade",
     "Content-Security-Policy", "Access-Control-Allow-Origin"],
)  # fmt: skip
def test_the_servers_own_headers_are_not_to_be_set(name: str) -> None:
    found = problems(hooked(respond={"headers": {name: "x"}}))
    assert found == {f"{HERE}/respond/headers": f"{name}: this header is the server's own"}


def test_all_problems_come_at_once() -> None:
    config = {"cors": ["x"], "dedupe": "{{ run.id }}", "respond": {"body": "{{ steps.a }}"}}
    assert set(problems(hooked(**config))) == {
        f"{HERE}/cors/0", f"{HERE}/dedupe", f"{HERE}/respond/body"
    }  # fmt: skip
