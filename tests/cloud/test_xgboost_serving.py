from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import numpy as np
import pytest
import xgboost

from tests.cloud.jobs import create_config, invoke, settled_endpoint, variant, wait_until
from tests.cloud.local_cloud import LocalCloud, archive
from tests.cloud.xgboost_jobs import IMAGE, as_csv, as_libsvm, matrix, rows

TABLE = rows(60)
FEATURES = [row[1:] for row in TABLE]
REGRESSION = xgboost.train({"max_depth": 2}, matrix(TABLE), num_boost_round=3)
CLASSES = xgboost.train({"objective": "multi:softprob", "num_class": 3}, matrix(rows(60, classes=3)), num_boost_round=2)


def create_model(cloud: LocalCloud, name: str, content: bytes, **environment: str) -> None:
    data = cloud.put(f"{name}/model.tar.gz", archive({"xgboost-model": content}))
    cloud.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": data, "Environment": environment},
    )


def deploy(cloud: LocalCloud, name: str, content: bytes, **environment: str) -> dict[str, Any]:
    create_model(cloud, name, content, **environment)
    create_config(cloud, name, variant(name))
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled_endpoint(cloud, name)


@pytest.fixture(scope="module")
def regression(cloud: LocalCloud) -> Iterator[str]:
    """An endpoint with a regression model."""
    name = "xgboost-regression"
    assert deploy(cloud, name, REGRESSION.save_raw("ubj"))["EndpointStatus"] == "InService"
    yield name
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def predicted(table: list[list[float]]) -> list[float]:
    """Give what the library itself predicts."""
    values: list[float] = REGRESSION.predict(xgboost.DMatrix(np.array(table))).tolist()
    return values


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv", as_csv(FEATURES)),
        ("csv", as_csv(FEATURES).replace("\n", "\r\n")),
        ("text/csv; charset=utf-8", as_csv(FEATURES).replace(",", ";")),
        ("text/libsvm", as_libsvm(TABLE)),
        ("text/x-libsvm", "".join(line.partition(" ")[2] + "\n" for line in as_libsvm(TABLE).splitlines())),
    ],
)
def test_csv_and_libsvm_are_predicted_from_as_the_library_does(
    cloud: LocalCloud, regression: str, content_type: str, body: str
) -> None:
    answer = invoke(cloud, regression, body, ContentType=content_type).decode()
    assert [float(line) for line in answer.splitlines()] == predicted(FEATURES)


def test_an_empty_cell_and_a_feature_left_out_are_missing_values(cloud: LocalCloud, regression: str) -> None:
    expected = predicted([[np.nan, 0.5, np.nan]])
    csv = invoke(cloud, regression, ",0.5,\n")
    libsvm = invoke(cloud, regression, "1:0.5\n", ContentType="text/libsvm")
    assert [float(csv)] == [float(libsvm)] == expected


def test_json_has_a_score_for_each_row(cloud: LocalCloud, regression: str) -> None:
    scores = [{"score": value} for value in predicted(FEATURES[:2])]
    answer = invoke(cloud, regression, as_csv(FEATURES[:2]), Accept="application/json")
    assert json.loads(answer) == {"predictions": scores}
    lines = invoke(cloud, regression, as_csv(FEATURES[:2]), Accept="application/jsonlines")
    assert [json.loads(line) for line in lines.splitlines()] == scores


def test_an_empty_body_has_an_empty_answer(cloud: LocalCloud, regression: str) -> None:
    assert invoke(cloud, regression, b"") == b""


