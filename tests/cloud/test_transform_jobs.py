from __future__ import annotations

import gzip
import json
import re
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
    prefix = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{cloud.bucket}/{name}/in"}
    source = {"S3DataSource": changes.pop("S3DataSource", prefix)}
    given = {"ContentType": "text/csv", "SplitType": "Line", **changes.pop("TransformInput", {})}
    output = {"S3OutputPath": f"s3://{cloud.bucket}/{name}/out", "Accept": "text/csv", "AssembleWith": "Line"}
    output.update(changes.pop("TransformOutput", {}))
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
        ("$[x]", "'x' in the JSONPath '$[x]' is neither an index nor a range"),
    ],
)
def test_a_filter_that_is_none_for_such_data_is_refused(
    cloud: LocalCloud, name: str, sums: str, path: str, reason: str
) -> None:
    with pytest.raises(ClientError, match=re.escape(f"Invalid DataProcessing: {reason}")):
        transform(cloud, name, sums, data="1,2\n", DataProcessing={"InputFilter": path})


def test_a_filter_that_does_not_fit_a_row_fails_by_name(cloud: LocalCloud, name: str, sums: str) -> None:
    job = transform(cloud, name, sums, data="1,2\n", DataProcessing={"InputFilter": "$[7]"})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert "wants element 7 of a row of 2" in job["FailureReason"]


def test_records_travel_together_as_far_as_the_payload_allows(cloud: LocalCloud, name: str, counts: str) -> None:
    line = f"{'x' * 99_999}\n"
    transform(cloud, name, counts, data=line * 12, MaxPayloadInMB=1)
    assert written(cloud, name) == "10 text/csv text/csv\n2 text/csv text/csv\n"


def test_single_record_sends_each_record_by_itself(cloud: LocalCloud, name: str, counts: str) -> None:
    transform(cloud, name, counts, data="1\n\n2\n3", BatchStrategy="SingleRecord")
    assert written(cloud, name) == "1 text/csv text/csv\n" * 3


def test_without_a_split_each_file_is_one_request(cloud: LocalCloud, name: str, counts: str) -> None:
    transform(cloud, name, counts, data="1\n2\n3\n", TransformInput={"SplitType": "None", "ContentType": "text/plain"})
    assert written(cloud, name) == "3 text/plain text/csv\n"


def test_without_assembling_by_line_answers_follow_each_other_as_they_are(
    cloud: LocalCloud, name: str, counts: str
) -> None:
    transform(
        cloud, name, counts, data="1\n2\n", BatchStrategy="SingleRecord", TransformOutput={"AssembleWith": "None"}
    )
    assert written(cloud, name) == "1 text/csv text/csv" * 2


def test_a_payload_of_zero_is_as_large_as_its_file(cloud: LocalCloud, name: str, counts: str) -> None:
    transform(cloud, name, counts, data=f"{'x' * 999_999}\n" * 8, MaxPayloadInMB=0)
    assert written(cloud, name) == "8 text/csv text/csv\n"


@pytest.mark.parametrize("split", ["Line", "None"])
def test_a_record_larger_than_the_payload_fails_the_job(cloud: LocalCloud, name: str, counts: str, split: str) -> None:
    job = transform(cloud, name, counts, data="x" * 1_048_577, MaxPayloadInMB=1, TransformInput={"SplitType": split})
    assert job["TransformJobStatus"] == "Failed"
    assert "Too much data for max payload size: a record has 1,048,577 bytes" in job["FailureReason"]


@pytest.mark.parametrize("payload", [{"MaxPayloadInMB": 101}, {"MaxPayloadInMB": 26, "MaxConcurrentTransforms": 4}])
def test_payloads_under_way_have_a_limit(cloud: LocalCloud, name: str, counts: str, payload: dict[str, int]) -> None:
    with pytest.raises(ClientError, match="it cannot be greater than 100") as refused:
        start_transform(cloud, name, counts, data="1\n", **payload)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_mini_batches_travel_at_a_time_and_their_answers_keep_their_order(cloud: LocalCloud, name: str) -> None:
    # Each request waits for a second one: a job that sends one after the other would not end.
    script = """
        import threading
        def model_fn(model_dir): return threading.Barrier(2, timeout=20)
        def transform_fn(model, body, content_type, accept):
            model.wait()
            return body
    """
    create_model(cloud, name, script)
    rows = "".join(f"{number}\n" for number in range(8))
    transform(cloud, name, name, data=rows, BatchStrategy="SingleRecord", MaxConcurrentTransforms=2)
    assert written(cloud, name) == rows


def test_what_fails_by_the_models_fault_is_sent_again_as_often_as_asked_for(cloud: LocalCloud, name: str) -> None:
    script = """
        import itertools
        def model_fn(model_dir): return itertools.count(1)
        def transform_fn(model, body, content_type, accept):
            if (number := next(model)) < 3:
                raise RuntimeError(f"try {number}")
            return str(number)
    """
    create_model(cloud, name, script)
    transform(cloud, name, name, data="1\n", ModelClientConfig={"InvocationsMaxRetries": 2})
    assert written(cloud, name) == "3\n"
    job = transform(cloud, f"{name}-once", name, data="1\n", ModelClientConfig={"InvocationsMaxRetries": 1})
    assert job["FailureReason"] == "AlgorithmError: the model answered 500 to a mini-batch: try 2"


