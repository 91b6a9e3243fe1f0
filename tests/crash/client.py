"""The client: asks for runs and cancellations, and notes what it was told."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from minizaps.errors import MinizapsError
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database

from .evidence import Cancel, Post, Replay
from .workflows import SPECS

ANSWERS_WITHIN = 10.0
AGAIN_AFTER = 0.1
REPLAY_SHARE = 0.1


class Client:
    """Sends requests to servers that come and go, to any of them.

    Attributes:
        posts, cancels, replays: what it asked for, with the answers.
    """

    def __init__(self, urls: Sequence[str], key: str, database: str, rng: random.Random) -> None:
        self.posts: list[Post] = []
        self.cancels: list[Cancel] = []
        self.replays: list[Replay] = []
        self._urls = urls
        self._database = database
        self._rng = rng
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._hooks: dict[str, str] = {}
        self._api = {"Authorization": f"Bearer {key}"}
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def close(self) -> None:
        """Close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def create_workflows(self, sink: str) -> None:
        """Save the workflows, and learn the URLs of their hooks."""
        for spec in SPECS.values():
            url = f"{self._url()}/api/v1/workflows"
            body = spec.definition(sink)
            async with self._session.post(url, json=body, headers=self._api) as response:
                answer = await response.json()
                assert response.status == 201, answer
                self._hooks[spec.name] = urlsplit(answer["triggers"][0]["url"]).path

    def start(self, posters: int, mix: Sequence[str], cancel_share: float) -> None:
        """Begin to ask for runs, and to cancel a share of them."""
        for _ in range(posters):
            self._spawn(self._ask(mix, cancel_share))

    async def finish(self, seconds: float) -> None:
        """Ask for nothing new; wait for the answers that are still to come.

        Raises:
            TimeoutError: not all came.
        """
        self._stopped = True
        async with asyncio.timeout(seconds):
            for spec in SPECS.values():
                while spec.schedule and not await self._stop(spec.name):
                    await asyncio.sleep(AGAIN_AFTER)
            while self._tasks:
                await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, mix: Sequence[str], cancel_share: float) -> None:
        while not self._stopped:
            post = self._new_post(self._rng.choice(mix))
            self.posts.append(post)
            while not await self._send(post) and not self._stopped:
                await asyncio.sleep(AGAIN_AFTER)
            if post.run_ids and self._rng.random() < cancel_share:
                self._spawn(self._cancel(post.run_ids[0]))
            elif post.run_ids and self._rng.random() < REPLAY_SHARE:
                self._spawn(self._replay(post.run_ids[0]))
            # The sender of an unanswered request sends it again; so do some who had an answer.
            if post.key is not None and self._rng.random() < (0.1 if post.run_ids else 0.8):
                self._spawn(self._send_again(post))
            await asyncio.sleep(self._rng.uniform(0.01, 0.1))

    def _new_post(self, workflow: str) -> Post:
        token = f"{len(self.posts)}-{self._rng.getrandbits(32):08x}"
        door = self._rng.choice(("hook", "api"))
        key = f"key-{token}" if door == "hook" or self._rng.random() < 0.5 else None
        return Post(token, workflow, door, key, round(self._rng.uniform(0.2, 1.0), 3))

    async def _send_again(self, post: Post) -> None:
        answers = len(post.run_ids)
        while len(post.run_ids) == answers and not post.refusals:
            await asyncio.sleep(AGAIN_AFTER)
            await self._send(post)

    async def _send(self, post: Post) -> bool:
        """Send a request; False if nobody took it."""
        body: dict[str, Any] = {"token": post.token, "delay": post.delay}
        if post.door == "hook":
            url = self._url() + self._hooks[post.workflow]
            headers = {"webhook-id": post.key or ""}
        else:
            url = f"{self._url()}/api/v1/workflows/{post.workflow}/runs"
            headers = self._api | ({"Idempotency-Key": post.key} if post.key else {})
            body = {"input": body}
        post.sent += 1
        try:
            async with self._session.post(url, json=body, headers=headers) as response:
                text = await response.text()
                if response.status == 503:
                    # It may have been written all the same: only who has a key may send it again.
                    return post.key is None
                if response.status != 202:
                    post.refusals.append(f"{response.status} {text[:200]}")
                else:
                    answer = json.loads(text)
                    post.run_ids.append(answer["run_id" if post.door == "hook" else "id"])
        except aiohttp.ClientConnectorError:
            post.sent -= 1
            return False
        except (aiohttp.ClientError, TimeoutError, OSError):
            pass
        return True

    async def _cancel(self, run_id: str) -> None:
        door = self._rng.choice(("api", "journal"))
        await asyncio.sleep(self._rng.uniform(0, 0.5))
        if await (self._cancel_by_api(run_id) if door == "api" else self._cancel_beside(run_id)):
            self.cancels.append(Cancel(run_id, door))

    async def _cancel_by_api(self, run_id: str) -> bool:
        url = f"{self._url()}/api/v1/runs/{run_id}/cancel"
        try:
            async with self._session.post(url, headers=self._api) as response:
                await response.read()
                return response.status == 202
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _stop(self, workflow: str) -> bool:
        """Let a workflow's schedule fire no more."""
        url = f"{self._url()}/api/v1/workflows/{workflow}/deactivate"
        try:
            async with self._session.post(url, headers=self._api) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _replay(self, run_id: str) -> None:
        """Replay a run once it has ended, with one key however often it is asked."""
        replay = Replay(run_id)
        self.replays.append(replay)
        headers = {**self._api, "Idempotency-Key": f"replay-{run_id}"}
        while not replay.run_ids and not self._stopped:
            await asyncio.sleep(self._rng.uniform(0.5, 1.5))
            url = f"{self._url()}/api/v1/runs/{run_id}/replay"
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self._session.post(
                    url, json={"from": "start"}, headers=headers
                ) as response:
                    answer = await response.json()
                    if response.status == 202:
                        replay.run_ids.append(answer["id"])

    async def _cancel_beside(self, run_id: str) -> bool:
        """Cancel from another process, as the command line does without a server's address."""
        try:
            database = await open_database(self._database, connections=2)
        except MinizapsError:
            return False
        try:
            await Journal(database, database.clock).cancel(run_id, "default", "the crash test")
            return True
        except MinizapsError:
            return False
        finally:
            await database.close()

    def _url(self) -> str:
        return self._rng.choice(self._urls)
