from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from prepare_run import handler
from shared.aws import client
from shared.errors import InvalidRun, ServiceFault
from shared.handover import read_handover

Read = Callable[[str], dict[str, Any]]
Publish = Callable[..., None]
Prepare = Callable[..., dict[str, Any]]
DATA = "datasets/diabetes/dddddddddddd/diabetes.csv"


@pytest.fixture
def published(s3: Any, publish: Publish) -> Any:
    publish()
    s3.put_object(Bucket="switchyard-data", Key=DATA, Body=b"age,bmi,progression\n")
    return s3


@pytest.fixture
def prepare(context: Any) -> Prepare:
    def run(document: Any = None, execution: str = "diabetes-1", **keys: Any) -> dict[str, Any]:
        document = {"recipe": "diabetes", **keys} if document is None else document
        return handler({"input": document, "execution": execution}, context)

    return run


def test_the_whole_state_of_a_run(published: Any, event: Read, context: Any) -> None:
    state = handler(event("prepare_run"), context)
    etag = published.head_object(Bucket="switchyard-data", Key=DATA)["ETag"].strip('"')
    run = "s3://switchyard-artifacts/runs/diabetes-20260701-120000"
    code = "s3://switchyard-artifacts/code/tabular_regression/cccccccccccc/"
    name = "switchyard-diabetes-20260701-120000"
    assert state == {
        "recipe": "diabetes",
        "execution": "diabetes-20260701-120000",
        "lineage": {"recipe": "eeeeeeeeeeee", "code": "cccccccccccc", "data": etag},
        "names": {
            "processing_job": name,
            "training_job": name,
            "model": name,
            "champion_model": f"{name}-champion",
            "endpoint_config": name,
            "endpoint": "switchyard-diabetes",
            "model_package_group": "switchyard-diabetes",
        },
        "image_uri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2",
        "code_prefix_uri": code,
        "data": {
            "uri": f"s3://switchyard-data/{DATA}",
            "is_split": False,
            "train_uri": f"{run}/splits/train/",
            "validation_uri": f"{run}/splits/validation/",
            "test_uri": f"{run}/splits/test/",
            "report_uri": f"{run}/report/",
        },
        "processing": {
            "arguments": [
                *("--input", "/opt/ml/processing/input/data"),
                *("--train", "/opt/ml/processing/output/train"),
                *("--validation", "/opt/ml/processing/output/validation"),
                *("--test", "/opt/ml/processing/output/test"),
                *("--report", "/opt/ml/processing/output/report"),
                *("--target", "progression", "--features", "age,bmi"),
                *("--train-fraction", "0.7", "--validation-fraction", "0.15", "--test-fraction", "0.15"),
                *("--seed", "42"),
            ],
            "entrypoint": ["python3", "/opt/ml/processing/input/code/prepare.py"],
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "volume_gb": 10,
            "max_runtime_seconds": 600,
            "timeout_seconds": 2400,
        },
        "training": {
            "hyperparameters": {
                "model": '"ridge"',
                "alpha": "0.1",
                "fit_intercept": "true",
                "sagemaker_program": '"train.py"',
                "sagemaker_submit_directory": f'"{code}sourcedir.tar.gz"',
                "sagemaker_container_log_level": "20",
                "sagemaker_region": '"us-east-1"',
            },
            "metric_definitions": [{"Name": "rmse", "Regex": r"validation rmse=([-+.\deE]+)"}],
            "instance_type": "ml.m5.xlarge",
            "instance_count": 1,
            "volume_gb": 20,
            "stopping_condition": {"MaxRuntimeInSeconds": 900},
            "timeout_seconds": 2700,
            "use_spot": False,
            "output_uri": f"{run}/model/",
        },
        "model": {
            "environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": f"{code}sourcedir.tar.gz",
                "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
                "SAGEMAKER_REGION": "us-east-1",
            }
        },
        "transform": {
            "instance_type": "ml.m5.large",
            "instance_count": 1,
            "output_uri": f"{run}/predictions/",
            "champion_output_uri": f"{run}/champion_predictions/",
            "content_type": "text/csv",
            "accept": "text/csv",
            "timeout_seconds": 1200,
        },
        "endpoint": {"instance_type": "ml.t2.medium", "instance_count": 2},
        "gate": [{"metric": "rmse", "direction": "minimize", "threshold": 62.0, "margin": None}],
        "handover": {
            "is_needed": False,
            "decision": "Approved",
            "status": "DEPLOYED",
            "strategy": "all-at-once",
            "document_uri": None,
        },
    }
    json.dumps(state, allow_nan=False)


