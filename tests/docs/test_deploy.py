"""The files in deploy/ name settings and commands that there are."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from minizaps.cli.main import cli
from minizaps.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
COMMANDS = typer.main.get_command(cli)


def accepted(arguments: list[str]) -> bool:
    """Whether the program has such a command with such options."""
    command: Any = COMMANDS
    while arguments and arguments[0] in getattr(command, "commands", {}):
        command = command.commands[arguments.pop(0)]
    options = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    return all(argument in options for argument in arguments) and command is not COMMANDS


def test_every_setting_that_is_named_exists() -> None:
    known = {f"MINIZAPS_{name.upper()}" for name in Settings.model_fields}
    for file in DEPLOY.iterdir():
        named = set(re.findall(r"MINIZAPS_[A-Z_]*[A-Z]", file.read_text()))
        assert named <= known, file.name


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_that_exists(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/minizaps")
    assert accepted(arguments)
    if shutil.which("systemd-analyze") is None:
        return
    place = tmp_path / unit.name.replace("@", "@1")
    place.write_text(text.replace(program, "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", place]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert place.name not in checked.stderr


def test_the_compose_file_is_whole() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"postgres", "api", "worker"}
    for name in ("api", "worker"):
        assert accepted(list(services[name]["command"]))
        assert services[name]["build"]["dockerfile"] == "deploy/Dockerfile"
        assert set(services[name]["depends_on"]) <= set(services)
    assert {volume.split(":")[0] for s in services.values() for volume in s.get("volumes", [])} == (
        set(compose["volumes"])
    )


def test_the_image_starts_the_program() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["minizaps"]' in text
    (command,) = re.findall(r'^CMD \["(\w+)"\]$', text, re.MULTILINE)
    assert accepted([command])
