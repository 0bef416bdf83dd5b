from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import SUM_ROWS, create_model
from tests.cloud.local_cloud import IMAGE, LocalCloud, is_alive, wait_until

GROUP = "/aws/sagemaker/TransformJobs"
# Answers each request with its size in rows: what a mini-batch held can then be read off the output.
COUNT_ROWS = """
    def model_fn(model_dir):
        return None

    def transform_fn(model, body, content_type, accept):
        return f"{len(body.splitlines())} {content_type} {accept}"
"""


def start_transform(cloud: LocalCloud, name: str, model: str, *, data: str | bytes = "", **changes: Any) -> None:
    """Start a transform job on one file of data."""
    if data:
        cloud.put(f"{name}/in/data.csv", data)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{cloud.bucket}/{name}/in"}}
    given = {"ContentType": "text/csv", "SplitType": "Line", **changes.pop("TransformInput", {})}
    output = {"S3OutputPath": f"s3://{cloud.bucket}/{name}/out", "Accept": "text/csv", "AssembleWith": "Line"}
    cloud.client("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={"DataSource": source, **given},
        TransformOutput=output,
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        **changes,
    )


def ended_transform(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait for the end of a transform job, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = cloud.client("sagemaker").describe_transform_job(TransformJobName=name)
        return None if job["TransformJobStatus"] in {"InProgress", "Stopping"} else job

    found = wait_until(look)
    assert found is not None
    return found


def transform(cloud: LocalCloud, name: str, model: str, **changes: Any) -> dict[str, Any]:
    """Run a transform job to its end."""
    start_transform(cloud, name, model, **changes)
    return ended_transform(cloud, name)


def written(cloud: LocalCloud, name: str, file: str = "data.csv") -> str:
    """What a job wrote for a file."""
    return cloud.get(f"s3://{cloud.bucket}/{name}/out/{file}.out").decode()


@pytest.fixture(scope="module")
def sums(cloud: LocalCloud) -> str:
    create_model(cloud, "sums", SUM_ROWS)
    return "sums"


@pytest.fixture(scope="module")
def counts(cloud: LocalCloud) -> str:
    create_model(cloud, "counts", COUNT_ROWS)
    return "counts"


def test_a_transform_job_predicts_each_row_of_each_file(cloud: LocalCloud, name: str, sums: str) -> None:
    cloud.put(f"{name}/in/deep/more.csv", "5,6\n")
    job = transform(cloud, name, sums, data="1,2\n3,4\n")
    assert job["TransformJobStatus"] == "Completed"
    assert job["TransformJobArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:transform-job/{name}"
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert written(cloud, name) == "3.0\n7.0\n"
    assert written(cloud, name, "deep/more.csv") == "11.0\n"


def test_filters_choose_what_the_model_sees_and_what_is_written(cloud: LocalCloud, name: str, sums: str) -> None:
    processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
    transform(cloud, name, sums, data='"house, red",1,2\r\nshed,3,4\n', DataProcessing=processing)
    assert written(cloud, name) == '"house, red",3.0\nshed,7.0\n'


def test_without_a_join_the_output_filter_sees_the_prediction_alone(cloud: LocalCloud, name: str, sums: str) -> None:
    transform(cloud, name, sums, data="x,1,2\n", DataProcessing={"InputFilter": "$[1:]", "OutputFilter": "$[0]"})
    assert written(cloud, name) == "3.0\n"


def test_predictions_in_json_can_be_joined_too(cloud: LocalCloud, name: str) -> None:
    script = """
        import json
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept):
            return json.dumps({"predictions": [[len(line), "ok"] for line in body.splitlines()]}), "application/json"
    """
    create_model(cloud, name, script)
    transform(cloud, name, name, data="1,2\n3,45\n", DataProcessing={"JoinSource": "Input"})
    assert written(cloud, name) == "1,2,3,ok\n3,45,4,ok\n"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$.features", "'$.features' is not a JSONPath for CSV rows"),
        ("$[7]", "wants element 7 of a row of 2"),
        ("$[x]", "'x' in the JSONPath '$[x]' is neither an index nor a range"),
    ],
)
def test_a_filter_that_does_not_fit_fails_by_name(
    cloud: LocalCloud, name: str, sums: str, path: str, reason: str
) -> None:
    job = transform(cloud, name, sums, data="1,2\n", DataProcessing={"InputFilter": path})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]


def test_records_travel_together_as_far_as_the_payload_allows(cloud: LocalCloud, name: str, counts: str) -> None:
    line = f"{'x' * 99_999}\n"
    transform(cloud, name, counts, data=line * 12, MaxPayloadInMB=1)
    assert written(cloud, name) == "10 text/csv text/csv\n2 text/csv text/csv\n"


def test_single_record_sends_each_record_by_itself(cloud: LocalCloud, name: str, counts: str) -> None:
    transform(cloud, name, counts, data="1\n\n2\n3", BatchStrategy="SingleRecord")
    assert written(cloud, name) == "1 text/csv text/csv\n" * 3


