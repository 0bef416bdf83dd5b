from __future__ import annotations

import base64
import json
import re
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SUM_ROWS, create_config, create_model, invoke, serve_config, settled_endpoint, variant
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.raw_requests import Asker

HEADERS = {"CsvContentTypes": ["text/csv", "application/x-csv"], "JsonContentTypes": ["application/json"]}
PLACE = re.compile(r"[^/]+/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")
ECHO = """
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept): return body, accept
"""


def capturing(cloud: LocalCloud, name: str, *modes: str, percentage: int = 100, **changes: Any) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": f"s3://{cloud.bucket}/{name}/captured",
        "CaptureOptions": [{"CaptureMode": mode} for mode in modes],
        "CaptureContentTypeHeader": HEADERS,
        **changes,
    }


def serve_captured(cloud: LocalCloud, name: str, script: str, config: dict[str, Any]) -> dict[str, Any]:
    create_model(cloud, name, script)
    return serve_config(cloud, name, variant(name), DataCaptureConfig=config)


def captured(cloud: LocalCloud, name: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many events, and return them; each file lies where it belongs."""

    def look() -> list[dict[str, Any]] | None:
        keys = cloud.keys(f"{name}/captured/{name}/")
        assert all(PLACE.fullmatch(key) for key in keys)
        bodies = [cloud.get(f"s3://{cloud.bucket}/{name}/captured/{name}/{key}") for key in keys]
        events = [json.loads(line) for body in bodies for line in body.decode().splitlines()]
        return events if len(events) >= count else None

    found = wait_until(look)
    assert found is not None
    return found


def test_what_is_asked_and_answered_comes_into_files_by_variant_and_hour(cloud: LocalCloud, name: str) -> None:
    config = capturing(cloud, name, "Input", "Output")
    endpoint = serve_captured(cloud, name, SUM_ROWS, config)
    assert endpoint["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": "",
    }
    invoke(cloud, name, "1,2\n3,4\n", InferenceId="request-1", CustomAttributes="trace-7")
    with pytest.raises(ClientError, match="could not convert"):
        invoke(cloud, name, "one\n")  # what the model refuses is not captured
    (event,) = captured(cloud, name, 1)
    assert event["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": "1,2\n3,4\n",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": "3.0\n7.0\n",
            "encoding": "CSV",
        },
    }
    assert event["eventVersion"] == "0"
    metadata = event["eventMetadata"]
    assert (metadata["inferenceId"], metadata["customAttributes"]) == ("request-1", ["trace-7"])
    assert re.fullmatch(r"[0-9a-f-]{36}", metadata["eventId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["inferenceTime"])
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_each_content_type_has_its_encoding_and_one_side_alone_may_be_wanted(cloud: LocalCloud, name: str) -> None:
    serve_captured(cloud, name, ECHO, capturing(cloud, name, "Input", KmsKeyId="alias/own"))
    asked = [
        (b'{"a": 1}', "application/json; charset=utf-8", "JSON"),
        (b"\x89PNG", "image/png", "BASE64"),
        (b"\xff,1", "application/x-csv", "BASE64"),
    ]
    for body, content_type, _ in asked:
        invoke(cloud, name, body, ContentType=content_type)
    events = captured(cloud, name, len(asked))
    assert {tuple(event["captureData"]) for event in events} == {("endpointInput",)}
    (key, *_) = cloud.keys(f"{name}/captured/{name}/")
    written = cloud.client("s3").head_object(Bucket=cloud.bucket, Key=f"{name}/captured/{name}/{key}")
    assert (written["ServerSideEncryption"], written["SSEKMSKeyId"]) == ("aws:kms", "alias/own")
    seen = {
        (base64.b64decode(side["data"]) if side["encoding"] == "BASE64" else side["data"].encode(), side["encoding"])
        for side in (event["captureData"]["endpointInput"] for event in events)
    }
    assert seen == {(body, encoding) for body, _, encoding in asked}
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_share_of_the_requests_is_captured_and_an_update_turns_it_off(cloud: LocalCloud, name: str) -> None:
    config = capturing(cloud, name, "InputAndOutput", percentage=50, CaptureContentTypeHeader={})
    serve_captured(cloud, name, ECHO, {key: value for key, value in config.items() if value != {}})
    client = cloud.client("sagemaker")
    with Asker(cloud, name) as asker:
        assert Counter(asker.ask("x").status for _ in range(600)) == {200: 600}
    create_config(cloud, f"{name}-off", variant(name))
    client.update_endpoint(EndpointName=name, EndpointConfigName=f"{name}-off")
    assert "DataCaptureConfig" not in settled_endpoint(cloud, name)
    # Beyond these bounds by chance: less than once in a million runs.
    events = captured(cloud, name, 239)
    assert len(events) <= 361
    assert len({event["eventMetadata"]["eventId"] for event in events}) == len(events)
    encodings = {side["encoding"] for event in events for side in event["captureData"].values()}
    assert encodings == {"BASE64"}  # of content types that nothing is said of
    invoke(cloud, name, "x")
    client.delete_endpoint(EndpointName=name)


def test_a_role_that_may_not_write_captures_nothing_and_the_endpoint_answers(cloud: LocalCloud, name: str) -> None:
    iam = cloud.client("iam")
    trust = iam.get_role(RoleName=cloud.resource("JobRole"))["Role"]["AssumeRolePolicyDocument"]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*", "logs:*", "ecr:*"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": may})
    iam.put_role_policy(RoleName=name, PolicyName="reads", PolicyDocument=policy)
    create_model(cloud, name, SUM_ROWS)
    container = cloud.client("sagemaker").describe_model(ModelName=name)["PrimaryContainer"]
    model = f"{name}-reads"
    cloud.client("sagemaker").create_model(ModelName=model, ExecutionRoleArn=role, PrimaryContainer=container)
    config = capturing(cloud, name, "Input")
    assert serve_config(cloud, name, variant(model), DataCaptureConfig=config)["EndpointStatus"] == "InService"
    assert invoke(cloud, name, "1,2\n") == b"3.0\n"
    wait_until(lambda: any("AccessDenied" in line for line in cloud.whole_log(f"/aws/sagemaker/Endpoints/{name}")))
    assert cloud.keys(f"{name}/captured") == []
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_destination_is_in_s3(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SUM_ROWS)
    config = capturing(cloud, name, "Input", DestinationS3Uri="https://example.org/captured")
    with pytest.raises(ClientError, match="it is of the form s3://bucket/prefix"):
        serve_config(cloud, name, variant(name), DataCaptureConfig=config)
    asynchronous = {"OutputConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{name}"}}
    config = capturing(cloud, name, "Input")
    with pytest.raises(ClientError, match="DataCaptureConfig and AsyncInferenceConfig is not run"):
        serve_config(cloud, name, variant(name), DataCaptureConfig=config, AsyncInferenceConfig=asynchronous)
