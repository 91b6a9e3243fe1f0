"""`minizaps connector`: what there is, a package from templates, an API from its description."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from minizaps import WorkflowEngine
from minizaps.connectors.openapi.connector import connector_of
from minizaps.connectors.openapi.folder import load
from minizaps.credentials.types import HttpBearer
from minizaps.testing import open_context
from tests.cli.conftest import Minizaps
from tests.cli.processes import Server, client, until_ended
from tests.cli.shop import Shop

ROOT = Path(__file__).parent.parent.parent
OPENAPI = ROOT / "docs" / "openapi.json"
CREATE = "create_workflow_api_v1_workflows_post"
START = "start_run_api_v1_workflows__workflow_id__runs_post"


@pytest.fixture(autouse=True)
def kept_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkflowEngine, "CONNECTOR_MAP", dict(WorkflowEngine.CONNECTOR_MAP))


def test_list_tells_where_each_step_type_comes_from(minizaps: Minizaps) -> None:
    found = {item["type"]: item for item in minizaps("connector", "list", "--json").json}
    assert found.keys() == set(map(str, WorkflowEngine.CONNECTOR_MAP))
    assert found["webhook"]["origin"].startswith("minizaps ")
    assert "http_basic" in found["webhook"]["credential"]
    lines = minizaps("connector", "list").out.splitlines()
    assert len(lines) == len(found) + 1


def test_show_tells_fields_credentials_and_an_example(minizaps: Minizaps) -> None:
    shown = minizaps("connector", "show", "webhook").out
    assert "url*" in shown
    assert "credential: http_basic or" in shown
    assert '{"type":"webhook","config":{"url":"..."}}' in shown
    schema = minizaps("connector", "show", "webhook", "--json").json["config_schema"]
    assert schema["required"] == ["url"]
    refused = minizaps("connector", "show", "webhok")
    assert refused.code == 1
    assert "did you mean 'webhook'" in refused.err


@pytest.mark.parametrize("kind", WorkflowEngine.CONNECTOR_MAP)
def test_every_step_type_can_be_shown(minizaps: Minizaps, kind: str) -> None:
    assert minizaps("connector", "show", kind).code == 0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Send-SMS", "a step type is lower-case letters"),
        ("webhook", "there is a step type 'webhook' already"),
        ("foreach", "there is a step type 'foreach' already"),
        ("import", "is a word of Python"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(minizaps: Minizaps, name: str, says: str) -> None:
    result = minizaps("connector", "new", name)
    assert result.code == 1
    assert says in result.err
    assert not list(Path.cwd().glob("minizaps-*"))


def test_a_folder_that_holds_something_is_left_alone(minizaps: Minizaps, tmp_path: Path) -> None:
    result = minizaps("connector", "new", "send_sms", "--folder", str(tmp_path))
    assert result.code == 1
    assert "is there already, and not empty" in result.err
    assert not (tmp_path / "pyproject.toml").exists()


def installed(package: Path) -> dict[str, str]:
    """The environment of a process in which the package is installed, as an editable one is."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["minizaps.connectors"]
    folder = package / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(head)
    lines = ["[minizaps.connectors]", *(f"{name} = {value}" for name, value in points.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MINIZAPS_", "PYTEST"))}
    return {**clean, "PYTHONPATH": str(package / "src")}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield shop
        shop.shutdown()
        thread.join()


def run(package: Path, environment: dict[str, str], *command: str) -> str:
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [program, *command[1:]],
        cwd=package,
        env=environment,
        text=True,
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_package_passes_its_suite_and_its_step_runs(
    minizaps: Minizaps, tmp_path: Path, shop: Shop
) -> None:
    made = minizaps("connector", "new", "send_sms")
    package = tmp_path / "minizaps-send-sms"
    assert "cd minizaps-send-sms" in made.out
    environment = installed(package)

    tested = run(package, environment, "pytest", "-p", "no:cacheprovider", "-p", "no:asyncio")
    assert "10 passed, 2 skipped" in tested

    listed = orjson.loads(run(package, environment, "minizaps", "connector", "list", "--json"))
    (found,) = (item for item in listed if item["type"] == "send_sms")
    assert found["origin"] == "minizaps-send-sms 0.1.0"

    example = package / "examples" / "send_sms.json"
    example.write_text(example.read_text().replace("http://127.0.0.1:8000", shop.url))
    ended = orjson.loads(run(package, environment, "minizaps", "run", str(example), "--json"))
    assert ended["output"] == {"answer": {"taken": "hello"}}


def definition(folder: Path, *configs: Any, kind: str = "corner_shop") -> str:
    steps = [{"type": kind, "config": config} for config in configs]
    file = folder / "workflow.json"
    file.write_bytes(orjson.dumps({"name": "x", "steps": steps}))
    return str(file)


def test_an_api_is_imported_by_its_url_and_its_steps_run(
    minizaps: Minizaps, tmp_path: Path, shop: Shop
) -> None:
    imported = minizaps("connector", "from-openapi", f"{shop.url}/openapi.json")
    assert imported.code == 0, imported.err
    assert f"corner_shop: 2 actions of Corner Shop at {shop.url}/api" in imported.out
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    shown = minizaps("connector", "show", "corner_shop").out
    assert "getItem" in shown
    assert "One item." in shown
    assert "sku*" in minizaps("connector", "show", "corner_shop", "--action", "getItem").out

    count = {"action": "order", "body": {"sku": "{{ body.sku }}", "count": 2}}
    file = definition(tmp_path, {"action": "getItem", "sku": "tea"}, count)
    ended = minizaps("run", file, "--json").json
    assert ended["output"]["body"] == {"taken": {"sku": "tea", "count": 2}}
    assert shop.keys == [f"{ended['id']}:corner_shop_2"]

    wrong = {"action": "order", "body": {"sku": "{{ trigger.body }}", "count": 0}}
    result = minizaps("validate", definition(tmp_path, wrong))
    assert "/steps/0/config/body/count  0 is less than the minimum of 1" in result.out


def test_an_import_is_replaced_only_when_that_is_said(minizaps: Minizaps, shop: Shop) -> None:
    spec = f"{shop.url}/openapi.json"
    assert minizaps("connector", "from-openapi", spec).code == 0
    assert "--replace takes the new one" in minizaps("connector", "from-openapi", spec).err
    again = minizaps("connector", "from-openapi", spec, "--replace", "--only", "getItem")
    assert "corner_shop: 1 action " in again.out
    assert minizaps("validate", definition(Path(), {"action": "order"})).code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing.yaml"], "cannot read missing.yaml"),
        (["http://127.0.0.1:1/x"], "connection refused"),
        (["http://169.254.1.1/x"], "a link-local address"),
        (["hello.json"], "/openapi: None"),
        ([str(OPENAPI)], "does not say where the API is"),
        ([str(OPENAPI), "--url", "http://a", "--name", "webhook"], "there is a step type"),
        ([str(OPENAPI), "--url", "ftp://a"], "/url"),
    ],
)
def test_what_cannot_be_imported_is_told(
    minizaps: Minizaps, arguments: list[str], says: str, tmp_path: Path
) -> None:
    result = minizaps("connector", "from-openapi", *arguments)
    assert result.code == 1
    assert says in result.err
    assert not (tmp_path / "data" / "connectors").exists()


