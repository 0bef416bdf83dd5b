"""Two models' answers to the same requests, held against each other: what an endpoint and its shadow have captured.

Sources: "Capture data from a real-time endpoint", "Shadow variants" (Amazon SageMaker Developer Guide).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from shared.answers import number_of, values_of
from shared.release_state import Comparison
from shared.s3 import S3Location, list_objects, read_lines

# So many tell enough, and fit into a function.
MOST_ANSWERS = 5000


class Answer(NamedTuple):
    """A captured answer; whoever asks can give a request a name of his own, `inference_id`."""

    event_id: str
    inference_id: str | None
    text: str


def captured(uri: str, endpoint: str, variant: str) -> Iterator[Answer]:
    """Yield the answers that a variant gave, as far as they are in S3."""
    folder = S3Location.parse(f"{uri}{endpoint}/{variant}/")
    for entry in list_objects(folder):
        for line in read_lines(S3Location(folder.bucket, entry["Key"])):
            if line.strip():
                yield _answer(json.loads(line))


def compare(production: Iterable[Answer], candidate: Iterable[Answer], maximum_difference: float) -> Comparison:
    """Compare the answers to requests that both have answered.

    The difference of two numbers is relative to the larger one: 0 when they are the same, at most 2. That of two texts
    is 0 or 1, and so is that of answers of different lengths. An answer differs as much as its values do on average.

    Examples
    --------
    >>> one, other = Answer("e", None, "100"), Answer("e", None, "80")
    >>> compare([one], [other], 0.1).mean_difference
    0.2
    """
    by_event: dict[str, Answer] = {}
    by_inference: dict[str, Answer] = {}
    for answer in candidate:
        by_event[answer.event_id] = answer
        if answer.inference_id:
            by_inference[answer.inference_id] = answer
        if len(by_event) == MOST_ANSWERS:
            break
    differences: list[float] = []
    no_numbers = 0
    for answer in production:
        same = by_event.pop(answer.event_id, None) or by_inference.get(answer.inference_id or "")
        if same is None:
            continue
        by_inference.pop(same.inference_id or "", None)
        before, after = list(values_of(answer.text)), list(values_of(same.text))
        no_numbers += any(_is_no_number(*pair) for pair in zip(before, after, strict=False))
        differences.append(_difference(before, after))
    count = len(differences)
    return Comparison(
        answers=count,
        mean_difference=round(math.fsum(differences) / count, 6) if count else None,
        largest_difference=round(max(differences), 6) if count else None,
        share_beyond=round(sum(each > maximum_difference for each in differences) / count, 6) if count else None,
        no_numbers=no_numbers,
    )


def _answer(record: dict[str, Any]) -> Answer:
    metadata, output = record["eventMetadata"], record["captureData"]["endpointOutput"]
    text = output["data"]
    if output.get("encoding") == "BASE64":
        text = base64.b64decode(text).decode("utf-8", errors="replace")
    return Answer(metadata["eventId"], metadata.get("inferenceId"), text)


def _difference(before: list[Any], after: list[Any]) -> float:
    if len(before) != len(after):
        return 1.0
    return math.fsum(_apart(*pair) for pair in zip(before, after, strict=True)) / max(len(before), 1)


def _apart(before: Any, after: Any) -> float:
    if before == after:
        return 0.0
    one, other = number_of(before), number_of(after)
    if one is None or other is None or not (math.isfinite(one) and math.isfinite(other)):
        return 1.0
    # Halved, so that no sum of theirs is infinite.
    largest = max(abs(one), abs(other))
    return abs(one / 2 - other / 2) / (largest / 2) if largest / 2 else 0.0


def _is_no_number(before: Any, after: Any) -> bool:
    was, number = number_of(before), number_of(after)
    return was is not None and math.isfinite(was) and (number is None or not math.isfinite(number))
