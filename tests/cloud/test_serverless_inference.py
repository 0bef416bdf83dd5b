from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SAY, create_model, invoke, serve_config, variant
from tests.cloud.local_cloud import LocalCloud, is_alive, wait_until

SLOW = """
    import pathlib, threading
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept):
        started, go = body.split()
        pathlib.Path(started).touch()
        while not pathlib.Path(go).exists():
            threading.Event().wait(0.01)
        return "done"
"""


def serverless(model: str, **changes: Any) -> dict[str, Any]:
    """Return a serverless production variant."""
    config = {"MemorySizeInMB": 1024, "MaxConcurrency": 2, **changes}
    return {"VariantName": "all", "ModelName": model, "InitialVariantWeight": 1.0, "ServerlessConfig": config}


def test_without_requests_it_has_no_process_and_the_next_request_starts_one(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SAY.format(word="here"))
    endpoint = serve_config(cloud, name, serverless(name))
    assert endpoint["EndpointStatus"] == "InService"
    (served,) = endpoint["ProductionVariants"]
    assert served["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    assert "CurrentInstanceCount" not in served

    def met_twice() -> int | None:  # by two requests that come sooner than it goes for want of any
        first, second = (int(invoke(cloud, name, "x").split()[1]) for _ in range(2))
        return first if first == second else None

    first = wait_until(met_twice)
    assert first is not None
    wait_until(lambda: not is_alive(first))
    wait_until(lambda: not list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))
    with ThreadPoolExecutor(2) as pool:  # both wait for the same start
        pids = {int(each.split()[1]) for each in pool.map(lambda _: invoke(cloud, name, "x"), range(2))}
    assert len(pids) == 1
    assert first not in pids
    metrics = cloud.client("cloudwatch").list_metrics(
        Namespace="AWS/SageMaker",
        MetricName="ModelSetupTime",
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "all"}],
    )
    assert len(metrics["Metrics"]) == 2  # and one that has its configuration's name, too
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    (pid,) = pids
    wait_until(lambda: not is_alive(pid))


def test_more_requests_at_a_time_than_it_takes_are_throttled(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SLOW)
    serve_config(cloud, name, serverless(name, MaxConcurrency=1))
    started, go = cloud.home / f"{name}-started", cloud.home / f"{name}-go"
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(invoke, cloud, name, f"{started} {go}")
        try:
            wait_until(started.exists)
            with pytest.raises(ClientError, match="Rate exceeded") as refused:
                invoke(cloud, name, "x")
        finally:
            go.touch()
        assert slow.result() == b"done"
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_provisioned_concurrency_keeps_its_process(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SAY.format(word="here"))
    serve_config(cloud, name, serverless(name, ProvisionedConcurrency=1))
    first = int(invoke(cloud, name, "x").split()[1])
    threading.Event().wait(4)  # longer than others stay
    assert is_alive(first)
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_model_that_does_not_come_up_fails_the_endpoint(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, "import a_module_that_nobody_has")
    endpoint = serve_config(cloud, name, serverless(name))
    assert endpoint["EndpointStatus"] == "Failed"
    assert "a_module_that_nobody_has" in endpoint["FailureReason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"MemorySizeInMB": 1025}, "MemorySizeInMB is one of"),
        ({"MemorySizeInMB": 512}, "greater than or equal to 1024"),
        ({"MaxConcurrency": 201}, "less than or equal to 200"),
        ({"ProvisionedConcurrency": 3}, "ProvisionedConcurrency is at most MaxConcurrency"),
    ],
)
def test_sizes_that_there_are_not_are_refused(
    cloud: LocalCloud, name: str, change: dict[str, int], reason: str
) -> None:
    create_model(cloud, name, SAY.format(word="here"))
    with pytest.raises(ClientError, match=reason) as refused:
        serve_config(cloud, name, serverless(name, **change))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_what_does_not_go_together_is_refused(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SAY.format(word="here"))
    with pytest.raises(ClientError, match="one production variant"):
        serve_config(cloud, name, serverless(name), variant(name, "other"))
    with pytest.raises(ClientError, match="no InstanceType"):
        serve_config(cloud, name, {**serverless(name), "InstanceType": "ml.m5.large"})
    output = {"OutputConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{name}"}}
    with pytest.raises(ClientError, match="do not go together"):
        serve_config(cloud, name, serverless(name), AsyncInferenceConfig=output)
