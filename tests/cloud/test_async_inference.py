from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SUM_ROWS, create_model, invoke, serve_config, settled_endpoint, variant
from tests.cloud.local_cloud import LocalCloud, wait_until


def serve_async(cloud: LocalCloud, name: str, script: str, **output: Any) -> dict[str, Any]:
    """Create an endpoint for asynchronous inference."""
    create_model(cloud, name, script)
    paths = {
        "S3OutputPath": f"s3://{cloud.bucket}/{name}/out",
        "S3FailurePath": f"s3://{cloud.bucket}/{name}/failed/",
    }
    client = {"MaxConcurrentInvocationsPerInstance": 2}
    config = {"OutputConfig": {**paths, **output}, "ClientConfig": client}
    endpoint = serve_config(cloud, name, variant(name), AsyncInferenceConfig=config)
    assert endpoint["AsyncInferenceConfig"] == config
    return endpoint


def ask(cloud: LocalCloud, name: str, uri: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation=uri, ContentType="text/csv", **options
    )
    return answer


def written(cloud: LocalCloud, uri: str) -> str:
    """Wait for an object, and return its content."""

    def look() -> bytes:
        try:
            return cloud.get(uri)
        except cloud.client("s3").exceptions.NoSuchKey:
            return b""

    return wait_until(look).decode()


def topic_with_queue(cloud: LocalCloud, name: str) -> tuple[str, str]:
    topic = cloud.client("sns").create_topic(Name=name)["TopicArn"]
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    arn = cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    cloud.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    return topic, queue


