"""Functions invoked asynchronously: taken at once, tried three times, recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cloud.events.conftest import EventCloud
from tests.cloud.local_cloud import wait_until


def invoke(events: EventCloud, event: dict[str, Any]) -> str:
    answer = events.client("lambda").invoke(
        FunctionName="tell", InvocationType="Event", Payload=json.dumps(event).encode()
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    return answer["ResponseMetadata"]["RequestId"]


def test_a_success_is_recorded(events: EventCloud) -> None:
    request = invoke(events, {"hello": "success"})
    record = events.message("Records", lambda body: body["requestPayload"] == {"hello": "success"})["body"]
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": request,
        "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:tell:$LATEST",
        "condition": "Success",
        "approximateInvokeCount": 1,
    }
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"request_id": request}


def test_a_failure_is_tried_three_times_with_one_request_s_id_and_then_kept(events: EventCloud) -> None:
    event = {"fail": True, "number": 1}
    request = invoke(events, event)
    record = events.message("Records", lambda body: body["requestPayload"] == event)["body"]
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ToldToFailError"
    assert record["responsePayload"]["errorMessage"] == request
    wait_until(lambda: events.told().count(event) >= 3)
    assert events.told().count(event) == 3
    letter = events.message("DeadLetters", lambda body: body == event)
    assert letter["RequestID"] == request
    assert letter["ErrorCode"] == "200"
    assert letter["ErrorMessage"] == request


def test_what_is_done_with_failures_can_be_set_through_the_api(events: EventCloud) -> None:
    client = events.client("lambda")
    destination = {
        "OnFailure": {
            "Destination": events.client("sqs").get_queue_attributes(
                QueueUrl=events.resource("Records"), AttributeNames=["QueueArn"]
            )["Attributes"]["QueueArn"]
        }
    }
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_event_invoke_config(FunctionName="quiet")
    client.put_function_event_invoke_config(FunctionName="quiet", MaximumRetryAttempts=0, DestinationConfig=destination)
    client.update_function_event_invoke_config(FunctionName="quiet", MaximumEventAgeInSeconds=60)
    config = client.get_function_event_invoke_config(FunctionName="quiet")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)
    assert config["DestinationConfig"]["OnFailure"] == destination["OnFailure"]
    client.invoke(FunctionName="quiet", InvocationType="Event", Payload=b'{"fail": "once"}')
    record = events.message("Records", lambda body: body["requestPayload"] == {"fail": "once"})["body"]
    assert record["requestContext"]["approximateInvokeCount"] == 1
    client.delete_function_event_invoke_config(FunctionName="quiet")
    assert client.list_function_event_invoke_configs(FunctionName="quiet")["FunctionEventInvokeConfigs"] == []


def test_permissions_are_added_listed_and_removed(events: EventCloud) -> None:
    client = events.client("lambda")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName="quiet")
    permission = {
        "FunctionName": "quiet",
        "StatementId": "rule",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": "arn:aws:events:us-east-1:123456789012:rule/*",
    }
    added = json.loads(client.add_permission(**permission)["Statement"])
    with pytest.raises(client.exceptions.ResourceConflictException):
        client.add_permission(**permission)
    policy = json.loads(client.get_policy(FunctionName="quiet")["Policy"])
    assert policy["Statement"] == [added]
    assert added["Condition"] == {"ArnLike": {"AWS:SourceArn": permission["SourceArn"]}}
    assert added["Principal"] == {"Service": "events.amazonaws.com"}
    client.remove_permission(FunctionName="quiet", StatementId="rule")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_policy(FunctionName="quiet")


def test_an_event_that_is_too_large_is_refused(events: EventCloud) -> None:
    client = events.client("lambda")
    with pytest.raises(client.exceptions.RequestTooLargeException):
        client.invoke(FunctionName="tell", InvocationType="Event", Payload=json.dumps("x" * 1_100_000).encode())
