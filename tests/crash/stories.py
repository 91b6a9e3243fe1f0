"""Small stories for the checker: what one run and the sink would have left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from .evidence import Answer, Call, Event, Evidence, Life, Post, Run
from .workflows import receipt

RUN = "run-1"
CHILD = "run-2"
STEP_LASTS = 10  # milliseconds


class Story:
    """Tells what happens, one event after the other."""

    def __init__(self, workflow: str, run_id: str = RUN) -> None:
        self.now = 1000
        self._id = run_id
        self._workflow = workflow
        self._events: list[Event] = []
        self._calls: list[Call] = []
        self.tell("start", trigger={"body": {"token": "t", "delay": 0.3}})
        self.tell("claim")
        self.tell("complete", "start", 1, output={"token": "t"})

    def tell(
        self, kind: str, path: str | None = None, attempt: int | None = None, /, **facts: Any
    ) -> None:
        """One event."""
        self.now += STEP_LASTS
        self._events.append(Event(len(self._events) + 1, self.now, kind, path, attempt, facts))

    def begin(
        self, path: str, number: int = 1, *, status: int = 200, url: str | None = None
    ) -> None:
        """An attempt begins, and the sink is called."""
        self.tell("begin", path, number)
        nth = 1 + sum(call.step == path for call in self._calls)
        self._calls.append(
            Call(self.now + 1, self._id, path, nth, None, f"{self._id}:{path}", status, url)
        )

    def complete(self, path: str, number: int = 1) -> None:
        """An attempt has succeeded."""
        self.tell("complete", path, number, output=called(path, self._id))

    def sleep(self, until: int) -> None:
        """The run waits, and is woken in time."""
        self.tell("wait", until=until)
        self.now = max(self.now, until - STEP_LASTS)
        self.tell("wake")
        self.tell("claim")

    def die(self) -> None:
        """The worker is killed, and the run goes on with the next one."""
        self.tell("rescue")
        self.tell("claim")

    def end(self, kind: str, status: str, **facts: Any) -> Evidence:
        """The run's end, and all that there is to see."""
        self.tell(kind, **facts)
        error = facts["error"]["type"] if "error" in facts else None
        events = tuple(self._events)
        claims = sum(event.kind == "claim" for event in events)
        letter = None if error is None else "open"
        run = Run(self._id, self._workflow, status, claims, self.now, error, letter, events)
        post = Post("t", self._workflow, "hook", "key-t", 0.3, sent=1, run_ids=[self._id])
        lives = list(_lives([event.at for event in events if event.kind == "rescue"]))
        return Evidence([post], [], self._calls, lives, {self._id: run})


def _lives(rescues: list[int]) -> Iterator[Life]:
    for before, rescue in zip([900, *rescues], rescues, strict=False):
        yield Life(before - 2, ready=before + 2, ended=rescue - 4, how="a random moment")
    last = rescues[-1] if rescues else 900
    yield Life(last - 2, ready=last + 2, ended=9000, how="SIGTERM")


def called(path: str, run_id: str = RUN) -> dict[str, Any]:
    """The output of a step that has called the sink."""
    return {"status": 200, "body": {"receipt": receipt(run_id, path)}}


def items() -> Evidence:
    """Six items, three at a time; a kill cuts three of them."""
    story = Story("items")

    def keep(number: int, attempt: int) -> None:
        story.complete(f"each[{number}].put", attempt)
        kept = {"receipt": receipt(RUN, f"each[{number}].put")}
        story.tell("complete", f"each[{number}].kept", 1, output=kept)

    story.tell("enter", "each", items=list("abcdef"), concurrency=3)
    for number in (0, 1, 2):
        story.begin(f"each[{number}].put")
    keep(0, 1)
    story.begin("each[3].put")
    story.die()
    for number in (1, 2, 3):
        story.begin(f"each[{number}].put", 2)
    keep(3, 2)
    story.begin("each[4].put")
    keep(1, 2)
    story.begin("each[5].put")
    keep(5, 1)
    keep(4, 1)
    keep(2, 2)
    story.tell("complete", "each")
    output = {"token": "t", "each": [receipt(RUN, f"each[{n}].put") for n in range(6)]}
    story.tell("complete", "last", 1, output=output)
    return story.end("succeed", "succeeded", output=output)


def sides() -> Evidence:
    """Two branches: one pauses while the other one is refused twice."""
    story, left, right = Story("sides"), "both[left].", "both[right]."
    story.tell("enter", "both")
    story.begin(f"{left}here")
    story.begin(f"{right}there", status=503)
    story.complete(f"{left}here")
    over = story.now + 310
    story.tell("pause", f"{left}pause", 1, started_at=story.now, until=over, output={})
    for number in (1, 2):
        due = story.now + 60
        error = {"type": "http_status", "step": f"{right}there"}
        story.tell("retry", f"{right}there", number, error=error, next_at=due)
        story.sleep(due)
        story.begin(f"{right}there", number + 1, status=503 if number == 1 else 200)
    story.complete(f"{right}there", 3)
    story.begin(f"{right}soon")
    story.complete(f"{right}soon")
    story.sleep(over)
    story.tell("complete", f"{left}pause", output={})
    story.begin(f"{left}late")
    story.complete(f"{left}late")
    story.tell("complete", "both")
    story.begin("after")
    story.complete("after")
    paths = {"left": f"{left}late", "right": f"{right}soon", "here": f"{left}here"}
    output = {"token": "t"} | {n: receipt(RUN, p) for n, p in {**paths, "after": "after"}.items()}
    story.tell("complete", "last", 1, output=output)
    return story.end("succeed", "succeeded", output=output)


