"""docs/compatibility.md is true: every operation of SageMaker's is called."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from switchyard.cloud.sagemaker.coverage import RUNS, RUNTIME_RUNS, STORES
from switchyard.cloud.sagemaker.listing import Listing
from switchyard.cloud.sagemaker.model import service_model
from tests.cloud.jobs import (
    SUM_ROWS,
    create_config,
    create_model,
    ended_processing,
    ended_training,
    settled_endpoint,
    start_processing,
    start_training,
    variant,
)
from tests.cloud.local_cloud import IMAGE, LocalCloud
from tests.cloud.tuning_jobs import ended_tuning, tuning_request

OPERATIONS = sorted(service_model().operation_names)
# What a List operation has beside filters, order and pages: whose things they are.
WHOSE = {
    "ListTrainingJobsForHyperParameterTuningJob": {"HyperParameterTuningJobName"},
    "ListModelCardVersions": {"ModelCardName"},
    "ListModelPackages": {"ModelPackageGroupName", "ModelPackageType"},
    "ListTags": {"ResourceArn", "NextToken", "MaxResults"},
    "ListTrialComponents": {"ExperimentName", "TrialName", "SourceArn"},
    "ListTrials": {"ExperimentName", "TrialComponentName"},
}


def call(cloud: LocalCloud, operation: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send a request as it would come from any client."""
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = urllib.request.Request(cloud.url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_nothing_is_said_of_operations_that_there_are_not() -> None:
    assert set(RUNS) | set(STORES) <= set(OPERATIONS)
    assert not set(RUNS) & set(STORES)
    runtime = botocore.session.Session().get_service_model("sagemaker-runtime").operation_names
    assert set(RUNTIME_RUNS) <= set(runtime)


def test_what_is_not_run_is_refused_by_name(cloud: LocalCloud) -> None:
    refused = [name for name in OPERATIONS if name not in RUNS and name not in STORES]
    assert "CreateNotebookInstance" in refused
    for name in [*refused, "InventSomething"]:
        for body in (b"{}", b"nonsense"):
            assert call(cloud, name, body) == (
                501,
                {
                    "__type": "NotImplemented",
                    "message": f"{name} is not run by the local cloud; nothing has been started or stored. "
                    "docs/compatibility.md lists what is.",
                },
            )


def test_streams_of_answers_are_refused_too(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="is not run by the local cloud") as refused:
        cloud.client("sagemaker-runtime").invoke_endpoint_with_response_stream(EndpointName="any", Body=b"1")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("featurestore-runtime", "get_record", {"FeatureGroupName": "g", "RecordIdentifierValueAsString": "1"}),
        ("a2i-runtime", "list_human_loops", {"FlowDefinitionArn": "arn"}),
        ("geospatial", "list_raster_data_collections", {}),
        ("edge", "get_deployments", {"DeviceName": "d", "DeviceFleetName": "f"}),
    ],
)
def test_other_services_of_its_family_are_refused(
    cloud: LocalCloud, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="is not run by the local cloud") as refused:
        getattr(cloud.client(f"sagemaker-{service}"), operation)(**arguments)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"


ONE_VARIANT = {"VariantName": "v", "ModelName": "m"}
ADDITIONAL = {
    "ChannelName": "more",
    "S3DataSource": {"S3Uri": "s3://b/k", "S3DataType": "S3Prefix", "CompressionType": "None"},
}


@pytest.mark.parametrize(
    ("operation", "request_", "member"),
    [
        (
            "create_model",
            {"PrimaryContainer": {"Image": "i", "AdditionalModelDataSources": [ADDITIONAL]}},
            "PrimaryContainer.AdditionalModelDataSources",
        ),
        (
            "create_endpoint_config",
            {"ProductionVariants": [{**ONE_VARIANT, "ManagedInstanceScaling": {"Status": "ENABLED"}}]},
            "ProductionVariants.ManagedInstanceScaling",
        ),
    ],
)
def test_what_an_operation_is_asked_for_and_does_not_do_is_refused_by_name(
    cloud: LocalCloud, name: str, operation: str, request_: dict[str, Any], member: str
) -> None:
    kind = {"create_model": "Model"}.get(operation, "EndpointConfig")
    role = {"ExecutionRoleArn": cloud.role_arn} if kind == "Model" else {}
    with pytest.raises(ClientError, match=f"Create{kind} with {member} is not run by the local cloud"):
        getattr(cloud.client("sagemaker"), operation)(**{f"{kind}Name": name}, **role, **request_)


@pytest.mark.parametrize("operation", [name for name in [*RUNS, *STORES] if name.startswith("List")])
def test_a_list_acts_on_every_member_of_its_request(operation: str) -> None:
    members = set(service_model().operation_model(operation).input_shape.members)
    own = {"ModelApprovalStatus", "ModelCardStatus", "WarmPoolStatusEquals", "TrainingPlanArnEquals"}
    assert members <= Listing("").handles() | WHOSE.get(operation, set()) | own


