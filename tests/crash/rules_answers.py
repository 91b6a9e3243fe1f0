"""What must hold between the answers that were given to waiting steps and what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from minizaps.journal.status import Kind

from .evidence import Answer, Evidence, Run
from .spec import ASK, Spec


def check_answers(run: Run, spec: Spec) -> Iterator[str]:
    """What is wrong with how the steps of a run that wait for an answer have got it."""
    yield from _check_signals(run)
    for event in run.of(Kind.COMPLETE):
        if spec.type_of(event.path or "") == "wait":
            signal = run.signals.get(event.path or "", {})
            if event.data.get("output") != signal.get("output"):
                yield f"{event.path} has {event.data.get('output')}, but came in {signal}"


def check_calls_back(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Run ids, with what is wrong with the answers that the sink gave."""
    given: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for answer in evidence.answers:
        given[answer.run, answer.step].append(answer)
    for (run_id, step), answers in given.items():
        if (run := evidence.runs.get(run_id)) is None:
            continue  # said where its calls are looked at
        for what in _check_given(run, step.rpartition(f"[{ASK}]")[0], answers, evidence.slack):
            yield run_id, what
    urls: dict[tuple[str, str], set[str]] = defaultdict(set)
    for call in evidence.calls:
        if call.url is not None:
            urls[call.run, call.step].add(call.url)
    for (run_id, step), seen in urls.items():
        if len(seen) > 1:
            yield run_id, f"{step} was given several URLs: {sorted(seen)}"


def _check_signals(run: Run) -> Iterator[str]:
    """What a run has taken in is what has come in, once and in its order."""
    taken = run.of(Kind.SIGNAL)
    for event in taken:
        if run.signals.get(event.data["name"]) != event.data["data"]:
            yield f"event {event.seq}: {event.data} was taken in, but did not come in"
    if [event.data["number"] for event in taken] != list(range(1, len(taken) + 1)):
        yield f"it took in the signals {[event.data['number'] for event in taken]}"


def _check_given(run: Run, path: str, answers: Sequence[Answer], slack: int) -> Iterator[str]:
    """The first answer counts, once it is acknowledged; the same again is no error."""
    output = run.signals.get(path, {}).get("output")
    for answer in answers:
        ended = run.finished_at is not None and run.finished_at <= answer.at + slack
        if answer.status == 200 and answer.body != output:
            yield f"{answer.body} was acknowledged for {path}, the journal has {output}"
        elif answer.status == 409 and not ended and path not in run.signals:
            yield f"{answer.body} for {path} was refused, but there was no other"
        elif answer.status == 409 and not ended and answer.body == output:
            yield f"{answer.body} for {path} was refused the second time"
        elif answer.status not in (200, 409):
            yield f"{answer.body} for {path} was answered with {answer.status}"
    acknowledged = [answer.body for answer in answers if answer.status == 200]
    done = [event.data.get("output") for event in run.of(Kind.COMPLETE, path=path)]
    if acknowledged and run.status == "succeeded" and done != acknowledged[:1]:
        yield f"{acknowledged[0]} was acknowledged for {path}, which has {done}"