@pytest.mark.parametrize(
    ("options", "body", "status", "message"),
    [
        ({}, "a,b,c", 415, "could not convert string to float"),
        ({}, "1,2,3\n1,2\n", 415, "the rows have 2 or 3 values"),
        ({}, "1,2,3\n\n1,2,3\n", 415, "the rows have 0 or 3 values"),
        ({}, b"\xff\xfe", 415, "can't decode byte 0xff"),
        ({}, "1,2", 400, "Feature size of inference data 2 is not consistent with feature size of trained model 3"),
        ({"ContentType": "text/libsvm"}, "7:1", 400, "Feature size of inference data 8"),
        ({"ContentType": "text/libsvm"}, "1 2", 415, "'2' is not index:value"),
        ({"ContentType": "text/libsvm"}, "-1:2", 415, "the index of '-1:2' is below 0"),
        ({"ContentType": "application/json"}, "[1,2,3]", 415, "is not an accepted ContentType"),
        ({"ContentType": "application/x-parquet"}, "PAR1", 415, "send text/csv or text/libsvm"),
        ({"Accept": "application/x-recordio-protobuf"}, "1,2,3", 406, "Accept type application/x-recordio-protobuf"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(
    cloud: LocalCloud, regression: str, options: dict[str, str], body: str | bytes, status: int, message: str
) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        invoke(cloud, regression, body, **options)
    assert caught.value.response["OriginalStatusCode"] == status
    assert message in caught.value.response["Error"]["Message"]


def test_many_classes_have_a_row_of_probabilities(cloud: LocalCloud, name: str) -> None:
    deploy(cloud, name, CLASSES.save_raw("json"))
    expected = CLASSES.predict(xgboost.DMatrix(np.array(FEATURES[:2]))).tolist()
    answer = invoke(cloud, name, as_csv(FEATURES[:2])).decode()
    assert [[float(cell) for cell in line.split(",")] for line in answer.splitlines()] == expected
    answer = json.loads(invoke(cloud, name, as_csv(FEATURES[:2]), Accept="application/json"))
    assert [prediction["score"] for prediction in answer["predictions"]] == expected
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_linear_model_is_served_too(cloud: LocalCloud, name: str) -> None:
    linear = xgboost.train({"booster": "gblinear"}, matrix(TABLE), num_boost_round=3)
    deploy(cloud, name, linear.save_raw("ubj"), MAX_CONTENT_LENGTH="100")
    expected = linear.predict(xgboost.DMatrix(np.array(FEATURES[:3]))).tolist()
    assert [float(line) for line in invoke(cloud, name, as_csv(FEATURES[:3])).split()] == expected
    with pytest.raises(botocore.exceptions.ClientError, match="more than 100 bytes"):
        invoke(cloud, name, as_csv(FEATURES))
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("content", "environment", "reason"),
    [
        (pickle.dumps({"a": 1}), {}, "xgboost-model is a pickle, which is not loaded here"),
        (b"not a model", {}, "Model xgboost-model cannot be loaded"),
        (REGRESSION.save_raw("ubj"), {"SAGEMAKER_INFERENCE_OUTPUT": "probability"}, "SAGEMAKER_INFERENCE_OUTPUT"),
    ],
)
def test_a_model_that_cannot_be_served_fails_its_endpoint(
    cloud: LocalCloud, name: str, content: bytes, environment: dict[str, str], reason: str
) -> None:
    endpoint = deploy(cloud, name, content, **environment)
    assert endpoint["EndpointStatus"] == "Failed"
    assert reason in "\n".join(cloud.log(f"/aws/sagemaker/Endpoints/{name}"))


def test_a_batch_transform_predicts_every_row(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, REGRESSION.save_raw("ubj"))
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": cloud.put(f"{name}/in/rows.csv", as_csv(TABLE))}}
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={
            "S3OutputPath": f"s3://{cloud.bucket}/{name}/out",
            "AssembleWith": "Line",
            "Accept": "text/csv",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    wait_until(lambda: sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"] != "InProgress")
    job = sagemaker.describe_transform_job(TransformJobName=name)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    written = cloud.get(f"s3://{cloud.bucket}/{name}/out/rows.csv.out").decode().splitlines()
    assert [[float(cell) for cell in line.split(",")] for line in written] == [
        [row[0], value] for row, value in zip(TABLE, predicted(FEATURES), strict=True)
    ]