def test_a_repeated_start_is_the_same_run(published: Any, prepare: Prepare) -> None:
    assert prepare() == prepare()
    assert prepare(execution="diabetes-2")["names"] != prepare()["names"]


def uploaded(s3: Any, upload: dict[str, Any], body: bytes = b"a,b\n1,2\n") -> dict[str, Any]:
    """Put an object where an upload's event says, and the object's ETag and version into the event."""
    detail = upload["detail"]
    put = s3.put_object(Bucket=detail["bucket"]["name"], Key=detail["object"]["key"], Body=body)
    detail["object"] = {**detail["object"], "etag": put["ETag"].strip('"')}
    detail["object"].pop("version-id", None)
    if "VersionId" in put:
        detail["object"]["version-id"] = put["VersionId"]
    return upload


def test_an_upload_starts_its_folders_recipe_with_the_object(published: Any, prepare: Prepare, event: Read) -> None:
    upload = uploaded(published, event("s3_object_created"))
    execution = "17793124-05d4-b198-2fde-7ededc63b103_d95d8b68-6e87-4c6f-9f2e-6b07b6a9d4c1"
    state = prepare(upload, execution=execution)
    assert state["recipe"] == "diabetes"
    assert state["data"]["uri"] == "s3://switchyard-data/incoming/diabetes/2026/july.csv"
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", state["names"]["training_job"])
    assert len(state["names"]["training_job"]) <= 63
    assert state["transform"]["output_uri"] == f"s3://switchyard-artifacts/runs/{execution}/predictions/"


@pytest.mark.parametrize("key", ["incoming/diabetes/a b.csv", "incoming/diabetes/ü+1.csv"])
def test_an_uploads_key_is_taken_as_it_is(published: Any, prepare: Prepare, event: Read, key: str) -> None:
    upload = event("s3_object_created")
    upload["detail"]["object"]["key"] = key
    assert prepare(uploaded(published, upload))["data"]["uri"] == f"s3://switchyard-data/{key}"


def test_an_upload_that_was_deleted_meanwhile_is_named(published: Any, prepare: Prepare, event: Read) -> None:
    # What lies below the key, as if it were a folder, is not what was uploaded.
    published.put_object(Bucket="switchyard-data", Key="incoming/diabetes/2026/july.csv/other.csv", Body=b"1")
    with pytest.raises(InvalidRun, match=r"july.csv' does not exist any more: it was deleted before the run read it"):
        prepare(event("s3_object_created"))


def test_an_upload_that_was_replaced_meanwhile_is_left_to_the_later_run(
    published: Any, prepare: Prepare, event: Read
) -> None:
    published.put_bucket_versioning(Bucket="switchyard-data", VersioningConfiguration={"Status": "Enabled"})
    first = copy.deepcopy(uploaded(published, event("s3_object_created")))
    second = uploaded(published, event("s3_object_created"))
    with pytest.raises(
        InvalidRun, match=r"was replaced before the run read it.*What is there now has a run of its own"
    ):
        prepare(first)
    assert prepare(second)["data"]["uri"] == "s3://switchyard-data/incoming/diabetes/2026/july.csv"


def test_an_upload_to_an_unversioned_bucket_is_told_by_its_etag(published: Any, prepare: Prepare, event: Read) -> None:
    first = copy.deepcopy(uploaded(published, event("s3_object_created")))
    assert prepare(first)["recipe"] == "diabetes"
    uploaded(published, event("s3_object_created"), b"a,b\n3,4\n")
    with pytest.raises(InvalidRun, match=f"had the ETag {first['detail']['object']['etag']}"):
        prepare(first)


