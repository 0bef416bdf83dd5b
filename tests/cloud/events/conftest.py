from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.local_cloud import LocalCloud, wait_until

HERE = Path(__file__).parent


class EventCloud(LocalCloud):
    """A local cloud with this folder's template, and its queues read by their logical ids."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, HERE / "template.yaml", "--stack", "trial", "--time-scale", "0.001")
        self._lock = threading.Lock()
        self._received: dict[str, list[dict[str, Any]]] = {}

    def put(self, source: str, detail: dict[str, Any], **more: Any) -> str:
        """Put one event on the default bus and return its id."""
        entry = {"Source": source, "DetailType": "Trial", "Detail": json.dumps(detail), **more}
        (answer,) = self.client("events").put_events(Entries=[entry])["Entries"]
        assert "EventId" in answer, answer
        return answer["EventId"]

    def received(self, queue: str) -> list[dict[str, Any]]:
        """Return every message that a queue has had so far, its body parsed, its attributes as text."""
        sqs, url = self.client("sqs"), self.resource(queue)
        with self._lock:
            known = self._received.setdefault(queue, [])
            while messages := sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages"):
                for message in messages:
                    attributes = message.get("MessageAttributes", {})
                    texts = {name: value["StringValue"] for name, value in attributes.items()}
                    known.append({"body": json.loads(message["Body"]), **texts})
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return list(known)

    def message(self, queue: str, wanted: Callable[[Any], bool]) -> dict[str, Any]:
        """Wait for the one message in a queue whose body is wanted."""

        def look() -> list[dict[str, Any]]:
            return [message for message in self.received(queue) if wanted(message["body"])]

        (found,) = wait_until(look)
        return found

    def told(self) -> list[Any]:
        """Return the events that the function `tell` has printed."""
        lines = [line for line in self.log("/aws/lambda/tell") if line.startswith("told ")]
        return [json.loads(line.removeprefix("told ")) for line in lines]


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventCloud]:
    cloud = EventCloud(tmp_path_factory.mktemp("home"))
    assert cloud.state.get("unsupported") == [], cloud.state
    yield cloud
    assert cloud.close() == 0