def test_without_a_split_each_file_is_one_request(cloud: LocalCloud, name: str, counts: str) -> None:
    transform(cloud, name, counts, data="1\n2\n3\n", TransformInput={"SplitType": "None", "ContentType": "text/plain"})
    assert written(cloud, name) == "3 text/plain text/csv"


def test_the_jobs_environment_reaches_the_model(cloud: LocalCloud, name: str) -> None:
    script = """
        import os
        def model_fn(model_dir): return [os.environ["MODE"], os.environ["SAGEMAKER_BATCH"]]
        def transform_fn(model, body, content_type, accept): return " ".join(model)
    """
    create_model(cloud, name, script)
    transform(cloud, name, name, data="1\n", Environment={"MODE": "nightly"})
    assert written(cloud, name) == "nightly true\n"


def test_a_model_that_answers_500_fails_the_job_with_its_reason(cloud: LocalCloud, name: str) -> None:
    script = """
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): raise RuntimeError("the weights are gone")
    """
    create_model(cloud, name, script)
    job = transform(cloud, name, name, data="1\n")
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"] == ("AlgorithmError: the model answered 500 to a mini-batch: the weights are gone")
    assert cloud.keys(f"{name}/out") == []
    assert any("RuntimeError" in line for line in cloud.log(GROUP, f"{name}/"))


def test_a_model_that_refuses_a_row_fails_the_job_with_its_reason(cloud: LocalCloud, name: str, sums: str) -> None:
    job = transform(cloud, name, sums, data="1,2\n3,four\n")
    assert "the model answered 400 to a mini-batch: could not convert string to float: 'four'" in job["FailureReason"]


def test_a_model_that_does_not_load_fails_the_job_with_its_last_words(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, "def model_fn(model_dir): raise OSError('no weights')")
    job = transform(cloud, name, name, data="1\n")
    assert job["FailureReason"].endswith("Its last words: OSError: no weights")


def test_a_model_that_dies_in_the_middle_fails_the_job(cloud: LocalCloud, name: str) -> None:
    script = """
        import os
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): os._exit(1)
    """
    create_model(cloud, name, script)
    job = transform(cloud, name, name, data="1\n")
    assert "ended in the middle of the job" in job["FailureReason"]


@pytest.mark.parametrize("data", [b"1,2\n\xff\xfe,4\n", b"1,2\n\x00,\r4\n"])
def test_bytes_that_are_not_csv_fail_the_job_by_the_data_not_by_the_cloud(
    cloud: LocalCloud, name: str, sums: str, data: bytes
) -> None:
    job = transform(cloud, name, sums, data=data, DataProcessing={"JoinSource": "Input"})
    assert job["TransformJobStatus"] == "Failed"
    assert not job["FailureReason"].startswith("InternalServerError")


@pytest.mark.parametrize("answer", ["not json", "{}", "[1, 2, 3]", "5"])
def test_an_answer_that_cannot_be_joined_fails_the_job(cloud: LocalCloud, name: str, answer: str) -> None:
    script = f"""
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): return {answer!r}, "application/json"
    """
    create_model(cloud, name, script)
    job = transform(cloud, name, name, data="1\n2\n", DataProcessing={"JoinSource": "Input"})
    assert job["FailureReason"].startswith("ClientError: the model answered")


def test_a_stopped_job_is_stopped_and_its_server_gone(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, threading
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept):
            print(os.getpid(), flush=True)
            threading.Event().wait()
    """
    create_model(cloud, name, script)
    start_transform(cloud, name, name, data="1\n")
    pid = int(wait_until(lambda: cloud.log(GROUP, f"{name}/"))[0])
    assert is_alive(pid)
    cloud.client("sagemaker").stop_transform_job(TransformJobName=name)
    assert ended_transform(cloud, name)["TransformJobStatus"] == "Stopped"
    assert not is_alive(pid)


def test_no_data_fails_by_its_uri(cloud: LocalCloud, name: str, sums: str) -> None:
    job = transform(cloud, name, sums)
    assert f"s3://{cloud.bucket}/{name}/in" in job["FailureReason"]


def test_a_split_that_is_not_run_here_fails_by_name(cloud: LocalCloud, name: str, sums: str) -> None:
    job = transform(cloud, name, sums, data="x", TransformInput={"SplitType": "RecordIO"})
    assert "SplitType Line or None" in job["FailureReason"]


def test_a_model_that_does_not_exist_is_refused_at_once(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match=r'Could not find model ".*no-such-model"'):
        start_transform(cloud, name, "no-such-model")
    with pytest.raises(ClientError, match=f"Could not find requested job with name: {name}"):
        cloud.client("sagemaker").describe_transform_job(TransformJobName=name)


def test_a_model_with_an_image_without_a_local_runtime_fails_by_name(cloud: LocalCloud, name: str) -> None:
    image = IMAGE.replace("scikit-learn", "my-own")
    container = {"Image": image}
    cloud.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container)
    job = transform(cloud, name, name, data="1\n")
    assert f"no local runtime stands in for the image '{image}'" in job["FailureReason"]