def test_a_broken_description_is_named_by_every_command(
    minizaps: Minizaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apis").mkdir()
    (tmp_path / "apis" / "crm.json").write_text("{}")
    monkeypatch.setenv("MINIZAPS_CONNECTORS_DIR", "apis")
    result = minizaps("validate", "hello.json")
    assert result.code == 1
    assert "apis/crm.json/operations: is required" in result.err


def test_the_api_of_mini_zaps_is_driven_through_its_own_description(
    minizaps: Minizaps, serve: Callable[..., Server], tmp_path: Path
) -> None:
    chosen = [f"--only={name}" for name in (CREATE, START, "post_hooks_token")]
    there = ("--name", "mz", "--url", "http://127.0.0.1:1")
    assert minizaps("connector", "from-openapi", str(OPENAPI), *there, *chosen).code == 0
    server = serve().wait()
    with client(server, server.key) as api:
        listed = {item["type"]: item for item in api.get("/connectors").json()["items"]}
        assert listed["mz"]["credential"][0] == "http_bearer"
        assert len(listed["mz"]["config_schema"]["oneOf"]) == 3
        assert "mz_config" in api.get("/schema").json()["$defs"]

        file = tmp_path / "data" / "connectors" / "mz.json"
        file.write_text(file.read_text().replace("http://127.0.0.1:1", server.url))
        run_id = asyncio.run(create_and_start(file.parent, server.key))
        assert api.get(f"/runs/{run_id}").json()["output"] == {"said": "Hello Ada"}

        token = re.search(r"/hooks/(\S+)", server.greeting)
        assert token is not None
        hook = {"action": "post_hooks_token", "token": token[1], "body": {"name": "Eve"}}
        ended = minizaps("run", definition(tmp_path, hook, kind="mz"), "--json").json
        started = until_ended(api, ended["output"]["body"]["run_id"])
        assert (started["status"], started["input"]) == ("succeeded", {"name": "Eve"})
    assert server.stop(signal.SIGTERM) == 0


async def create_and_start(folder: Path, key: str) -> str:
    """A workflow is saved and run through the imported connector; the run's id."""
    (description,) = load(folder)
    connector, model = connector_of(description)
    said = "Hello {{ trigger.body.name }}"  # it is no expression of ours: no engine is between
    step = {"type": "set", "config": {"values": {"said": said}}}
    async with open_context(credential=HttpBearer(token=SecretStr(key))) as context:

        async def call(**config: Any) -> Any:
            output = await connector(model.model_validate(config)).execute(context)
            assert isinstance(output, dict)
            return output["body"]

        made = await call(action=CREATE, body={"name": "greet", "steps": [step]})
        run = await call(
            action=START, workflow_id=made["id"], wait=10, body={"input": {"name": "Ada"}}
        )
        assert run["status"] == "succeeded"
        return str(run["id"])
