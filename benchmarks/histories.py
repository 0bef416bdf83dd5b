"""Histories of executions as long as AWS lets them be, for what must stay quick with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# GetExecutionHistory: "the maximum number of events" of a Standard workflow's execution.
AWS_MOST_EVENTS = 25_000
STARTED_AT = 1_795_237_195.0

_FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:switchyard-score-store"
_INVOKE = {"resourceType": "lambda", "resource": "invoke"}

DEFINITION: dict[str, Any] = {
    "Comment": "Scores every store, some at a time.",
    "StartAt": "List stores",
    "States": {
        "List stores": {"Type": "Pass", "Next": "Score each store"},
        "Score each store": {
            "Type": "Map",
            "ItemsPath": "$.stores",
            "MaxConcurrency": 40,
            "ItemProcessor": {
                "StartAt": "Score store",
                "States": {
                    "Score store": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 3}],
                        "Next": "Is it good?",
                    },
                    "Is it good?": {
                        "Type": "Choice",
                        "Choices": [{"Variable": "$.score", "NumericGreaterThan": 0.5, "Next": "Note score"}],
                        "Default": "Note score",
                    },
                    "Note score": {"Type": "Pass", "End": True},
                },
            },
            "Next": "Done",
        },
        "Done": {"Type": "Succeed"},
    },
}


class _History:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, previous: int, **details: Any) -> int:
        number = len(self.events) + 1
        event = {
            "timestamp": STARTED_AT + number / 100,
            "type": kind,
            "id": number,
            "previousEventId": previous,
        }
        if details:
            key = "stateEntered" if kind.endswith("Entered") else "stateExited" if kind.endswith("Exited") else kind
            event[f"{key[0].lower()}{key[1:]}EventDetails"] = details
        self.events.append(event)
        return number


def long_history(items: int = 2000, events: int = AWS_MOST_EVENTS, *, at_once: int = 40) -> list[dict[str, Any]]:
    """Write the history of a Map whose items run some at a time, as GetExecutionHistory gives it.

    Parameters
    ----------
    items
        How many items the Map has; each takes 11 events.
    events
        How many events it has at most, when the items take fewer: what is missing is attempts that were throttled
        and retried, three events each.
    at_once
        How many items run at the same time.

    Examples
    --------
    >>> [event["type"] for event in long_history(1, 0)][:4]
    ['ExecutionStarted', 'PassStateEntered', 'PassStateExited', 'MapStateEntered']
    """
    history = _History()
    stores = json.dumps({"stores": [_store(number) for number in range(items)]})
    last = history.add("ExecutionStarted", 0, input=stores, inputDetails={"truncated": False})
    last = history.add("PassStateEntered", 0, name="List stores", input=stores)
    last = history.add("PassStateExited", last, name="List stores", output=stores)
    last = history.add("MapStateEntered", last, name="Score each store", input=stores)
    started = history.add("MapStateStarted", last, length=items)
    retries = max(0, (events - 10 - 11 * items) // 3)
    waiting = [_item(history, started, number, _share(retries, items, number)) for number in range(items)]
    running = waiting[:at_once]
    waiting = waiting[at_once:]
    while running:
        for item in list(running):
            written = next(item, None)
            if written is not None:
                last = written
                continue
            running.remove(item)
            running += waiting[:1]
            del waiting[:1]
    history.add("MapStateSucceeded", last)
    output = json.dumps([{"store": number, "score": 0.75} for number in range(items)])
    last = history.add("MapStateExited", last, name="Score each store", output=output)
    last = history.add("SucceedStateEntered", last, name="Done", input=output)
    last = history.add("SucceedStateExited", last, name="Done", output=output)
    history.add("ExecutionSucceeded", last, output=output)
    return history.events


def _share(total: int, parts: int, number: int) -> int:
    return total // parts + (number < total % parts)


def _store(number: int) -> dict[str, Any]:
    return {"store": number, "city": f"City {number % 97}"}


def _item(history: _History, started: int, number: int, retries: int) -> Iterator[int]:
    """Write an item's events, one each time that it is asked."""
    document = {
        **_store(number),
        "model": "s3://switchyard-artifacts/models/stores/model.tar.gz",
        "run": "stores-42",
        "sales": [{"day": day, "sold": number % 89 + day, "price": 4.25} for day in range(28)],
    }
    text = json.dumps(document)
    yield (last := history.add("MapIterationStarted", started, name="Score each store", index=number))
    yield (last := history.add("TaskStateEntered", last, name="Score store", input=text))
    parameters = json.dumps({"FunctionName": _FUNCTION, "Payload": document})
    for _ in range(retries):
        yield (last := history.add("TaskScheduled", last, **_INVOKE, region="us-east-1", parameters=parameters))
        yield (last := history.add("TaskStarted", last, **_INVOKE))
        cause = "Rate Exceeded. (Service: Lambda, Status Code: 429)"
        error = "Lambda.TooManyRequestsException"
        yield (last := history.add("TaskFailed", last, **_INVOKE, error=error, cause=cause))
    yield (last := history.add("TaskScheduled", last, **_INVOKE, region="us-east-1", parameters=parameters))
    yield (last := history.add("TaskStarted", last, **_INVOKE))
    result = json.dumps({"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": {**document, "score": 0.75}})
    yield (last := history.add("TaskSucceeded", last, **_INVOKE, output=result))
    scored = json.dumps({**document, "score": 0.75})
    yield (last := history.add("TaskStateExited", last, name="Score store", output=scored))
    yield (last := history.add("ChoiceStateEntered", last, name="Is it good?", input=scored))
    yield (last := history.add("ChoiceStateExited", last, name="Is it good?", output=scored))
    yield (last := history.add("PassStateEntered", last, name="Note score", input=scored))
    yield (last := history.add("PassStateExited", last, name="Note score", output=scored))
    yield history.add("MapIterationSucceeded", last, name="Score each store", index=number)
