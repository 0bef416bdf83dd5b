"""boto3's waiters, with the waits between their questions as they are: an answer comes as soon as there is one."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from tests.cloud.jobs import (
    SUM_ROWS,
    create_model,
    start_endpoint,
    start_processing,
    start_training,
)
from tests.cloud.local_cloud import LocalCloud

SLOW = "import threading; threading.Event().wait(0.5)"
# A waiter sleeps for 30 seconds at least before its second question, so each of these is answered to the first.
SECONDS = 20.0


def wait(cloud: LocalCloud, waiter: str, **what: Any) -> None:
    """Wait, and see that it was not for the second question."""
    began = time.monotonic()
    cloud.client("sagemaker").get_waiter(waiter).wait(**what)
    assert time.monotonic() - began < SECONDS


def reason(cloud: LocalCloud, waiter: str, **what: Any) -> str:
    """Wait for what does not come, and return the reason that the waiter gives."""
    with pytest.raises(WaiterError) as failed:
        wait(cloud, waiter, **what)
    return str(failed.value.kwargs["reason"])


def transform(cloud: LocalCloud, name: str, model: str) -> None:
    data = cloud.put(f"{name}/in/rows.csv", "1,2\n")
    cloud.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}},
            "ContentType": "text/csv",
        },
        TransformOutput={"S3OutputPath": f"s3://{cloud.bucket}/{name}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


def test_training_ends_the_wait_when_it_completes_and_when_it_is_stopped(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    start_training(cloud, name, SLOW)
    wait(cloud, "training_job_completed_or_stopped", TrainingJobName=name)
    assert client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed"
    start_training(cloud, f"{name}-2", "import threading; threading.Event().wait()")
    client.stop_training_job(TrainingJobName=f"{name}-2")
    wait(cloud, "training_job_completed_or_stopped", TrainingJobName=f"{name}-2")


def test_a_training_job_that_fails_and_one_that_is_not_there_fail_the_wait(cloud: LocalCloud, name: str) -> None:
    start_training(cloud, name, "raise SystemExit(3)")
    failed = reason(cloud, "training_job_completed_or_stopped", TrainingJobName=name)
    assert failed.startswith(
        'Waiter encountered a terminal failure state: For expression "TrainingJobStatus" we matched'
    )
    assert failed.endswith('"Failed"')
    missing = reason(cloud, "training_job_completed_or_stopped", TrainingJobName="nobody-s")
    assert "ValidationException" in missing


def test_processing_ends_the_wait(cloud: LocalCloud, name: str) -> None:
    start_processing(cloud, name, SLOW)
    wait(cloud, "processing_job_completed_or_stopped", ProcessingJobName=name)
    start_processing(cloud, f"{name}-2", "raise SystemExit(3)")
    assert '"Failed"' in reason(cloud, "processing_job_completed_or_stopped", ProcessingJobName=f"{name}-2")


def test_transform_ends_the_wait(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, SUM_ROWS)
    transform(cloud, name, name)
    wait(cloud, "transform_job_completed_or_stopped", TransformJobName=name)
    create_model(cloud, f"{name}-2", "raise SystemExit(3)")
    transform(cloud, f"{name}-2", f"{name}-2")
    assert '"Failed"' in reason(cloud, "transform_job_completed_or_stopped", TransformJobName=f"{name}-2")


def test_an_endpoint_is_waited_for_until_it_serves_and_until_it_is_gone(cloud: LocalCloud, name: str) -> None:
    start_endpoint(cloud, name, f"{SLOW}\ndef model_fn(folder): return 1")
    wait(cloud, "endpoint_in_service", EndpointName=name)
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    wait(cloud, "endpoint_deleted", EndpointName=name)
    assert "ValidationException" in reason(cloud, "endpoint_in_service", EndpointName=name)


def test_an_endpoint_that_fails_fails_both_waits(cloud: LocalCloud, name: str) -> None:
    start_endpoint(cloud, name, "raise SystemExit(3)")
    for waiter in ("endpoint_in_service", "endpoint_deleted"):
        assert '"Failed"' in reason(cloud, waiter, EndpointName=name)


def test_who_is_no_waiter_is_told_at_once(cloud: LocalCloud, name: str) -> None:
    start_training(cloud, name, "import threading; threading.Event().wait()")
    client = cloud.client("sagemaker")
    assert client.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "InProgress"
    client.stop_training_job(TrainingJobName=name)
