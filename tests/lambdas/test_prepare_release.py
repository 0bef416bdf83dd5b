from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from prepare_release import handler, plan
from shared.aws import client
from shared.errors import InvalidRelease
from shared.handover import HandoverDocument, write_handover
from shared.release_settings import ReleaseSettings

GROUP = "switchyard-diabetes"
Prepare = Callable[..., dict[str, Any]]


@pytest.fixture
def package(publish: Callable[..., None]) -> str:
    """An approved model package of the recipe diabetes."""
    publish(release={"strategy": "canary", "limits": {"latency_ms": 80}})
    client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
    return register()


def register(status: str = "Approved", group: str = GROUP, **metadata: str) -> str:
    created = client("sagemaker").create_model_package(
        ModelPackageGroupName=group, ModelApprovalStatus=status, CustomerMetadataProperties=metadata
    )
    return str(created["ModelPackageArn"])


@pytest.fixture
def prepare(context: Any) -> Prepare:
    def run(package: Any, execution: str = "release-1", **keys: Any) -> dict[str, Any]:
        return dict(handler({"input": {"model_package": package, **keys}, "execution": execution}, context))

    return run


def test_the_whole_state_of_a_release(package: str, prepare: Prepare) -> None:
    state = prepare(package, release={"samples": [{"body": "1,2", "minimum": 0}], "minimum_requests": 7})
    assert state["recipe"] == "diabetes"
    assert state["model_package_arn"] == package
    assert state["names"]["endpoint"] == GROUP
    assert state["names"]["parameter"] == "/switchyard/diabetes/endpoint"
    assert state["names"]["model"] == state["names"]["final_config"] == "switchyard-release-release-1"
    assert state["instances"] == {"type": "ml.t2.medium", "count": 2}
    assert state["samples"] == [{"body": "1,2", "minimum": 0, "maximum": None}]
    assert state["release"] == {
        "strategy": "canary",
        "shares": [10, 20, 30, 40, 50, 60, 70, 80, 90, 100],
        "look_seconds": 60,
        "looks_to_bake": 5,
        "looks_at_most": 60,
        "minimum_requests": 7,
        "limits": {"latency_ms": 80, "errors_5xx_percent": 1, "errors_4xx_percent": 5},
        "alarms": [],
        "bake_seconds": 300,
        "grace_seconds": 3600,
        "shadow": None,
    }
    assert state["step"]["index"] == 0


def test_names_are_the_executions_own(package: str, prepare: Prepare) -> None:
    names = [prepare(package, execution=f"{'0a1b2c3d' * 8}_{number}")["names"] for number in (1, 2, 1)]
    assert names[0] == names[2]
    own = [key for key in names[0] if key not in {"endpoint", "parameter", "model_package_group"}]
    assert all(names[0][key] != names[1][key] for key in own)
    assert all(len(names[0][key]) <= 63 for key in ("model", "shared_config", "final_config", "candidate_variant"))


def test_the_live_endpoint_is_the_one_that_clients_resolve(package: str, prepare: Prepare) -> None:
    client("ssm").put_parameter(Name="/switchyard/diabetes/endpoint", Value="switchyard-diabetes-b", Type="String")
    assert prepare(package)["names"]["endpoint"] == "switchyard-diabetes-b"


def test_without_samples_a_row_of_the_test_data_is_one(package: str, prepare: Prepare, s3: Any) -> None:
    assert prepare(package)["samples"] == []
    body = b"151.0,59,2,32.1\n75.0,48,1,21.6\n"
    s3.put_object(Bucket="switchyard-artifacts", Key="runs/diabetes-7/splits/test/test.csv", Body=body)
    trained = register(execution="diabetes-7")
    assert prepare(trained)["samples"] == [{"body": "59,2,32.1", "minimum": None, "maximum": None}]
    given = [{"body": "1,2", "maximum": 5}]
    assert prepare(trained, release={"samples": given})["samples"] == [{"body": "1,2", "minimum": None, "maximum": 5}]


def test_what_a_run_handed_over_goes_before_the_recipe(package: str, prepare: Prepare, s3: Any) -> None:
    document = HandoverDocument(
        recipe="diabetes", execution="diabetes-7", content_type="application/json", accept="text/csv",
        instance_type="ml.c5.large", instance_count=3, test_data_uri="s3://switchyard-data/split/test/",
        release=ReleaseSettings(strategy="blue-green", bake_seconds=60),
    )  # fmt: skip
    uri = write_handover(document, "switchyard-artifacts")
    s3.put_object(Bucket="switchyard-data", Key="split/test/rows.csv", Body=b"1,7,8\n")
    state = prepare(register(handover=uri), release={"minimum_requests": 0})
    assert (state["release"]["strategy"], state["release"]["minimum_requests"]) == ("blue-green", 0)
    assert state["instances"] == {"type": "ml.c5.large", "count": 3}
    assert state["content_types"] == {"input": "application/json", "output": "text/csv"}
    assert [sample["body"] for sample in state["samples"]] == ["7,8"]
    with pytest.raises(InvalidRelease, match=r"handed over.*cannot be read"):
        prepare(register(handover=f"{uri}.old"))


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ({"strategy": "big-bang"}, "release.strategy|strategy is 'big-bang'"),
        ({"increment": 0}, "increment is 0"),
        ({"increment": 101}, "increment is 101"),
        ({"steps": [10, 30, 60]}, "must ascend, and end with 100"),
        ({"steps": [50, 20, 100]}, "must ascend, and end with 100"),
        ({"steps": [50, 100, 120]}, "120"),
        ({"steps": []}, "steps"),
        ({"steps": [50, 100], "increment": 10}, "give one of them"),
        ({"bake_seconds": 7200}, "patience_seconds 3600 is below bake_seconds 7200"),
        ({"bake_seconds": -1}, "bake_seconds is -1"),
        ({"limits": {"latency": 5}}, "limits.latency is not known"),
        ({"samples": [{"body": "1", "minimum": 2, "maximum": 1}]}, "minimum 2 is above maximum 1"),
        ({"alarms": ["no-such-alarm"]}, "'no-such-alarm', which does not exist"),
        ({"approval": "manual"}, "release.approval is the recipe's"),
        ({"bake": 5}, "bake is not known"),
        ({"strategy": "guardrails", "steps": [10, 50, 100]}, "one share of up to 50, then 100; or even ones"),
        ({"strategy": "guardrails", "bake_seconds": 3600}, "after each of 10 steps are 36000 seconds"),
        ({"strategy": "guardrails", "alarms": [*"abcdefgh"]}, "there are 8 alarms; SageMaker's guardrails take 7"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    package: str, prepare: Prepare, release: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRelease, match=message):
        prepare(package, release=release)