def test_a_run_s_input_cannot_pose_as_an_upload(prepare: Prepare) -> None:
    with pytest.raises(InvalidRun, match=r"etag is not known \(known: data, overrides, recipe\)"):
        prepare({"recipe": "diabetes", "etag": "x"})


@pytest.mark.parametrize(
    "key", ["other/diabetes/a.csv", "incoming/a.csv", "incoming/diabetes/", "incoming/diabetes/folder/"]
)
def test_an_upload_elsewhere_starts_nothing(prepare: Prepare, event: Read, key: str) -> None:
    upload = event("s3_object_created")
    upload["detail"]["object"]["key"] = key
    with pytest.raises(InvalidRun, match=re.escape(f"{key!r} in bucket 'switchyard-data' starts no run")):
        prepare(upload)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "is a JSON array; expected an object"),
        ("diabetes", "is a JSON string"),
        (7, "is a JSON number"),
        (True, "is a JSON boolean"),
        ({}, "recipe is missing"),
        ({"recipe": 5}, "recipe is 5: Input should be a valid string"),
        ({"recipe": "r", "dta": "x"}, r"dta is not known \(known: data, overrides, recipe\)"),
        ({"recipe": "r", "data": 1}, "data is 1: Input should be a valid string"),
        ({"recipe": "r", "overrides": []}, "overrides is"),
        ({"detail": {}}, "source is missing; detail.bucket is missing; detail.object is missing"),
        ({"detail-type": "x", "source": "aws.ec2", "detail": 1}, "source is 'aws.ec2'"),
    ],
)
def test_an_input_that_is_wrong_is_explained(prepare: Prepare, document: Any, said: str) -> None:
    with pytest.raises(InvalidRun, match=said):
        prepare(document)


def test_an_unknown_recipe_offers_the_nearest(published: Any, publish: Publish, prepare: Prepare) -> None:
    publish("housing")
    with pytest.raises(
        InvalidRun,
        match=r"'diabets' is not published. Did you mean 'diabetes'\? Published: diabetes, housing\.",
    ):
        prepare({"recipe": "diabets"})


@pytest.mark.parametrize("name", ["../diabetes", "", "Diabetes", "diabetes/..", "a" * 80])
def test_a_recipes_name_that_is_none_is_not_looked_up(published: Any, prepare: Prepare, name: str) -> None:
    with pytest.raises(InvalidRun, match="is not published"):
        prepare({"recipe": name})


def test_without_any_recipe_it_says_to_publish(s3: Any, prepare: Prepare) -> None:
    with pytest.raises(InvalidRun, match="publish the recipes first"):
        prepare()


def test_a_recipe_that_cannot_be_read_says_to_publish_again(published: Any, publish: Publish, prepare: Prepare) -> None:
    publish(limits={})
    with pytest.raises(InvalidRun, match=r"\(publish it again\) is not valid: limits.processing_seconds is miss"):
        prepare()


def test_a_recipe_whose_document_is_gone_says_so(published: Any, prepare: Prepare) -> None:
    published.delete_object(Bucket="switchyard-artifacts", Key="recipes/diabetes/eeeeeeeeeeee.json")
    with pytest.raises(InvalidRun, match="which is gone"):
        prepare()


def test_overrides_change_this_run_only(published: Any, prepare: Prepare) -> None:
    overrides = {
        "hyperparameters": {"alpha": 2, "model": "linear"},
        "instances": {"training": {"type": "ml.m5.4xlarge"}, "endpoint": {"count": 3}},
        "limits": {"spot": True, "training_seconds": 100, "wait_seconds": 300},
        "data": {"seed": 7, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}},
    }
    state = prepare(overrides=overrides)
    assert state["training"]["hyperparameters"]["alpha"] == "2"
    assert state["training"]["hyperparameters"]["model"] == '"linear"'
    assert state["training"]["hyperparameters"]["fit_intercept"] == "true"
    assert state["training"]["instance_type"] == "ml.m5.4xlarge"
    assert state["training"]["volume_gb"] == 20
    assert state["training"]["use_spot"] is True
    assert state["training"]["stopping_condition"] == {
        "MaxRuntimeInSeconds": 100,
        "MaxWaitTimeInSeconds": 300,
    }
    assert state["training"]["timeout_seconds"] == 2100
    assert state["endpoint"]["instance_count"] == 3
    assert state["processing"]["arguments"][-8:] == [
        *("--train-fraction", "0.8", "--validation-fraction", "0.1", "--test-fraction", "0.1"),
        *("--seed", "7"),
    ]
    assert prepare()["training"]["hyperparameters"]["alpha"] == "0.1"