def test_a_model_that_takes_too_long_fails_the_job(cloud: LocalCloud, name: str) -> None:
    script = """
        import threading
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept): threading.Event().wait(5)
    """
    create_model(cloud, name, script)
    client = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    job = transform(cloud, name, name, data="1\n", ModelClientConfig=client)
    assert job["FailureReason"] == "AlgorithmError: the model answered 504 to a mini-batch: no answer in time"


def test_compressed_files_are_read_and_answers_are_not_compressed(cloud: LocalCloud, name: str, sums: str) -> None:
    cloud.put(f"{name}/in/more.csv.gz", gzip.compress(b"1,2\n") + gzip.compress(b"3,4\n"))
    transform(cloud, name, sums, TransformInput={"CompressionType": "Gzip"})
    assert written(cloud, name, "more.csv.gz") == "3.0\n7.0\n"
    job = transform(cloud, f"{name}-plain", sums, data="1,2\n", TransformInput={"CompressionType": "Gzip"})
    assert "ClientError: 'data.csv' is not compressed with gzip" in job["FailureReason"]


def test_a_manifest_names_the_files(cloud: LocalCloud, name: str, sums: str) -> None:
    for file in ("a.csv", "b.csv", "deep/c.csv"):
        cloud.put(f"{name}/data/{file}", "1,2\n")
    prefix = {"prefix": f"s3://{cloud.bucket}/{name}/data/"}
    uri = cloud.put(f"{name}/manifest", json.dumps([prefix, "a.csv", "deep/c.csv"]))
    job = transform(cloud, name, sums, S3DataSource={"S3DataType": "ManifestFile", "S3Uri": uri})
    assert job["TransformJobStatus"] == "Completed"
    assert sorted(cloud.keys(f"{name}/out/")) == ["a.csv.out", "deep/c.csv.out"]


PREDICT_JSON = """
    import json
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept):
        return "".join(json.dumps({"sum": sum(json.loads(line))}) + "\\n" for line in body.splitlines())
"""
JSON_LINES = {
    "TransformInput": {"ContentType": "application/jsonlines"},
    "TransformOutput": {"Accept": "application/jsonlines"},
}


def test_json_lines_are_filtered_and_joined_by_name(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, PREDICT_JSON)
    rows = '{"id": "ä", "features": [1, 2]}\n{"id": 2, "features": [3, 4]}\n'
    processing = {"InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"}
    transform(cloud, name, name, data=rows, DataProcessing=processing, **JSON_LINES)
    assert written(cloud, name) == '{"id":"ä","SageMakerOutput":{"sum":3}}\n{"id":2,"SageMakerOutput":{"sum":7}}\n'
    transform(cloud, f"{name}-all", name, data="[1,2]\n", DataProcessing={"JoinSource": "Input"}, **JSON_LINES)
    assert written(cloud, f"{name}-all") == '{"SageMakerInput":[1,2],"SageMakerOutput":{"sum":3}}\n'


def test_a_whole_file_of_json_is_one_record(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, PREDICT_JSON)
    whole = {
        "TransformInput": {"ContentType": "application/json", "SplitType": "None"},
        "TransformOutput": {"Accept": "application/json"},
    }
    processing = {"InputFilter": "$.rows[0]", "JoinSource": "Input"}
    transform(cloud, name, name, data='{"rows": [[1, 2]],\n "of": "x"}', DataProcessing=processing, **whole)
    assert json.loads(written(cloud, name)) == {"rows": [[1, 2]], "of": "x", "SageMakerOutput": {"sum": 3}}


def test_an_inference_pipeline_transforms_each_answer_further(cloud: LocalCloud, name: str) -> None:
    script = """
        import os
        def model_fn(model_dir): pass
        def transform_fn(model, body, content_type, accept):
            text = body if isinstance(body, str) else body.decode()
            return f"{os.environ['WHO']}({text.strip()}:{content_type})", os.environ["TYPE"]
    """
    create_model(cloud, name, script)
    (first,) = [cloud.client("sagemaker").describe_model(ModelName=name)["PrimaryContainer"]]
    containers = [
        {**first, "Environment": {**first["Environment"], "WHO": who, "TYPE": kind}}
        for who, kind in (("a", "text/x-a"), ("b", "text/x-b"))
    ]
    cloud.client("sagemaker").create_model(
        ModelName=f"{name}-both", ExecutionRoleArn=cloud.role_arn, Containers=containers
    )
    transform(cloud, name, f"{name}-both", data="1\n")
    assert written(cloud, name) == "b(a(1:text/csv):text/x-a)\n"


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


@pytest.mark.parametrize("split", ["RecordIO", "TFRecord"])
def test_a_split_that_is_not_run_here_is_refused_by_name(cloud: LocalCloud, name: str, sums: str, split: str) -> None:
    with pytest.raises(ClientError, match=f"CreateTransformJob with TransformInput.SplitType {split} is not run"):
        start_transform(cloud, name, sums, data="x", TransformInput={"SplitType": split})


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