def test_steps_of_the_input_go_before_the_recipes_increment(
    package: str, prepare: Prepare, publish: Callable[..., None]
) -> None:
    publish(release={"strategy": "canary", "increment": 50})
    assert prepare(package)["release"]["shares"] == [50, 100]
    assert prepare(package, release={"steps": [1, 100]})["release"]["shares"] == [1, 100]
    assert prepare(package, release={"strategy": "blue-green"})["release"]["shares"] == [100]


def test_an_alarm_that_is_raised_already_is_refused(package: str, prepare: Prepare) -> None:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="orders", Namespace="Shop", MetricName="Orders", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=0, ComparisonOperator="LessThanThreshold",
    )  # fmt: skip
    assert prepare(package, release={"alarms": ["orders"]})["release"]["alarms"] == ["orders"]
    cloudwatch.set_alarm_state(AlarmName="orders", StateValue="ALARM", StateReason="none")
    with pytest.raises(InvalidRelease, match=r"'orders' of release\.alarms is in ALARM already"):
        prepare(package, release={"alarms": ["orders"]})


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_only_approved_packages_are_released(package: str, prepare: Prepare, status: str) -> None:
    with pytest.raises(InvalidRelease, match=f"is {status}.*Approve it first"):
        prepare(register(status))


@pytest.mark.parametrize("status", ["released", "deployed", "rolled-back", "compared"])
def test_what_was_released_before_may_be_again(package: str, prepare: Prepare, status: str) -> None:
    # Whether it serves now is seen once the endpoint is this release's alone.
    assert prepare(register(release=status))["by_approval"] is False
    assert prepare(register(release=status), reason="approval")["by_approval"] is True


def test_a_package_of_another_recipe_is_refused(package: str, prepare: Prepare) -> None:
    assert prepare(package, recipe="diabetes")["recipe"] == "diabetes"
    with pytest.raises(InvalidRelease, match="is one of recipe 'diabetes', not of 'housing'"):
        prepare(package, recipe="housing")
    with pytest.raises(InvalidRelease, match="none of this project's"):
        prepare(package.replace("switchyard-diabetes", "other-diabetes"))
    client("sagemaker").create_model_package_group(ModelPackageGroupName="switchyard-housing")
    unpublished = register(group="switchyard-housing")
    with pytest.raises(InvalidRelease, match="Recipe 'housing' is not published"):
        prepare(unpublished)


@pytest.mark.parametrize("package_arn", ["", "diabetes", "arn:aws:sagemaker:us-east-1:123456789012:model-package/x", 7])
def test_what_is_no_package_is_refused(package: str, prepare: Prepare, package_arn: Any) -> None:
    with pytest.raises(InvalidRelease, match="model_package"):
        prepare(package_arn)


def test_what_is_gone_or_unknown_is_refused(package: str, prepare: Prepare, context: Any) -> None:
    with pytest.raises(InvalidRelease, match="There is no model package"):
        prepare(f"{package}99")
    with pytest.raises(InvalidRelease, match="packages is not known"):
        prepare(package, packages=[])
    with pytest.raises(InvalidRelease, match="no JSON object"):
        handler({"input": [package], "execution": "e"}, context)


@pytest.mark.parametrize(
    ("bake", "patience", "expected"),
    [
        (0, 0, (1, 1, 1)),
        (20, 60, (20, 1, 3)),
        (60, 60, (60, 1, 1)),
        (90, 3600, (45, 2, 80)),
        (300, 3600, (60, 5, 60)),
        (7 * 24 * 3600, 7 * 24 * 3600, (6048, 100, 100)),
    ],
)
def test_time_is_counted_in_looks(bake: int, patience: int, expected: tuple[int, int, int]) -> None:
    found = plan(ReleaseSettings(strategy="canary", bake_seconds=bake, patience_seconds=patience))
    assert (found.look_seconds, found.looks_to_bake, found.looks_at_most) == expected
    assert found.look_seconds * found.looks_to_bake >= bake
    assert found.looks_at_most * len(found.shares) <= 1100
