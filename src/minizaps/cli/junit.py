"""The results of tests as JUnit XML, which CI systems read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from minizaps.cli.verdicts import FileReport
from minizaps.simulation.trial import Outcome

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(reports: Sequence[FileReport]) -> bytes:
    """A document with a suite for each file and a case for each test; times are real ones."""
    root = Element("testsuites", name="minizaps test")
    for report in reports:
        _suite(root, report)
    _count(root, reports)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(root: Element, report: FileReport) -> None:
    suite = SubElement(root, "testsuite", name=_clean(str(report.workflow)))
    _count(suite, [report])
    if report.problems:
        case = SubElement(suite, "testcase", classname=report.workflow.stem, name="the test file")
        text = "\n".join(map(str, report.problems))
        SubElement(case, "error", message="the tests cannot be run").text = _clean(text)
    for outcome in report.outcomes:
        _case(suite, report.workflow.stem, outcome)


def _case(suite: Element, workflow: str, outcome: Outcome) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=_clean(workflow),
        name=_clean(outcome.name),
        time=f"{outcome.seconds:.3f}",
    )
    if not outcome.passed:
        first, *_ = outcome.problems or ["the run is not as expected"]
        failure = SubElement(case, "failure", message=_clean(first))
        failure.text = _clean("\n".join([*outcome.problems, *outcome.diff]))


def _count(element: Element, reports: Sequence[FileReport]) -> None:
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    broken = sum(bool(report.problems) for report in reports)
    element.set("tests", str(len(outcomes) + broken))
    element.set("failures", str(sum(not outcome.passed for outcome in outcomes)))
    element.set("errors", str(broken))
    element.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")


def _clean(text: str) -> str:
    """The text without what XML cannot hold."""
    return _UNPRINTABLE.sub("�", text)
