"""What the server tells its pages by itself: one look at the cloud for all pages that watch the same thing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sse_starlette import EventSourceResponse
from starlette.routing import Route

from switchyard.console.problems import RequestError, problem_of
from switchyard.console.schema import Live, Problem

if TYPE_CHECKING:
    from starlette.requests import Request

_HEARTBEAT_SECONDS = 10
# How long, in milliseconds, a browser waits before it comes back when the connection breaks.
_COME_BACK = b"retry: 1000\n\n"
# After a failure it is not asked more often than this.
_TRY_AGAIN_SECONDS = 1.0
_MAX_TOPICS, _MAX_TOPIC_CHARACTERS = 50, 2048
# What may wait for a page that reads slowly; beyond it, the page gets everything anew when it has caught up.
_MAX_WAITING, _MAX_WAITING_BYTES = 200, 8 * 1024 * 1024


class Feed(Protocol):
    """What a topic is about. It is called in one thread, by one caller at a time.

    Parameters
    ----------
    interval
        Seconds between two looks; read again after each, so that it may change.
    """

    interval: float

    def snapshot(self) -> Live:
        """Give everything, as the last `look` has seen it; look first when there was none."""

    def look(self) -> Live | None:
        """Read the cloud and give what has changed since the last look or the first snapshot; else None."""


# Makes the feed of a topic, when the first page watches it; called with the whole topic.
FeedMaker = Callable[[str], Feed]


def split_topic(topic: str) -> tuple[str, str]:
    """Give a topic's kind, and what it is about.

    Examples
    --------
    >>> split_topic("endpoint:switchyard-diabetes")
    ('endpoint', 'switchyard-diabetes')
    >>> split_topic("executions")
    ('executions', '')
    """
    kind, _, subject = topic.partition(":")
    return kind, subject


@dataclass(frozen=True)
class _Message:
    topic: str
    content: bytes
    # Whether the page needs none of what came before it.
    is_whole: bool


def _message(live: Live) -> _Message:
    is_whole = live.kind != "change" or split_topic(live.topic)[0] != "execution"
    return _Message(live.topic, f"data: {live.model_dump_json()}\n\n".encode(), is_whole)


class Mailbox:
    """What waits to be sent to one page. Filled by pollers' threads, emptied by the page's connection."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: deque[_Message] = deque()
        self._bytes = 0
        self._lost: set[str] = set()
        self._is_closed = False

    def put(self, message: _Message) -> None:
        """Add a message; one too many makes its topic lost: it waits for a snapshot then."""
        with self._lock:
            if message.is_whole:
                self._forget(message.topic)
                self._lost.discard(message.topic)
            elif message.topic in self._lost:
                return
            elif len(self._waiting) >= _MAX_WAITING or self._bytes + len(message.content) > _MAX_WAITING_BYTES:
                self._forget(message.topic)
                self._lost.add(message.topic)
                return
            self._waiting.append(message)
            self._bytes += len(message.content)
        self._wake()

    def close(self) -> None:
        """Let the page's connection end."""
        with self._lock:
            self._is_closed = True
        self._wake()

    async def take(self, ask_again: Callable[[str], None]) -> bytes | None:
        """Wait for the next message; None at the end.

        Parameters
        ----------
        ask_again
            Called with each topic whose messages were too many, when the page has caught up.
        """
        while True:
            self._filled.clear()
            with self._lock:
                if self._is_closed:
                    return None
                if self._waiting:
                    message = self._waiting.popleft()
                    self._bytes -= len(message.content)
                    return message.content
                lost, self._lost = self._lost, set()
            for topic in lost:
                ask_again(topic)
            await self._filled.wait()

    def _forget(self, topic: str) -> None:
        if any(message.topic == topic for message in self._waiting):
            self._waiting = deque(message for message in self._waiting if message.topic != topic)
            self._bytes = sum(len(message.content) for message in self._waiting)

    def _wake(self) -> None:
        # The loop is closed when the server has stopped meanwhile.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._filled.set)