def test_spot_without_a_wait_waits_as_long_as_it_may_train(published: Any, prepare: Prepare) -> None:
    state = prepare(overrides={"limits": {"spot": True}})
    assert state["training"]["stopping_condition"] == {
        "MaxRuntimeInSeconds": 900,
        "MaxWaitTimeInSeconds": 900,
    }


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"gate": []}, r"overrides.gate is not known \(known: data, hyperparameters, instances, limits, rel"),
        ({"instances": {"trainin": {}}}, r"overrides.instances.trainin is not known \(known: endpoint, proc"),
        (
            {"instances": {"training": {"size": 1}}},
            r"training.size is not known \(known: count, type, volume_gb\)",
        ),
        (
            {"instances": {"endpoint": {"volume_gb": 1}}},
            r"endpoint.volume_gb is not known \(known: count, type\)",
        ),
        (
            {"instances": {"training": {"count": 0}}},
            "overrides.instances.training.count is 0: Input should be",
        ),
        ({"instances": {"training": {"type": "m5"}}}, "overrides.instances.training.type is 'm5'"),
        (
            {"limits": {"training_seconds": "60"}},
            "limits.training_seconds is '60': Input should be a valid int",
        ),
        ({"limits": {"wait_seconds": 9999}}, "limits: wait_seconds 9999 needs spot"),
        ({"limits": {"spot": True, "wait_seconds": 9}}, "wait_seconds 9 is below training_seconds 900"),
        ({"data": {"target": "x"}}, r"overrides.data.target is not known \(known: seed, split\)"),
        ({"data": {"split": {"train": 0.9}}}, "data.split: the fractions add up to 1.2"),
        ({"data": {"split": {"train": 1.5}}}, "overrides.data.split.train is 1.5"),
        ({"data": {"seed": None}}, "data.seed is None"),
        (
            {"hyperparameters": {"alhpa": 1}},
            "overrides.hyperparameters.alhpa is not known to recipe 'diabetes'. Known: alpha, fit_int",
        ),
        ({"hyperparameters": {"alpha": "high"}}, "alpha is 'high', of type string; expected type number"),
        ({"hyperparameters": {"alpha": None}}, "alpha is None, of type null; expected type number"),
        ({"hyperparameters": {"alpha": True}}, "alpha is True, of type boolean; expected type number"),
        ({"hyperparameters": {"fit_intercept": 1}}, "expected type boolean, as in the recipe"),
        ({"hyperparameters": {"alpha": float("inf")}}, "'alpha' is inf: expected finite numbers"),
        ({"hyperparameters": {"model": "x" * 2501}}, "'model' has 2503 characters"),
        ({"hyperparameters": ["alpha"]}, "overrides.hyperparameters is"),
        ({"release": "canary"}, "overrides.release is 'canary': Input should be a valid dict"),
        ({"release": {"strategi": "canary"}}, r"release.strategi is not known \(known: alarms, approval, bake_"),
        (
            {"release": {"strategy": "rolling"}},
            "release.strategy is 'rolling': Input should be 'all-at-once', 'canary'",
        ),
        ({"release": {"increment": 0}}, "release.increment is 0: Input should be greater than or equal to 1"),
        ({"release": {"steps": [50, 20, 100]}}, r"release.steps: the shares \[50, 20, 100\] must ascend, and end with"),
        ({"release": {"steps": [50], "increment": 50}}, "release.steps: the shares"),
        ({"release": {"steps": [100], "increment": 50}}, "release: increment and steps both say how traffic goes up"),
        ({"release": {"bake_seconds": 7200}}, "release: patience_seconds 3600 is below bake_seconds 7200"),
        ({"release": {"limits": {"latency": 1}}}, r"release.limits.latency is not known \(known: errors_4xx_percent"),
        ({"release": {"limits": 1}}, "release.limits"),
    ],
)
def test_overrides_that_are_wrong_are_named(
    published: Any, prepare: Prepare, overrides: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRun, match=said):
        prepare(overrides=overrides)


