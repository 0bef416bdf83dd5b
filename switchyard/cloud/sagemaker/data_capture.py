"""Data capture: what an endpoint is asked and answers, written to S3 a little later.

Sources: DataCaptureConfig, CaptureContentTypeHeader, DataCaptureConfigSummary (Amazon SageMaker API Reference);
"Capture data from a real-time endpoint" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import base64
import datetime
import json
import logging
import random
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from switchyard.cloud.identity import Identity
from switchyard.cloud.later import Later
from switchyard.cloud.sagemaker.s3 import TransferError, join_uri, put_object
from switchyard.cloud.sagemaker.store import now

LOG = logging.getLogger(__name__)
# On AWS a file comes within a couple of minutes.
DELIVERY_SECONDS = 60.0
LEAST_DELIVERY_SECONDS, MOST_DELIVERY_SECONDS = 0.2, 10.0
# Capturing stops rather than get in the way of answering.
MOST_WAITING_BYTES = 64 * 1024 * 1024


class Event(NamedTuple):
    """One request that is captured.

    Parameters
    ----------
    attributes : str or None
        The request's custom attributes.
    """

    id: str
    inference_id: str | None
    attributes: str | None
    time: datetime.datetime


class _Record(NamedTuple):
    variant: str
    event: Event
    asked: bytes
    asked_type: str
    answered: bytes
    answered_type: str


class DataCapture:
    """Captures what the variants of one endpoint configuration are asked and answer.

    Parameters
    ----------
    config : dict
        The DataCaptureConfig.
    role_arn : str
        In whose name S3 is written.
    time_scale : float
        Seconds here for one second of the time until a file comes.
    note : callable
        Takes a line for the endpoint's log when nothing can be written.
    """

    def __init__(
        self,
        identity: Identity,
        endpoint: str,
        config: dict[str, Any],
        *,
        role_arn: str,
        time_scale: float,
        note: Callable[[str], None],
    ) -> None:
        self._identity = identity
        self._endpoint = endpoint
        self._config = config
        self._role_arn = role_arn
        self._note = note
        self._is_on = config.get("EnableCapture", True)
        self._chance = config["InitialSamplingPercentage"] / 100
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        self._captures_input = bool(modes & {"Input", "InputAndOutput"})
        self._captures_output = bool(modes & {"Output", "InputAndOutput"})
        headers = config.get("CaptureContentTypeHeader") or {}
        self._encodings = {
            content_type.lower(): encoding
            for encoding, name in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes"))
            for content_type in headers.get(name) or []
        }
        self._delay = min(max(DELIVERY_SECONDS * time_scale, LEAST_DELIVERY_SECONDS), MOST_DELIVERY_SECONDS)
        self._later = Later(f"data capture {endpoint}", 1)
        self._lock = threading.Lock()
        self._waiting: deque[_Record] = deque()
        self._size = 0
        self._has_failed = False

    def sample(self, inference_id: str | None, attributes: str | None) -> Event | None:
        """Decide whether a request is captured, by the sampling percentage; return what is known of it if so."""
        if not self._is_on or random.random() >= self._chance:  # noqa: S311
            return None
        return Event(str(uuid.uuid4()), inference_id, attributes, now())

    def take(self, variant: str, event: Event, asked: tuple[bytes, str], answered: tuple[bytes, str]) -> None:
        """Keep a request and its answer, each with its content type, to be written later."""
        size = len(asked[0]) + len(answered[0])
        with self._lock:
            if self._size + size > MOST_WAITING_BYTES:
                return
            self._waiting.append(_Record(variant, event, *asked, *answered))
            self._size += size
            is_first = len(self._waiting) == 1
        if is_first:
            self._later.submit(self._write, self._delay)

    def close(self) -> None:
        """Write what waits, and nothing after that."""
        self._later.close()
        self._write()

    def describe(self) -> dict[str, Any]:
        """Return the DataCaptureConfigSummary."""
        return {
            "EnableCapture": self._is_on,
            "CaptureStatus": "Started" if self._is_on else "Stopped",
            "CurrentSamplingPercentage": self._config["InitialSamplingPercentage"],
            "DestinationS3Uri": self._config["DestinationS3Uri"],
            "KmsKeyId": self._config.get("KmsKeyId", ""),
        }

    def _write(self) -> None:
        """Write what waits: a file for each variant and hour."""
        with self._lock:
            waiting, self._waiting, self._size = self._waiting, deque(), 0
        files: dict[tuple[str, str], list[_Record]] = defaultdict(list)
        for record in waiting:
            files[record.variant, record.event.time.strftime("%Y/%m/%d/%H")].append(record)
        for (variant, hour), records in files.items():
            first = records[0].event.time
            name = f"{first:%M-%S}-{first.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            uri = join_uri(self._config["DestinationS3Uri"], self._endpoint, variant, hour, name)
            body = "".join(json.dumps(self._line(record)) + "\n" for record in records).encode()
            try:
                client = self._identity.client("s3", self._role_arn)
                put_object(client, uri, body, "application/jsonlines", self._config.get("KmsKeyId"))
            except (ClientError, TransferError) as error:
                LOG.warning("%s: what was captured is lost: %s", self._endpoint, error)
                if not self._has_failed:
                    self._has_failed = True
                    self._note(f"[local cloud] Data capture: what was captured is lost: {error}")

    def _line(self, record: _Record) -> dict[str, Any]:
        captured = {}
        if self._captures_input:
            captured["endpointInput"] = self._side("INPUT", record.asked, record.asked_type)
        if self._captures_output:
            captured["endpointOutput"] = self._side("OUTPUT", record.answered, record.answered_type)
        event = record.event
        metadata: dict[str, Any] = {"eventId": event.id}
        if event.inference_id:
            metadata["inferenceId"] = event.inference_id
        if event.attributes:
            metadata["customAttributes"] = [event.attributes]
        metadata["inferenceTime"] = event.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"captureData": captured, "eventMetadata": metadata, "eventVersion": "0"}

    def _side(self, mode: str, body: bytes, content_type: str) -> dict[str, str]:
        encoding = self._encodings.get(content_type.partition(";")[0].strip().lower(), "BASE64")
        try:
            data = body.decode() if encoding != "BASE64" else ""
        except UnicodeDecodeError:
            encoding = "BASE64"
        if encoding == "BASE64":
            data = base64.b64encode(body).decode()
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}