class _Poller:
    """Looks at one topic, in a thread of its own, for as long as somebody watches."""

    def __init__(self, topic: str, make: FeedMaker) -> None:
        self._topic = topic
        self._make = make
        self._feed: Feed | None = None
        self._has_given = False
        self._problem: Problem | None = None
        self._change = threading.Condition()
        self._watchers: set[Mailbox] = set()
        self._new: set[Mailbox] = set()
        self._must_look = False
        self._is_stopped = False
        threading.Thread(target=self._run, name=f"console {topic}"[:60], daemon=True).start()

    def add(self, page: Mailbox) -> None:
        """Give a page a snapshot, and then every change."""
        with self._change:
            self._watchers.add(page)
            self._new.add(page)
            self._change.notify()

    def remove(self, page: Mailbox) -> bool:
        """Give a page nothing any more; say whether nobody is left."""
        with self._change:
            self._watchers.discard(page)
            self._new.discard(page)
            return not self._watchers

    def wake(self) -> None:
        """Look at once."""
        with self._change:
            self._must_look = True
            self._change.notify()

    def stop(self) -> None:
        """Look no more."""
        with self._change:
            self._is_stopped = True
            self._change.notify()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(
                    lambda: self._is_stopped or self._new or self._must_look, timeout=self._seconds_to_wait()
                )
                if self._is_stopped:
                    return
                new, self._new, self._must_look = self._new, set(), False
                watchers = set(self._watchers)
            self._step(watchers, new)

    def _seconds_to_wait(self) -> float | None:
        interval = self._feed.interval if self._feed is not None else _TRY_AGAIN_SECONDS
        if self._problem is not None:
            interval = max(interval, _TRY_AGAIN_SECONDS)
        return interval if interval < threading.TIMEOUT_MAX else None

    def _step(self, watchers: set[Mailbox], new: set[Mailbox]) -> None:
        try:
            if self._feed is None:
                self._feed = self._make(self._topic)
            change = self._feed.look() if self._has_given else None
            # Whoever has seen a problem may have missed something.
            needing = watchers if self._problem is not None else new
            snapshot = self._feed.snapshot() if needing else None
        except Exception as error:
            # Also a bug: the page says so, and everything else goes on.
            found = problem_of(error) if self._problem is None or self._problem.status != 500 else self._problem
            self._post(watchers if found != self._problem else new, Live(topic=self._topic, kind="problem", data=found))
            self._problem = found
            return
        self._problem = None
        if change is not None:
            self._post(watchers - needing, change)
        if snapshot is not None:
            self._has_given = True
            self._post(needing, snapshot)

    @staticmethod
    def _post(pages: Iterable[Mailbox], live: Live) -> None:
        if not pages:
            return
        message = _message(live)
        for page in pages:
            page.put(message)


class Hub:
    """Every topic that some page watches now."""

    def __init__(self) -> None:
        self._makers: dict[str, FeedMaker] = {}
        self._pollers: dict[str, _Poller] = {}
        self._pages: set[Mailbox] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def add_feeds(self, makers: Mapping[str, FeedMaker]) -> None:
        """Say who makes the feeds of which kinds of topic."""
        self._makers.update(makers)

    def check(self, topics: list[str]) -> None:
        """Refuse topics that nobody has anything to say about.

        Raises
        ------
        RequestError
            When there are none, too many, or one that is not known.
        """
        if not topics or len(topics) > _MAX_TOPICS:
            raise RequestError(400, f"the query needs 1 to {_MAX_TOPICS} topics; this one has {len(topics)}")
        for topic in topics:
            if split_topic(topic)[0] not in self._makers or len(topic) > _MAX_TOPIC_CHARACTERS:
                raise RequestError(400, f"there is no topic {topic[:200]!r}; there are {', '.join(self._makers)}")

    async def messages(self, topics: list[str]) -> AsyncIterator[bytes]:
        """Yield what there is to say about some topics, each as a server-sent event, until the page leaves."""
        page = Mailbox()
        try:
            yield _COME_BACK
            self._enter(page, topics)
            while (content := await page.take(lambda topic: self._enter(page, [topic]))) is not None:
                yield content
        finally:
            self._leave(page, topics)

    def wake(self, *kinds: str) -> None:
        """Have topics of some kinds looked at at once: something has been done."""
        with self._lock:
            pollers = [poller for topic, poller in self._pollers.items() if split_topic(topic)[0] in kinds]
        for poller in pollers:
            poller.wake()

    def watched(self) -> list[str]:
        """List the topics that are looked at now."""
        with self._lock:
            return sorted(self._pollers)

    def close(self) -> None:
        """End every page's connection, and take no new one."""
        with self._lock:
            self._is_closed = True
            pages = list(self._pages)
        for page in pages:
            page.close()

    def _enter(self, page: Mailbox, topics: Iterable[str]) -> None:
        with self._lock:
            self._pages.add(page)
            if self._is_closed:
                page.close()
                return
            for topic in topics:
                if topic not in self._pollers:
                    self._pollers[topic] = _Poller(topic, self._makers[split_topic(topic)[0]])
                self._pollers[topic].add(page)

    def _leave(self, page: Mailbox, topics: Iterable[str]) -> None:
        with self._lock:
            self._pages.discard(page)
            for topic in topics:
                poller = self._pollers.get(topic)
                if poller is not None and poller.remove(page):
                    poller.stop()
                    del self._pollers[topic]


def live_route(hub: Hub) -> Route:
    """Make the route of server-sent events: `/api/live?topic=...&topic=...`."""

    async def endpoint(request: Request) -> EventSourceResponse:
        topics = list(dict.fromkeys(request.query_params.getlist("topic")))
        hub.check(topics)
        return EventSourceResponse(hub.messages(topics), ping=_HEARTBEAT_SECONDS, sep="\n")

    return Route("/api/live", endpoint, methods=["GET"])