@pytest.mark.parametrize(
    ("section", "decision", "status"),
    [
        ({"approval": "manual"}, "PendingManualApproval", "PENDING_APPROVAL"),
        ({"approval": "manual", "strategy": "canary"}, "PendingManualApproval", "PENDING_APPROVAL"),
        ({"strategy": "canary"}, "Approved", "APPROVED"),
    ],
)
def test_what_is_left_to_a_release_is_kept_for_it(
    published: Any, publish: Publish, prepare: Prepare, section: dict[str, Any], decision: str, status: str
) -> None:
    publish(release={"bake_seconds": 60, "steps": [50, 100], **section})
    overrides = {"release": {"increment": 20, "samples": [{"body": "1,2"}]}, "instances": {"endpoint": {"count": 3}}}

    state = prepare(overrides=overrides)

    uri = "s3://switchyard-artifacts/runs/diabetes-1/release.json"
    assert state["handover"] == {
        "is_needed": True,
        "decision": decision,
        "status": status,
        "strategy": section.get("strategy", "all-at-once"),
        "document_uri": uri,
    }
    document = read_handover(uri)
    assert (document.recipe, document.execution, document.instance_count) == ("diabetes", "diabetes-1", 3)
    assert (document.content_type, document.accept, document.instance_type) == ("text/csv", "text/csv", "ml.t2.medium")
    assert document.test_data_uri == state["data"]["test_uri"]
    assert document.release.shares() == [20, 40, 60, 80, 100]
    assert (document.release.bake_seconds, document.release.samples[0].body) == (60, "1,2")
    assert prepare(overrides=overrides) == state


def test_what_the_run_serves_itself_is_handed_over_to_nobody(published: Any, prepare: Prepare) -> None:
    prepare()
    assert published.list_objects_v2(Bucket="switchyard-artifacts", Prefix="runs/")["KeyCount"] == 0


def test_a_run_cannot_do_without_the_approval_that_its_recipe_asks_for(
    published: Any, publish: Publish, prepare: Prepare
) -> None:
    publish(release={"approval": "manual"})
    prepare(overrides={"release": {"strategy": "canary", "approval": "manual"}})
    with pytest.raises(InvalidRun, match="recipe 'diabetes' asks for manual approval; change it there"):
        prepare(overrides={"release": {"approval": "automatic"}})


def test_a_recipe_without_data_needs_the_runs(published: Any, publish: Publish, prepare: Prepare) -> None:
    publish(data_uri=None)
    with pytest.raises(InvalidRun, match="has no data of its own"):
        prepare()


@pytest.mark.parametrize("uri", ["data.csv", "/tmp/data.csv", "https://b/data.csv", "s3://UPPER/x", "s3:/b/k", ""])
def test_data_that_has_no_s3_address_is_refused(published: Any, prepare: Prepare, uri: str) -> None:
    with pytest.raises(InvalidRun, match="no S3 address; expected s3://bucket/key-or-prefix"):
        prepare(data=uri)


@pytest.mark.parametrize("uri", ["s3://switchyard-data", "s3://switchyard-data/", "s3://switchyard-data//"])
def test_a_whole_bucket_is_no_data(published: Any, prepare: Prepare, uri: str) -> None:
    with pytest.raises(InvalidRun, match="is a whole bucket"):
        prepare(data=uri)


