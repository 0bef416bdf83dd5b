from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.errors import ValidationError
from switchyard.cloud.sagemaker.search import Searched, search
from tests.cloud.jobs import channel, create_model, ended_training, serve, start_training
from tests.cloud.local_cloud import LocalCloud

NAMES = ["search-a", "search-b", "search-c"]


def condition(name: str, operator: str, value: str | None = None) -> dict[str, str]:
    return {"Name": name, "Operator": operator, **({"Value": value} if value is not None else {})}


@pytest.fixture(scope="module")
def jobs(cloud: LocalCloud) -> list[str]:
    """Three jobs: depth 2, 10 and 10; losses 0.5, 0.25 and none; the last one failed, and reads another folder."""
    for name in NAMES:
        cloud.put(f"{name}/data/rows", "1")
    for name, depth, script in zip(
        NAMES, (2, 10, 10), ("print('loss=0.5;')", "print('loss=0.25;')", "raise SystemExit(3)"), strict=True
    ):
        start_training(
            cloud,
            name,
            script,
            HyperParameters={"depth": depth},
            AlgorithmSpecification={
                "TrainingImage": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": r"loss=([0-9.]+);"}],
            },
            InputDataConfig=[
                channel("train", f"s3://{cloud.bucket}/{name}/data"),
                channel("test", f"s3://{cloud.bucket}/search-a/data"),
            ],
            Tags=[{"Key": "owner", "Value": f"of {name}"}],
        )
        ended_training(cloud, name)
    return NAMES


def found(cloud: LocalCloud, *filters: dict[str, str], **request: Any) -> list[str]:
    """The names of the training jobs that a search finds, in order."""
    ours = condition("TrainingJobName", "In", ",".join(NAMES))
    expression = {"Filters": [ours], "SubExpressions": [{"Filters": list(filters)}]} if filters else {"Filters": [ours]}
    asked = {"Resource": "TrainingJob", "SearchExpression": expression, **request}
    return [result["TrainingJob"]["TrainingJobName"] for result in cloud.client("sagemaker").search(**asked)["Results"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "cba"),
        ([condition("TrainingJobStatus", "Equals", "Failed")], "c"),
        ([condition("TrainingJobStatus", "NotEquals", "Failed")], "ba"),
        ([condition("TrainingJobName", "Contains", "ch-b")], "b"),
        ([condition("TrainingJobName", "In", "search-a, search-c")], "ca"),
        ([condition("HyperParameters.depth", "GreaterThan", "9.5")], "cb"),
        ([condition("HyperParameters.depth", "Equals", "10.0")], "cb"),
        ([condition("HyperParameters.width", "Exists")], ""),
        ([condition("Metrics.loss", "LessThanOrEqualTo", "0.25")], "b"),
        ([condition("Metrics.loss", "Exists")], "ba"),
        ([condition("Metrics.loss", "NotExists")], "c"),
        ([condition("Tags.owner", "Equals", "of search-a")], "a"),
        ([condition("Tags.nobody", "NotExists")], "cba"),
        ([condition("CreationTime", "GreaterThan", "2020-01-01T00:00:00")], "cba"),
        ([condition("LastModifiedTime", "LessThan", "2020-01-01T00:00:00Z")], ""),
        ([condition("ResourceConfig.InstanceCount", "LessThan", "2")], "cba"),
        ([condition("ResourceConfig.InstanceType", "Equals", "ml.m5.large")], "cba"),
        ([condition("Metrics.loss", "Exists"), condition("HyperParameters.depth", "Equals", "10")], "b"),
    ],
)
def test_properties_are_compared(
    cloud: LocalCloud, jobs: list[str], filters: list[dict[str, str]], expected: str
) -> None:
    assert found(cloud, *filters) == [f"search-{letter}" for letter in expected]


def test_conditions_are_joined_by_and_or_by_or(cloud: LocalCloud, jobs: list[str]) -> None:
    either = {
        "Operator": "Or",
        "Filters": [condition("TrainingJobName", "Equals", "search-a")],
        "SubExpressions": [{"Filters": [condition("HyperParameters.depth", "Equals", "10")]}],
    }
    ended = {"Filters": [condition("TrainingJobStatus", "Equals", "Completed")]}
    ours = condition("TrainingJobName", "In", ",".join(jobs))
    answer = cloud.client("sagemaker").search(
        Resource="TrainingJob", SearchExpression={"Filters": [ours], "SubExpressions": [either, ended]}
    )
    assert [each["TrainingJob"]["TrainingJobName"] for each in answer["Results"]] == ["search-b", "search-a"]