@pytest.fixture
def called(cloud: LocalCloud) -> Iterator[set[str]]:
    """The operations that have been answered, and not with an error, since the test began."""
    answered: set[str] = set()

    def note(http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code == 200:
            answered.add(model.name)

    events = cloud.client("sagemaker").meta.events
    events.register("after-call.sagemaker.*", note)
    yield answered
    events.unregister("after-call.sagemaker.*", note)


def test_what_is_said_to_run_or_to_be_stored_is_answered(cloud: LocalCloud, name: str, called: set[str]) -> None:
    run_jobs(cloud, name)
    serve_and_change(cloud, name)
    register_models(cloud, name)
    keep_records(cloud, name)
    assert sorted(called) == sorted([*RUNS, *STORES])


def run_jobs(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    arn = start_training(cloud, name, "import threading; threading.Event().wait()")
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    client.delete_tags(ResourceArn=arn, TagKeys=["a"])
    client.stop_training_job(TrainingJobName=name)
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Stopped"
    assert len(client.list_training_jobs(NameContains=name)["TrainingJobSummaries"]) == 1
    found = {"Filters": [{"Name": "TrainingJobName", "Operator": "Equals", "Value": name}]}
    assert len(client.search(Resource="TrainingJob", SearchExpression=found)["Results"]) == 1
    client.delete_training_job(TrainingJobName=name)
    tune(cloud, name[-32:].strip("-"))
    start_processing(cloud, name, "import threading; threading.Event().wait()")
    client.stop_processing_job(ProcessingJobName=name)
    assert ended_processing(cloud, name)["ProcessingJobStatus"] == "Stopped"
    assert len(client.list_processing_jobs(NameContains=name)["ProcessingJobSummaries"]) == 1
    client.delete_processing_job(ProcessingJobName=name)
    create_model(cloud, name, SUM_ROWS)
    data = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": cloud.put(f"{name}/rows", "1,2")}}}
    client.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={**data, "ContentType": "text/csv"},
        TransformOutput={"S3OutputPath": f"s3://{cloud.bucket}/{name}/out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    client.stop_transform_job(TransformJobName=name)
    client.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName=name)
    assert client.describe_transform_job(TransformJobName=name)["TransformJobStatus"] == "Stopped"
    assert len(client.list_transform_jobs(NameContains=name)["TransformJobSummaries"]) == 1


def tune(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_hyper_parameter_tuning_job(
        **tuning_request(cloud, name, "import threading; threading.Event().wait()")
    )
    client.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert ended_tuning(cloud, name)["HyperParameterTuningJobStatus"] == "Stopped"
    answer = client.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert {each["TrainingJobStatus"] for each in answer["TrainingJobSummaries"]} <= {"Stopped"}
    assert len(client.list_hyper_parameter_tuning_jobs(NameContains=name)["HyperParameterTuningJobSummaries"]) == 1
    client.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def serve_and_change(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    assert client.describe_model(ModelName=name)["PrimaryContainer"]["Image"] == IMAGE
    assert len(client.list_models(NameContains=name)["Models"]) == 1
    create_config(cloud, name, variant(name))
    assert client.describe_endpoint_config(EndpointConfigName=name)["ProductionVariants"][0]["ModelName"] == name
    assert len(client.list_endpoint_configs(NameContains=name)["EndpointConfigs"]) == 1
    client.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled_endpoint(cloud, name)["EndpointStatus"] == "InService"
    client.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "all", "DesiredInstanceCount": 2}]
    )
    assert settled_endpoint(cloud, name)["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    client.update_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settled_endpoint(cloud, name)["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert len(client.list_endpoints(NameContains=name)["Endpoints"]) == 1
    client.delete_endpoint(EndpointName=name)
    client.delete_endpoint_config(EndpointConfigName=name)
    client.delete_model(ModelName=name)


def register_models(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    arn = client.create_model_package(ModelPackageGroupName=name)["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert client.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Rejected"
    assert list(client.batch_describe_model_package(ModelPackageArnList=[arn])["ModelPackageSummaries"]) == [arn]
    assert len(client.list_model_packages(ModelPackageGroupName=name)["ModelPackageSummaryList"]) == 1
    client.put_model_package_group_policy(ModelPackageGroupName=name, ResourcePolicy="{}")
    assert client.get_model_package_group_policy(ModelPackageGroupName=name)["ResourcePolicy"] == "{}"
    client.delete_model_package_group_policy(ModelPackageGroupName=name)
    client.delete_model_package(ModelPackageName=arn)
    assert client.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupName"] == name
    assert len(client.list_model_package_groups(NameContains=name)["ModelPackageGroupSummaryList"]) == 1
    client.delete_model_package_group(ModelPackageGroupName=name)


def keep_records(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    for kind in ("Experiment", "Trial", "TrialComponent"):
        extra = {"ExperimentName": name} if kind == "Trial" else {}
        operation = xform_name(kind)
        getattr(client, f"create_{operation}")(**{f"{kind}Name": name}, **extra)
        getattr(client, f"update_{operation}")(**{f"{kind}Name": name}, DisplayName="shown")
        assert getattr(client, f"describe_{operation}")(**{f"{kind}Name": name})["DisplayName"] == "shown"
        listed = getattr(client, f"list_{operation}s")()[f"{kind}Summaries"]
        assert listed[0][f"{kind}Name"] == name
    client.associate_trial_component(TrialComponentName=name, TrialName=name)
    client.disassociate_trial_component(TrialComponentName=name, TrialName=name)
    client.delete_trial_component(TrialComponentName=name)
    client.delete_trial(TrialName=name)
    client.delete_experiment(ExperimentName=name)
    client.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft")
    client.update_model_card(ModelCardName=name, ModelCardStatus="Approved")
    assert client.describe_model_card(ModelCardName=name)["ModelCardStatus"] == "Approved"
    assert len(client.list_model_cards(NameContains=name)["ModelCardSummaries"]) == 1
    assert len(client.list_model_card_versions(ModelCardName=name)["ModelCardVersionSummaryList"]) == 2
    client.delete_model_card(ModelCardName=name)