@pytest.mark.parametrize("uri", ["s3://switchyard-data/" + "k" * 1020, "s3://switchyard-data/a\nb"])
def test_an_address_that_sagemaker_cannot_take_is_refused(published: Any, prepare: Prepare, uri: str) -> None:
    with pytest.raises(InvalidRun, match="cannot be given to SageMaker"):
        prepare(data=uri)


def test_data_that_does_not_exist_is_named(published: Any, prepare: Prepare) -> None:
    with pytest.raises(InvalidRun, match=r"'s3://switchyard-data/none\.csv' does not exist"):
        prepare(data="s3://switchyard-data/none.csv")
    with pytest.raises(InvalidRun, match="'s3://switchyard-data/none' does not exist"):
        prepare(data="s3://switchyard-data/none/")
    with pytest.raises(InvalidRun, match="in a bucket that is not in this region"):
        prepare(data="s3://no-such-bucket/none.csv")


def test_empty_data_is_refused(published: Any, prepare: Prepare) -> None:
    for key in ("empty.csv", "empty/a.csv", "empty/b/"):
        published.put_object(Bucket="switchyard-data", Key=key, Body=b"")
    with pytest.raises(InvalidRun, match=r"'s3://switchyard-data/empty\.csv' is empty"):
        prepare(data="s3://switchyard-data/empty.csv")
    with pytest.raises(InvalidRun, match="all of its objects have 0 bytes"):
        prepare(data="s3://switchyard-data/empty/")


def test_data_whose_key_begins_another_key_is_refused(published: Any, prepare: Prepare) -> None:
    for key in ("d.csv", "d.csv.old.csv"):
        published.put_object(Bucket="switchyard-data", Key=key, Body=b"1\n")
    with pytest.raises(InvalidRun, match=r"the beginning of 'd\.csv\.old\.csv'"):
        prepare(data="s3://switchyard-data/d.csv")


def test_a_version_is_part_of_the_datas_hash(published: Any, prepare: Prepare) -> None:
    published.put_bucket_versioning(Bucket="switchyard-data", VersioningConfiguration={"Status": "Enabled"})
    put = published.put_object(Bucket="switchyard-data", Key="v.csv", Body=b"1\n")
    state = prepare(data="s3://switchyard-data/v.csv")
    assert state["lineage"]["data"] == f"{put['ETag'].strip(chr(34))}:{put['VersionId']}"


def test_a_prefix_is_hashed_by_all_its_objects(published: Any, prepare: Prepare) -> None:
    published.put_object(Bucket="switchyard-data", Key="parts/a.csv", Body=b"1\n")
    first = prepare(data="s3://switchyard-data/parts")
    assert first["data"]["uri"] == "s3://switchyard-data/parts/"
    assert first["data"]["is_split"] is False
    assert prepare(data="s3://switchyard-data/parts/")["lineage"] == first["lineage"]
    published.put_object(Bucket="switchyard-data", Key="parts/b.csv", Body=b"2\n")
    assert prepare(data="s3://switchyard-data/parts/")["lineage"] != first["lineage"]


def test_data_that_is_split_is_used_as_it_is(published: Any, prepare: Prepare) -> None:
    for name in ("train", "validation", "test"):
        published.put_object(Bucket="switchyard-data", Key=f"s/{name}/x.csv", Body=b"1,2\n")
    data = prepare(data="s3://switchyard-data/s")["data"]
    assert data["is_split"] is True
    assert data["train_uri"] == "s3://switchyard-data/s/train/"
    assert data["test_uri"] == "s3://switchyard-data/s/test/"


def test_data_that_is_split_in_part_is_refused(published: Any, prepare: Prepare) -> None:
    published.put_object(Bucket="switchyard-data", Key="s/train/x.csv", Body=b"1,2\n")
    published.put_object(Bucket="switchyard-data", Key="s/test/x.csv", Body=b"1,2\n")
    published.put_object(Bucket="switchyard-data", Key="s/validation/x.csv", Body=b"")
    with pytest.raises(InvalidRun, match="validation/ is missing or empty"):
        prepare(data="s3://switchyard-data/s")