def test_nested_filters_are_about_one_entry_of_a_list(cloud: LocalCloud, jobs: list[str]) -> None:
    def nested(channel_name: str, folder: str) -> list[str]:
        filters = [
            condition("InputDataConfig.ChannelName", "Equals", channel_name),
            condition("InputDataConfig.DataSource.S3DataSource.S3Uri", "Contains", folder),
        ]
        expression = {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": filters}]}
        answer = cloud.client("sagemaker").search(Resource="TrainingJob", SearchExpression=expression)
        return [each["TrainingJob"]["TrainingJobName"] for each in answer["Results"]]

    assert nested("train", "/search-b/") == ["search-b"]
    assert nested("test", "/search-b/") == []
    assert nested("test", "/search-a/") == ["search-c", "search-b", "search-a"]


def test_results_are_sorted_and_paged(cloud: LocalCloud, jobs: list[str]) -> None:
    assert found(cloud, SortBy="TrainingJobName", SortOrder="Ascending") == jobs
    assert found(cloud, SortBy="Metrics.loss", SortOrder="Descending") == ["search-a", "search-b", "search-c"]
    ours = {"Filters": [condition("TrainingJobName", "In", ",".join(jobs))]}
    paginator = cloud.client("sagemaker").get_paginator("search")
    pages = list(paginator.paginate(Resource="TrainingJob", SearchExpression=ours, MaxResults=2, SortBy="CreationTime"))
    assert [len(page["Results"]) for page in pages] == [2, 1]
    assert [each["TrainingJob"]["TrainingJobName"] for page in pages for each in page["Results"]] == jobs[::-1]
    assert pages[0]["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}


def test_a_result_has_the_tags_of_the_resource(cloud: LocalCloud, jobs: list[str]) -> None:
    asked = {"Filters": [condition("TrainingJobName", "Equals", "search-a")]}
    (result,) = cloud.client("sagemaker").search(Resource="TrainingJob", SearchExpression=asked)["Results"]
    assert result["TrainingJob"]["Tags"] == [{"Key": "owner", "Value": "of search-a"}]
    assert result["TrainingJob"]["FinalMetricDataList"][0]["Value"] == 0.5


def test_other_kinds_are_searched_too(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    serve(cloud, name, "def model_fn(folder): return 1")
    client.create_model_package_group(ModelPackageGroupName=name)
    client.create_model_package(ModelPackageGroupName=name, ModelApprovalStatus="Approved")
    client.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft")
    client.create_experiment(ExperimentName=name)
    client.create_trial(TrialName=name, ExperimentName=name)
    client.create_trial_component(TrialComponentName=name)
    for resource, member, properties in (
        ("Endpoint", "Endpoint", {"EndpointName": name, "EndpointStatus": "InService"}),
        ("Model", "Model", {"Model.ModelName": name}),
        ("ModelPackageGroup", "ModelPackageGroup", {"ModelPackageGroupName": name}),
        ("ModelPackage", "ModelPackage", {"ModelPackageGroupName": name, "ModelApprovalStatus": "Approved"}),
        ("ModelCard", "ModelCard", {"ModelCardName": name, "ModelCardStatus": "Draft"}),
        ("Experiment", "Experiment", {"ExperimentName": name}),
        ("ExperimentTrial", "Trial", {"TrialName": name, "ExperimentName": name}),
        ("ExperimentTrialComponent", "TrialComponent", {"TrialComponentName": name}),
    ):
        expression = {"Filters": [condition(key, "Equals", value) for key, value in properties.items()]}
        results = client.search(Resource=resource, SearchExpression=expression)["Results"]
        assert [list(result) for result in results] == [[member]], resource
    client.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ({"Filters": [condition("Colour", "Equals", "red")]}, "Invalid property name: Colour"),
        ({"Filters": [condition("ResourceConfig.Colour", "Equals", "red")]}, "Invalid property name: ResourceConfig.C"),
        ({"Filters": [condition("CreationTime", "LessThan", "yesterday")]}, "'yesterday' for CreationTime is no time"),
        ({"Filters": [condition("TrainingJobName", "LessThan", "m")]}, "TrainingJobName is text"),
        ({"Filters": [condition("TrainingJobName", "Exists", "m")]}, "The operator Exists takes no Value"),
        ({"Filters": [condition("TrainingJobName", "Equals")]}, "The operator Equals needs a Value"),
        ({"Filters": [condition("TrainingJobName", "Resembles", "m")]}, "Member must satisfy enum value set"),
        (
            {"Filters": [condition("TrainingJobName", "Contains", "m")] * 2},
            "'CONTAINS' operator usage limit of 1 exceed",
        ),
        (
            {"SubExpressions": [{"Filters": [condition("TrainingJobName", "Equals", "m")] * 11}] * 2},
            "at most 20 conditions; it has 22",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "ResourceConfig", "Filters": [condition("A", "Exists")]}]},
            "Invalid nested property name: ResourceConfig",
        ),
        (
            {"NestedFilters": [{"NestedPropertyName": "InputDataConfig", "Filters": [condition("A", "Exists")]}]},
            "Invalid property name: A; it is not within InputDataConfig",
        ),
    ],
)
def test_a_search_that_is_none_is_refused(
    cloud: LocalCloud, jobs: list[str], expression: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        cloud.client("sagemaker").search(Resource="TrainingJob", SearchExpression=expression)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("resource", ["FeatureGroup", "Pipeline", "HubContent"])
def test_what_is_not_kept_here_cannot_be_searched(cloud: LocalCloud, resource: str) -> None:
    with pytest.raises(ClientError, match=f"Search of {resource} resources is not run by the local cloud"):
        cloud.client("sagemaker").search(Resource=resource)


def test_a_model_that_is_deleted_is_not_found(cloud: LocalCloud, name: str) -> None:
    client = cloud.client("sagemaker")
    create_model(cloud, name, "pass")
    asked = {"Filters": [condition("Model.ModelName", "Equals", name)]}
    assert len(client.search(Resource="Model", SearchExpression=asked)["Results"]) == 1
    client.delete_model(ModelName=name)
    assert client.search(Resource="Model", SearchExpression=asked)["Results"] == []


class Job:
    """As much of a job as a search needs."""

    modified = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

    def __init__(self, number: int) -> None:
        self.number = number
        self.tags: dict[str, str] = {}
        self.arn = f"{number:03}"

    def describe(self) -> dict[str, Any]:
        return {"TrainingTimeInSeconds": self.number, "TrainingJobName": self.arn}


JOBS = [Job(number) for number in range(12)]
COMPARE = {
    "Equals": lambda a, b: a == b,
    "NotEquals": lambda a, b: a != b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}
leaf = st.tuples(st.sampled_from(sorted(COMPARE)), st.integers(0, 12))
trees = st.recursive(
    leaf,
    lambda inner: st.tuples(st.sampled_from(["And", "Or"]), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=15,
)


def as_expression(tree: Any) -> dict[str, Any]:
    kind, rest = tree
    if kind in COMPARE:
        return {"Filters": [condition("TrainingTimeInSeconds", kind, str(rest))]}
    return {"Operator": kind, "SubExpressions": [as_expression(each) for each in rest]}


def holds(tree: Any, number: int) -> bool:
    kind, rest = tree
    if kind in COMPARE:
        return bool(COMPARE[kind](number, rest))
    return (all if kind == "And" else any)(holds(each, number) for each in rest)


@given(trees)
def test_any_expression_finds_what_plain_logic_finds(tree: Any) -> None:
    request = {
        "Resource": "TrainingJob",
        "SearchExpression": as_expression(tree),
        "SortBy": "TrainingTimeInSeconds",
        "SortOrder": "Ascending",
        "MaxResults": 100,
    }
    answer = search({"TrainingJob": Searched("TrainingJob", JOBS)}, request)
    numbers = [result["TrainingJob"]["TrainingTimeInSeconds"] for result in answer["Results"]]
    assert numbers == [job.number for job in JOBS if holds(tree, job.number)]


@given(st.text(max_size=30), st.sampled_from([*COMPARE, "Contains", "In", "Exists", "NotExists"]), st.text(max_size=5))
def test_any_condition_is_answered_or_refused_with_a_reason(name: str, operator: str, value: str) -> None:
    for given_name in (name, f"TrainingTimeInSeconds{name[:1]}", f"Tags.{name}", f"HyperParameters.{name}"):
        request = {
            "Resource": "TrainingJob",
            "SearchExpression": {"Filters": [condition(given_name, operator, value or None)]},
        }
        try:
            search({"TrainingJob": Searched("TrainingJob", JOBS)}, request)
        except ValidationError as error:
            assert error.message  # noqa: PT017 - which of the two it is, is not known
