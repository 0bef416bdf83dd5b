from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.cloud.sagemaker.errors import ResourceLimitExceededError
from switchyard.cloud.sagemaker.quotas import QuotaError, Quotas
from tests.cloud.jobs import (
    create_config,
    create_model,
    ended_training,
    serve,
    start_processing,
    start_training,
    variant,
)
from tests.cloud.local_cloud import HERE, LocalCloud

# The quotas of the cloud that the tests share are of this type.
SMALL = {"InstanceType": "ml.c4.xlarge", "VolumeSizeInGB": 1}
WAIT = "import threading; threading.Event().wait()"


def exceeded(name: str, value: int, used: int, wanted: int) -> str:
    return (
        f"The account-level service limit '{name}' is {value} Instances, with current utilization of {used} Instances "
        f"and a request delta of {wanted} Instances. Please use AWS Service Quotas to request an increase for this "
        "quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
    )


def error(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    found = refused.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_training_job_waits_for_nobody_s_instance(cloud: LocalCloud, name: str) -> None:
    start_training(cloud, name, WAIT, ResourceConfig={**SMALL, "InstanceCount": 1})
    with pytest.raises(ClientError) as refused:
        start_training(cloud, f"{name}-2", "pass", ResourceConfig={**SMALL, "InstanceCount": 1})
    assert error(refused) == ("ResourceLimitExceeded", exceeded("ml.c4.xlarge for training job usage", 1, 1, 1))
    with pytest.raises(ClientError, match="Requested resource not found"):
        cloud.client("sagemaker").describe_training_job(TrainingJobName=f"{name}-2")
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    ended_training(cloud, name)
    start_training(cloud, f"{name}-2", "pass", ResourceConfig={**SMALL, "InstanceCount": 1})
    assert ended_training(cloud, f"{name}-2")["TrainingJobStatus"] == "Completed"


def test_one_request_has_aws_s_limits_unless_told_otherwise(cloud: LocalCloud, name: str) -> None:
    resources = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 1, "InstanceCount": 10_000}
    with pytest.raises(ClientError) as refused:
        start_training(cloud, name, "pass", ResourceConfig=resources)
    limit = "Maximum number of instances per training job"
    assert error(refused) == ("ResourceLimitExceeded", exceeded(limit, 20, 0, 10_000))
    quotas, wanted = Quotas({limit: 30}), Counter({"ml.m5.large": 30})
    with quotas.room_for("training job", wanted, iter([])):
        pass
    with pytest.raises(ResourceLimitExceededError), quotas.room_for("training job", wanted + wanted, iter([])):
        pass


def test_processing_and_transform_jobs_have_quotas_of_their_own(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        start_processing(cloud, name, "pass", ProcessingResources={"ClusterConfig": {**SMALL, "InstanceCount": 1}})
    assert error(refused)[1] == exceeded("ml.c4.xlarge for processing job usage", 0, 0, 1)
    create_model(cloud, name, "pass")
    data: dict[str, Any] = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/k"}}}
    with pytest.raises(ClientError) as refused:
        cloud.client("sagemaker").create_transform_job(
            TransformJobName=name,
            ModelName=name,
            TransformInput=data,
            TransformOutput={"S3OutputPath": "s3://b/out"},
            TransformResources={"InstanceType": "ml.c4.xlarge", "InstanceCount": 2},
        )
    assert error(refused)[1] == exceeded("ml.c4.xlarge for transform job usage", 0, 0, 2)


def test_an_endpoint_counts_until_it_is_gone(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    create_model(cloud, name, "def model_fn(folder): return 1")
    create_config(cloud, name, variant(name, InstanceType="ml.c4.xlarge"))
    create_config(cloud, f"{name}-2", variant(name, InstanceType="ml.c4.xlarge", InitialInstanceCount=2))
    with pytest.raises(ClientError) as refused:
        client.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-2")
    assert error(refused) == ("ResourceLimitExceeded", exceeded("ml.c4.xlarge for endpoint usage", 1, 0, 2))
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name)
    with pytest.raises(ClientError) as refused:
        client.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "all", "DesiredInstanceCount": 2}]
        )
    assert error(refused) == ("ResourceLimitExceeded", exceeded("ml.c4.xlarge for endpoint usage", 1, 1, 1))
    with pytest.raises(ClientError) as refused:
        client.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert error(refused)[1] == exceeded("ml.c4.xlarge for endpoint usage", 1, 1, 1)
    client.delete_endpoint(EndpointName=name)
    client.get_waiter("endpoint_deleted").wait(EndpointName=name)
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    client.get_waiter("endpoint_in_service").wait(EndpointName=name)
    client.delete_endpoint(EndpointName=name)


def test_what_has_no_quota_is_not_limited(cloud: LocalCloud, name: str) -> None:
    assert serve(cloud, name, "def model_fn(folder): return 1")["EndpointStatus"] == "InService"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_total_is_over_every_type_of_instance() -> None:
    quotas = Quotas({"Number of instances across all training jobs": 4})
    used = [Counter({"ml.m5.large": 2}), Counter({"ml.c5.large": 1})]
    with quotas.room_for("training job", Counter({"ml.p3.2xlarge": 1}), iter(used)):
        pass
    with (
        pytest.raises(
            ResourceLimitExceededError, match=r"'Number of instances across all training jobs' is 4 .* of 3 "
        ),
        quotas.room_for("training job", Counter({"ml.p3.2xlarge": 2}), iter(used)),
    ):
        pass
    with quotas.room_for("spot training job", Counter({"ml.p3.2xlarge": 9}), iter(used)):
        pass


def test_two_that_ask_at_once_do_not_both_get_the_last() -> None:
    quotas = Quotas({"ml.m5.large for endpoint usage": 3})
    taken: list[Counter[str]] = []
    everybody = threading.Barrier(8)

    def ask(_: int) -> bool:
        everybody.wait(10)
        try:
            with quotas.room_for("endpoint", Counter({"ml.m5.large": 1}), (each for each in taken)):
                taken.append(Counter({"ml.m5.large": 1}))
        except ResourceLimitExceededError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert sum(pool.map(ask, range(8))) == 3


@pytest.mark.parametrize("name", ["ml.m5.large", "m5.large for endpoint usage", "ml.m5.large for notebook usage", ""])
def test_a_quota_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(QuotaError, match=f"'{name}' is not a quota that can be set; .*for <use> usage"):
        Quotas({name: 1})
    with pytest.raises(QuotaError, match="cannot be -1"):
        Quotas({"ml.m5.large for endpoint usage": -1})


def test_the_cloud_does_not_start_with_a_quota_that_is_none(tmp_path: Path) -> None:
    cloud = LocalCloud(tmp_path, HERE / "template.yaml", "--quota", "training jobs=1")
    assert "'training jobs' is not a quota that can be set" in cloud.state["error"]
    assert cloud.close() == 2