def test_files_named_like_splits_are_no_splits(published: Any, prepare: Prepare) -> None:
    for name in ("train", "validation", "test"):
        published.put_object(Bucket="switchyard-data", Key=f"s/{name}", Body=b"1,2\n")
    assert prepare(data="s3://switchyard-data/s")["data"]["is_split"] is False


def test_access_denied_to_the_data_says_who_may_not(
    published: Any, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "HeadObject", "403", 403)
    with pytest.raises(InvalidRun, match="access denied"):
        prepare(data="s3://somebody-elses/data.csv")


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [("GetObject", "SlowDown", 503), ("HeadObject", "503", 503), ("HeadObject", "500", 500)],
)
def test_a_fault_of_s3_is_no_fault_of_the_run(
    published: Any, prepare: Prepare, monkeypatch: pytest.MonkeyPatch, operation: str, code: str, status: int
) -> None:
    refuse(monkeypatch, operation, code, status)
    with pytest.raises(ServiceFault):
        prepare()


def test_access_denied_to_the_recipes_is_not_the_users_fault(
    published: Any, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "GetObject", "AccessDenied", 403)
    with pytest.raises(client("s3").exceptions.ClientError, match="AccessDenied"):
        prepare()


def test_an_endpoint_name_that_is_too_long_names_the_limit(
    published: Any, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROJECT_NAME", "p" * 60)
    with pytest.raises(InvalidRun, match=r"has 69 characters, SageMaker's limit is 63"):
        prepare()


def test_arguments_that_are_too_long_for_sagemaker_are_named(
    published: Any, publish: Publish, prepare: Prepare, event: Read
) -> None:
    data = {**event("published_recipe")["data"], "features": [f"feature_{i}" for i in range(40)]}
    publish(data=data)
    with pytest.raises(InvalidRun, match=r"makes --features \d+ characters long, SageMaker takes 256"):
        prepare()


def test_without_features_all_columns_are_used(published: Any, publish: Publish, prepare: Prepare, event: Read) -> None:
    publish(data={**event("published_recipe")["data"], "features": None})
    assert "--features" not in prepare()["processing"]["arguments"]


def test_a_state_that_leaves_no_room_is_refused(published: Any, publish: Publish, prepare: Prepare) -> None:
    publish(hyperparameters={f"h{i}": "x" * 2400 for i in range(60)})
    with pytest.raises(InvalidRun, match="makes a state of"):
        prepare()


def test_a_started_run_is_counted(published: Any, prepare: Prepare, capsys: pytest.CaptureFixture[str]) -> None:
    prepare()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next((line["recipe"], line["RunsStarted"]) for line in lines if "_aws" in line) == (
        "diabetes",
        [1.0],
    )


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str, code: str, status: int) -> None:
    """Have one operation of S3 fail, as botocore raises it after its own retries."""
    s3 = client("s3")
    make_api_call = s3._make_api_call

    def call(name: str, parameters: dict[str, Any]) -> Any:
        if name == operation:
            response = {
                "Error": {"Code": code, "Message": "said S3"},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }
            raise s3.exceptions.ClientError(response, name)
        return make_api_call(name, parameters)

    monkeypatch.setattr(s3, "_make_api_call", call)


def test_a_recipe_without_scripts_gives_the_algorithm_its_own_hyperparameters_alone(
    s3: Any, publish: Publish, prepare: Prepare
) -> None:
    given = {"objective": "binary:logistic", "num_round": 50, "eta": 0.1, "eval_metric": ["error", "auc"]}
    publish("churn", source=None, metrics=[], hyperparameters=given, data_uri=f"s3://switchyard-data/{DATA}")
    s3.put_object(Bucket="switchyard-data", Key=DATA, Body=b"a,b\n")
    state = prepare(recipe="churn", execution="churn-1")
    assert state["training"]["hyperparameters"] == {
        "objective": "binary:logistic",
        "num_round": "50",
        "eta": "0.1",
        "eval_metric": "error,auc",
    }
    assert state["training"]["metric_definitions"] == []
    assert state["model"]["environment"] == {}
    assert state["processing"]["entrypoint"][1].endswith("/prepare.py")
