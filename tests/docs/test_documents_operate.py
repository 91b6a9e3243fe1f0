"""What the operator's pages name is there: metrics, settings and files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

OPERATE = "docs/operate.md"


def test_every_metric_that_is_watched_exists(documents: Any) -> None:
    listed = set(re.findall(r"^\| `(minizaps_\w+)` \|", documents.pages[OPERATE], re.M))
    for page, text in documents.pages.items():
        named = set(re.findall(r"\bminizaps_[a-z_]+[a-z]", text)) - {"minizaps_restored"}
        assert named <= listed, page


def test_every_metric_has_an_alarm(documents: Any) -> None:
    text = documents.pages[OPERATE]
    metrics, alarms = text.partition("## Alarms")[::2]
    alarms = alarms.partition("\n## ")[0]
    for metric in re.findall(r"^\| `(minizaps_\w+)` \|", metrics, re.M):
        assert metric in alarms, metric


def test_labels_that_alarms_choose_are_those_of_the_metric(documents: Any) -> None:
    text = documents.pages[OPERATE]
    labels = dict(re.findall(r"^\| `(minizaps_\w+)` \| \w+ \| `?(\w*)`? \|", text, re.M))
    for metric, label in re.findall(r"(minizaps_\w+)\{(\w+)[=!]", text):
        assert labels[metric] == label, metric


def test_every_file_for_deployment_is_named(documents: Any, root: Path) -> None:
    for file in (root / "deploy").iterdir():
        assert f"(../deploy/{file.name})" in documents.pages[OPERATE], file.name