def approval() -> Evidence:
    """A step waits for an answer and gets one, then another one, which is refused."""
    story, path, yes = Story("approval"), "ask_ada", {"said": "yes"}
    mail = f"{path}[ask].mail"
    story.tell("enter", path, timeout=600)
    story.begin(mail, url="http://callbacks/1")
    story.complete(mail)
    until = story.now + 600_000
    story.tell("pause", path, until=until, signal=path)
    story.tell("wait", until=until)
    answered = story.now + 5
    story.tell("wake")
    story.tell("claim")
    story.tell("signal", name=path, number=1, data={"output": yes})
    story.tell("complete", path, output=yes)
    story.begin("after")
    story.complete("after")
    output = {"token": "t", "said": "yes"}
    story.tell("complete", "last", 1, output=output)
    evidence = story.end("succeed", "succeeded", output=output)
    change(evidence, signals={path: {"output": yes}})
    evidence.answers = [
        Answer(answered, RUN, mail, yes, 200),
        Answer(answered + 20, RUN, mail, {"said": "no"}, 409),
    ]
    return evidence


def hurry() -> Evidence:
    """A step waits for an answer that does not come in time."""
    story, path = Story("hurry"), "ask_bob"
    story.tell("enter", path, timeout=0.7)
    story.begin(f"{path}[ask].mail", url="http://callbacks/1")
    story.complete(f"{path}[ask].mail")
    until = story.now + 700
    story.tell("pause", path, until=until, signal=path)
    story.sleep(until)
    nothing = {"over": True}
    story.tell("signal", name=path, number=1, data=nothing)
    story.tell("catch", path, error={"type": "wait_timeout", "step": path})
    story.begin("after")
    story.complete("after")
    output = {"token": "t"}
    story.tell("complete", "last", 1, output=output)
    evidence = story.end("succeed", "succeeded", output=output)
    change(evidence, signals={path: nothing})
    evidence.answers = [Answer(story.now - 5, RUN, f"{path}[ask].mail", {"said": "yes"}, 409)]
    return evidence


def alarm() -> Evidence:
    """A step fails for good, and `on_failure` tells of it."""
    story = Story("alarm")
    story.begin("broken", status=500)
    error = {"type": "http_status", "step": "broken"}
    story.tell("catch", "on_failure", 1, error=error)
    for name in ("notify", "again"):
        story.begin(f"on_failure.{name}")
        story.complete(f"on_failure.{name}")
    return story.end("fail", "failed", error=error)


def sender() -> Evidence:
    """A run that starts another one, whose worker dies meanwhile, and waits for its end."""
    story = Story("sender")
    for number in (1, 2):
        story.tell("begin", "send", number, run=CHILD)
        if number == 1:
            story.die()
    story.tell("pause", "send", 2, until=None, signal=CHILD)
    brought = {"token": "t", "brought": receipt(CHILD, "bring")}
    child = _courier(story.now, brought)
    story.tell("wait", until=None)
    story.now = child.runs[CHILD].finished_at or 0
    story.tell("wake")
    story.tell("claim")
    sent = {"run_id": CHILD, "output": brought}
    story.tell("signal", name=CHILD, number=1, data={"output": sent})
    story.tell("complete", "send", output=sent)
    story.begin("after")
    story.complete("after")
    output = {**brought}
    story.tell("complete", "last", 1, output=output)
    evidence = story.end("succeed", "succeeded", output=output)
    change(evidence, signals={CHILD: {"output": sent}})
    evidence.runs |= {CHILD: replace(child.runs[CHILD], parent=RUN)}
    evidence.calls += child.calls
    return evidence


def _courier(at: int, output: dict[str, Any]) -> Evidence:
    story = Story("courier", CHILD)
    story.now = at
    story.begin("fetch")
    story.complete("fetch")
    over = story.now + 300
    story.tell("pause", "pause", 1, started_at=story.now, until=over, output={})
    story.sleep(over)
    story.tell("complete", "pause", output={})
    story.begin("bring")
    story.complete("bring")
    story.tell("complete", "last", 1, output=output)
    return story.end("succeed", "succeeded", output=output)


def change(evidence: Evidence, **fields: Any) -> None:
    """Say something else of the run."""
    evidence.runs[RUN] = replace(evidence.runs[RUN], **fields)


def edit(evidence: Evidence, change_events: Callable[[list[Event]], object]) -> None:
    """Change the run's events, and number them anew."""
    events = list(evidence.runs[RUN].events)
    change_events(events)
    change(evidence, events=tuple(replace(e, seq=n) for n, e in enumerate(events, 1)))


def place(evidence: Evidence, kind: str, path: str | None = None, number: int | None = None) -> int:
    """Where the last such event of the run is."""
    return max(
        at
        for at, e in enumerate(evidence.runs[RUN].events)
        if e.kind == kind and e.path == path and number in (None, e.attempt)
    )
