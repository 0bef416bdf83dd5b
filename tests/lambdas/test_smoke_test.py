from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from botocore.response import StreamingBody
from shared.errors import ServiceFault, SmokeTestFailed
from shared.s3 import S3Location
from smoke_test import first_row, handler, read_prediction

Read = Callable[[str], dict[str, Any]]
KEY = "runs/diabetes-20260701-120000/splits/test/test.csv"


@pytest.fixture
def runtime(s3: Any, stub: Callable[[str], Any]) -> Any:
    s3.put_object(Bucket="switchyard-artifacts", Key=KEY, Body=b"151.0,0.03,0.05\n75.0,0.1,0.2\n")
    return stub("sagemaker-runtime")


def answer(runtime: Any, body: bytes) -> None:
    runtime.add_response(
        "invoke_endpoint",
        {"Body": StreamingBody(io.BytesIO(body), len(body)), "ContentType": "text/csv"},
        {
            "EndpointName": "switchyard-diabetes",
            "ContentType": "text/csv",
            "Accept": "text/csv",
            "Body": b"0.03,0.05",
        },
    )


def test_it_asks_with_the_first_row_without_its_target(runtime: Any, event: Read, context: Any) -> None:
    answer(runtime, b"149.5\n")
    result = handler(event("smoke_test"), context)
    assert result["prediction"] == 149.5
    assert result["latency_ms"] >= 0


@pytest.mark.parametrize(
    ("body", "prediction"),
    [
        ("1.5", 1.5),
        ("[1.5]", 1.5),
        ("[[1.5, 2.0]]", 1.5),
        ('{"predictions": [1.5]}', 1.5),
        ('{"predictions": [{"score": 1.5}]}', 1.5),
        ("1.5,0.2\n3,4", 1.5),
        ("setosa\n", "setosa"),
        ('["setosa"]', "setosa"),
    ],
)
def test_it_reads_csv_and_json(body: str, prediction: float | str) -> None:
    assert read_prediction(body, "e") == prediction


@pytest.mark.parametrize("body", ["", " \n", "[]", "{}", "null", "[null]"])
def test_an_answer_without_a_prediction_fails(body: str) -> None:
    with pytest.raises(SmokeTestFailed, match="answered no prediction"):
        read_prediction(body, "e")


@pytest.mark.parametrize("body", ["nan", "[NaN]", "inf", "-Infinity"])
def test_a_prediction_that_is_not_finite_fails(body: str) -> None:
    with pytest.raises(SmokeTestFailed, match="not a finite number"):
        read_prediction(body, "e")


def test_the_models_own_error_reaches_the_user(runtime: Any, event: Read, context: Any) -> None:
    runtime.add_client_error("invoke_endpoint", "ModelError", "Received client error (415): bad csv", 424)
    with pytest.raises(SmokeTestFailed, match=r"'switchyard-diabetes' refused .*bad csv"):
        handler(event("smoke_test"), context)


def test_throttling_is_not_the_models_error(runtime: Any, event: Read, context: Any) -> None:
    runtime.add_client_error("invoke_endpoint", "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(ServiceFault):
        handler(event("smoke_test"), context)


def test_empty_objects_and_lines_are_passed_over(s3: Any) -> None:
    s3.put_object(Bucket="switchyard-data", Key="test/a.csv", Body=b"")
    s3.put_object(Bucket="switchyard-data", Key="test/b.csv", Body=b"\n1,2\n")
    assert first_row(S3Location("switchyard-data", "test/")) == "1,2"


def test_no_test_data_fails(s3: Any, event: Read, context: Any) -> None:
    with pytest.raises(SmokeTestFailed, match="no row of test data under s3://switchyard-artifacts/"):
        handler(event("smoke_test"), context)