def notice(cloud: LocalCloud, queue: str) -> dict[str, Any]:
    """Wait for a notice, and return it."""
    (message,) = wait_until(lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    cloud.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    found: dict[str, Any] = json.loads(message["Body"])
    return found


def test_an_answer_is_written_to_s3_and_the_topic_is_told(cloud: LocalCloud, name: str) -> None:
    good, good_queue = topic_with_queue(cloud, f"{name}-good")
    bad, bad_queue = topic_with_queue(cloud, f"{name}-bad")
    serve_async(cloud, name, SUM_ROWS, NotificationConfig={"SuccessTopic": good, "ErrorTopic": bad})
    uri = cloud.put(f"{name}/in.csv", "1,2\n3,4\n")
    answer = ask(cloud, name, uri, InferenceId="request-1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "request-1"
    assert answer["OutputLocation"].startswith(f"s3://{cloud.bucket}/{name}/out/")
    assert answer["OutputLocation"].endswith(".out")
    assert written(cloud, answer["OutputLocation"]) == "3.0\n7.0\n"
    told = notice(cloud, good_queue)
    assert told.pop("eventTime") >= told.pop("receivedTime")
    assert told == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {"contentType": "text/csv", "endpointName": name, "inputLocation": uri},
        "responseParameters": {"contentType": "text/csv", "outputLocation": answer["OutputLocation"]},
        "inferenceId": "request-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    failed = ask(cloud, name, cloud.put(f"{name}/bad.csv", "1,two\n"))
    reason = "could not convert string to float: 'two'"
    assert failed["FailureLocation"].startswith(f"s3://{cloud.bucket}/{name}/failed/")
    assert f'client error (400) from primary with message "{reason}"' in written(cloud, failed["FailureLocation"])
    told = notice(cloud, bad_queue)
    assert (told["invocationStatus"], told["inferenceId"]) == ("Failed", failed["InferenceId"])
    assert reason in told["failureReason"]
    assert len(cloud.keys(f"{name}/out/")) == 1
    lost = ask(cloud, name, f"s3://{cloud.bucket}/{name}/lost.csv")
    assert "NoSuchKey" in written(cloud, lost["FailureLocation"])
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_input_may_say_itself_what_it_is(cloud: LocalCloud, name: str) -> None:
    script = """
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): return content_type
    """
    serve_async(cloud, name, script)
    cloud.client("s3").put_object(Bucket=cloud.bucket, Key=f"{name}/in", Body=b"x", ContentType="text/x-own")
    answer = cloud.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation=f"s3://{cloud.bucket}/{name}/in"
    )
    assert written(cloud, answer["OutputLocation"]) == "text/x-own"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_no_more_requests_are_under_way_than_are_wanted(cloud: LocalCloud, name: str) -> None:
    script = """
        import threading
        def model_fn(model_dir): return {"now": 0, "most": 0, "lock": threading.Lock()}
        def transform_fn(model, body, content_type, accept):
            with model["lock"]:
                model["now"] += 1
                model["most"] = max(model["most"], model["now"])
            threading.Event().wait(0.1)
            with model["lock"]:
                model["now"] -= 1
                return str(model["most"])
    """
    serve_async(cloud, name, script)
    uri = cloud.put(f"{name}/in.csv", "x")
    answers = [ask(cloud, name, uri)["OutputLocation"] for _ in range(6)]
    assert max(int(written(cloud, answer)) for answer in answers) <= 2
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_answer_that_takes_too_long_is_a_failure(cloud: LocalCloud, name: str) -> None:
    script = """
        import threading
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): threading.Event().wait(3)
    """
    serve_async(cloud, name, script)
    answer = ask(cloud, name, cloud.put(f"{name}/in.csv", "x"), InvocationTimeoutSeconds=1)
    assert "the model did not answer within 1 seconds" in written(cloud, answer["FailureLocation"])


def test_requests_wait_while_there_is_no_instance_and_a_model_that_does_not_come_up_leaves_none(
    cloud: LocalCloud, name: str
) -> None:
    serve_async(cloud, name, SUM_ROWS)
    client = cloud.client("sagemaker")

    def scale(count: int) -> dict[str, Any]:
        desired = [{"VariantName": "all", "DesiredInstanceCount": count}]
        client.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=desired)
        return settled_endpoint(cloud, name)

    assert scale(0)["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    wait_until(lambda: not list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))
    answer = ask(cloud, name, cloud.put(f"{name}/in.csv", "1,2\n"))
    code = cloud.get(f"s3://{cloud.bucket}/{name}/sourcedir.tar.gz")
    cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=f"{name}/sourcedir.tar.gz")
    endpoint = scale(1)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["ProductionVariants"][0]["DesiredInstanceCount"] == 0
    assert "sourcedir.tar.gz" in endpoint["FailureReason"]
    assert cloud.keys(f"{name}/out") == []
    cloud.put(f"{name}/sourcedir.tar.gz", code)
    endpoint = scale(2)
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "FailureReason" not in endpoint
    assert written(cloud, answer["OutputLocation"]) == "3.0\n"
    client.delete_endpoint(EndpointName=name)


def test_an_endpoint_is_for_the_one_or_for_the_other(cloud: LocalCloud, name: str) -> None:
    serve_async(cloud, name, SUM_ROWS)
    with pytest.raises(ClientError, match="invoke it with InvokeEndpointAsync"):
        invoke(cloud, name, "1,2\n")
    create_model(cloud, f"{name}-now", SUM_ROWS)
    serve_config(cloud, f"{name}-now", variant(f"{name}-now"))
    with pytest.raises(ClientError, match="invoke it with InvokeEndpoint") as refused:
        ask(cloud, f"{name}-now", f"s3://{cloud.bucket}/x")
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    for endpoint in (name, f"{name}-now"):
        cloud.client("sagemaker").delete_endpoint(EndpointName=endpoint)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"InputLocation": "https://example.org/in.csv"}, "is not of the form s3://bucket/key"),
        ({"InvocationTimeoutSeconds": 3601}, "a number of seconds from 1 to 3600"),
        ({"RequestTTLSeconds": 59}, "a number of seconds from 60 to 21600"),
        ({"Filename": "name.out"}, "is not run by the local cloud"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(
    cloud: LocalCloud, waiting: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        cloud.client("sagemaker-runtime").invoke_endpoint_async(
            EndpointName=waiting, **{"InputLocation": f"s3://{cloud.bucket}/in", **options}
        )


@pytest.fixture(scope="module")
def waiting(cloud: LocalCloud) -> str:
    serve_async(cloud, "waiting", SUM_ROWS)
    return "waiting"
