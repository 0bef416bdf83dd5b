"""What counts as a function's time, and what is in its log when it answers."""

from __future__ import annotations

import base64
import re
import threading
from typing import Any

from tests.cloud.local_cloud import LocalCloud
from tests.cloud.test_lambda_api import create, packed

SLOW_TO_START = """
    import threading
    threading.Event().wait(1.5)

    def handler(event, context):
        return context.get_remaining_time_in_millis()
"""
TALKATIVE = """
    def handler(event, context):
        for number in range(500):
            print(f"line {number} of {event}")
        return "done"
"""


def function(cloud: LocalCloud, name: str, code: str, **changes: Any) -> None:
    create(cloud, name, Code={"ZipFile": packed({"app.py": code})}, **changes)


def tail(answer: dict[str, Any]) -> list[str]:
    return base64.b64decode(answer["LogResult"]).decode().splitlines()


def test_the_time_out_begins_when_the_function_has_been_started(cloud: LocalCloud, name: str) -> None:
    function(cloud, name, SLOW_TO_START, Timeout=1)
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=b"1", LogType="Tail")
    left = int(answer["Payload"].read())
    assert "FunctionError" not in answer
    assert 0 < left <= 1000
    report = re.fullmatch(r"REPORT RequestId: \S+\tDuration: ([\d.]+) ms\t.*", tail(answer)[-1])
    assert report is not None
    assert float(report[1]) < 1000


def test_all_that_was_printed_is_in_the_log_when_the_answer_comes(cloud: LocalCloud, name: str) -> None:
    function(cloud, name, TALKATIVE)
    client = cloud.client("lambda")
    # Others keep the cloud busy meanwhile.
    others = [threading.Thread(target=client.list_functions) for _ in range(8)]
    for each in others:
        each.start()
    answer = client.invoke(FunctionName=name, Payload=b'"a test"', LogType="Tail")
    assert tail(answer)[-2] == "line 499 of a test"
    assert cloud.log(f"/aws/lambda/{name}")[-2] == "line 499 of a test"
    for each in others:
        each.join()
