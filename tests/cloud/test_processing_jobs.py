from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import ended_processing, process, processing_input, processing_output, start_processing
from tests.cloud.local_cloud import IMAGE, LocalCloud, is_alive, wait_until

GROUP = "/aws/sagemaker/ProcessingJobs"
PROCESSING = "/opt/ml/processing"


def application(*arguments: str, **changes: Any) -> dict[str, Any]:
    return {"ImageUri": IMAGE, "ContainerArguments": list(arguments), **changes}


def test_a_processing_job_turns_its_inputs_into_its_outputs(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/in/a.txt", "a")
    cloud.put(f"{name}/in/deep/b.txt", "b")
    job = process(
        cloud,
        name,
        """
        import pathlib, sys
        source, target = map(pathlib.Path, sys.argv[1:])
        for path in source.rglob("*.txt"):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text().upper())
        print("copied")
        """,
        AppSpecification=application(f"{PROCESSING}/input/data", f"{PROCESSING}/output/data"),
        ProcessingInputs=[processing_input("data", f"s3://{cloud.bucket}/{name}/in", f"{PROCESSING}/input/data")],
        ProcessingOutputConfig={
            "Outputs": [
                processing_output("data", f"s3://{cloud.bucket}/{name}/out", f"{PROCESSING}/output/data"),
                processing_output("none", f"s3://{cloud.bucket}/{name}/none", f"{PROCESSING}/output/none"),
            ]
        },
    )
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ProcessingJobArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:processing-job/{name}"
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert cloud.keys(f"{name}/out/") == ["a.txt", "deep/b.txt"]
    assert cloud.get(f"s3://{cloud.bucket}/{name}/out/deep/b.txt") == b"B"
    assert cloud.keys(f"{name}/none") == []
    assert cloud.log(GROUP, f"{name}/") == ["copied"]


def test_paths_below_opt_ml_lead_into_the_jobs_own_folder(cloud: LocalCloud, name: str) -> None:
    arguments = ["--in=/opt/ml/processing/x", "/opt/mlflow", "s3://bucket/opt/ml/x", "/opt/ml", "a:/opt/ml/y"]
    script = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['WHERE'], os.environ['NAME']]))"
    process(
        cloud,
        name,
        script,
        AppSpecification=application(*arguments),
        Environment={"WHERE": "/opt/ml/processing", "NAME": "plain"},
    )
    seen, where, plain = json.loads(cloud.log(GROUP, f"{name}/")[0])
    base = where.removesuffix("/processing")
    assert base.startswith(str(cloud.home))
    assert seen == [f"--in={base}/processing/x", "/opt/mlflow", "s3://bucket/opt/ml/x", base, f"a:{base}/y"]
    assert plain == "plain"


def test_the_jobs_configuration_lies_where_containers_look_for_it(cloud: LocalCloud, name: str) -> None:
    script = """
        import json, pathlib, sys
        config = pathlib.Path(sys.argv[1])
        print(json.dumps({path.name: json.loads(path.read_text()) for path in config.iterdir()}))
    """
    process(cloud, name, script, AppSpecification=application("/opt/ml/config"))
    files = json.loads(cloud.log(GROUP, f"{name}/")[0])
    assert files["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert files["processingjobconfig.json"]["ProcessingJobName"] == name


def test_the_exit_message_tells_why_a_job_failed(cloud: LocalCloud, name: str) -> None:
    script = """
        import pathlib, sys
        pathlib.Path(sys.argv[1]).write_text("column 'price' is missing")
        sys.exit(3)
    """
    job = process(cloud, name, script, AppSpecification=application("/opt/ml/output/message"))
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "column 'price' is missing"
    assert job["FailureReason"] == "AlgorithmError: column 'price' is missing, exit code: 3"


def test_without_an_exit_message_the_last_line_printed_tells_why(cloud: LocalCloud, name: str) -> None:
    job = process(cloud, name, "raise KeyError('price')")
    assert job["FailureReason"] == "AlgorithmError: KeyError: 'price', exit code: 1"
    assert "ExitMessage" not in job


def test_a_completed_job_may_leave_an_exit_message_too(cloud: LocalCloud, name: str) -> None:
    script = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('x' * 3000)"
    job = process(cloud, name, script, AppSpecification=application("/opt/ml/output/message"))
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "x" * 1024


def test_a_failed_job_uploads_nothing(cloud: LocalCloud, name: str) -> None:
    path = f"{PROCESSING}/output/data"
    script = "import pathlib, sys; pathlib.Path(sys.argv[1], 'half').write_text('x'); sys.exit(1)"
    outputs = {"Outputs": [processing_output("data", f"s3://{cloud.bucket}/{name}/out", path)]}
    job = process(cloud, name, script, AppSpecification=application(path), ProcessingOutputConfig=outputs)
    assert job["ProcessingJobStatus"] == "Failed"
    assert cloud.keys(f"{name}/out") == []


def test_any_command_can_be_the_entry_point(cloud: LocalCloud, name: str) -> None:
    entry_point = ["sh", "-c", "echo one; echo two >&2; echo three; exit 5"]
    job = process(cloud, name, "pass", AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": entry_point})
    assert cloud.log(GROUP, f"{name}/") == ["one", "two", "three"]
    assert job["FailureReason"] == "AlgorithmError: three, exit code: 5"


def test_a_command_that_is_not_there_is_named(cloud: LocalCloud, name: str) -> None:
    entry_point = ["no-such-program"]
    job = process(cloud, name, "pass", AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": entry_point})
    assert "no-such-program" in job["FailureReason"]
    assert "exit code: 127" in job["FailureReason"]


def test_a_script_that_is_not_there_is_named(cloud: LocalCloud, name: str) -> None:
    entry_point = ["python3", f"{PROCESSING}/input/code/other.py"]
    job = process(cloud, name, "pass", AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": entry_point})
    assert "other.py': [Errno 2] No such file or directory" in job["FailureReason"]


@pytest.mark.parametrize("path", ["/etc", "relative/path", "/opt/ml/../../../evil", "/opt/mlx/evil"])
def test_a_local_path_outside_of_opt_ml_is_refused(cloud: LocalCloud, name: str, path: str) -> None:
    inputs = [processing_input("data", f"s3://{cloud.bucket}/{name}/code", path)]
    job = process(cloud, name, "pass", ProcessingInputs=inputs)
    assert job["FailureReason"] == (
        f"ClientError: LocalPath '{path}' is not below /opt/ml; SageMaker mounts only below /opt/ml"
    )


def test_a_stopped_job_is_stopped_with_all_that_it_started(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, subprocess, sys, threading
        helper = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
        print(os.getpid(), helper.pid)
        threading.Event().wait()
    """
    start_processing(cloud, name, script)
    pids = [int(pid) for pid in wait_until(lambda: cloud.log(GROUP, f"{name}/"))[0].split()]
    assert all(is_alive(pid) for pid in pids)
    cloud.client("sagemaker").stop_processing_job(ProcessingJobName=name)
    assert ended_processing(cloud, name)["ProcessingJobStatus"] == "Stopped"
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_job_ends_when_its_time_is_over(cloud: LocalCloud, name: str) -> None:
    script = "import threading; threading.Event().wait()"
    job = process(cloud, name, script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"


def test_an_image_without_a_local_runtime_fails_by_name(cloud: LocalCloud, name: str) -> None:
    job = process(cloud, name, "pass", AppSpecification={"ImageUri": "python:3.12"})
    assert "no local runtime stands in for the image 'python:3.12'" in job["FailureReason"]


def test_a_name_is_used_only_once(cloud: LocalCloud, name: str) -> None:
    process(cloud, name, "pass")
    with pytest.raises(ClientError, match=f"already exists .*{name}") as refused:
        start_processing(cloud, name, "pass")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.parametrize("operation", ["describe_processing_job", "stop_processing_job"])
def test_a_job_that_does_not_exist_is_not_found(cloud: LocalCloud, operation: str) -> None:
    with pytest.raises(ClientError, match="Could not find requested job with name: no-such-job"):
        getattr(cloud.client("sagemaker"), operation)(ProcessingJobName="no-such-job")


def test_every_instance_is_a_process_and_has_its_share(cloud: LocalCloud, name: str) -> None:
    for file in ("a", "b", "c"):
        cloud.put(f"{name}/in/{file}", file)
    shared = processing_input("shared", f"s3://{cloud.bucket}/{name}/in", f"{PROCESSING}/input/shared")
    shared["S3Input"]["S3DataDistributionType"] = "ShardedByS3Key"
    output = processing_output("o", f"s3://{cloud.bucket}/{name}/o", f"{PROCESSING}/out")
    whole = processing_input("whole", f"s3://{cloud.bucket}/{name}/in", f"{PROCESSING}/input/whole")
    job = process(
        cloud,
        name,
        """
        import json, os, pathlib
        folder = pathlib.Path("/opt/ml/processing")
        config = json.loads(pathlib.Path("/opt/ml/config/resourceconfig.json").read_text())
        names = [sorted(os.listdir(folder / "input" / each)) for each in ("shared", "whole")]
        (folder / "out" / config["current_host"]).write_text(json.dumps([config["hosts"], *names]))
        print("on", config["current_host"])
        """,
        ProcessingInputs=[shared, whole],
        ProcessingOutputConfig={"Outputs": [output]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
    )
    assert job["ProcessingJobStatus"] == "Completed"
    hosts, every = ["algo-1", "algo-2"], ["a", "b", "c"]
    assert json.loads(cloud.get(f"s3://{cloud.bucket}/{name}/o/algo-1")) == [hosts, ["a", "c"], every]
    assert json.loads(cloud.get(f"s3://{cloud.bucket}/{name}/o/algo-2")) == [hosts, ["b"], every]
    for host in hosts:
        assert cloud.log(GROUP, f"{name}/{host}") == [f"on {host}"]


def test_a_manifest_names_the_files_of_an_input(cloud: LocalCloud, name: str) -> None:
    for file in ("a", "b", "c"):
        cloud.put(f"{name}/in/{file}", file)
    uri = cloud.put(f"{name}/manifest", json.dumps([{"prefix": f"s3://{cloud.bucket}/{name}/in/"}, "a", "c"]))
    listed = processing_input("listed", uri, f"{PROCESSING}/input/listed")
    listed["S3Input"]["S3DataType"] = "ManifestFile"
    process(
        cloud, name, f"import os; print(sorted(os.listdir('{PROCESSING}/input/listed')))", ProcessingInputs=[listed]
    )
    assert cloud.log(GROUP, f"{name}/") == ["['a', 'c']"]


def test_a_continuous_output_is_there_while_the_job_runs(cloud: LocalCloud, name: str) -> None:
    output = processing_output("o", f"s3://{cloud.bucket}/{name}/o", f"{PROCESSING}/out")
    output["S3Output"]["S3UploadMode"] = "Continuous"
    start_processing(
        cloud,
        name,
        """
        import pathlib, threading
        pathlib.Path("/opt/ml/processing/out/first").write_text("1")
        threading.Event().wait()
        """,
        ProcessingOutputConfig={"Outputs": [output]},
    )
    wait_until(lambda: cloud.keys(f"{name}/o/") == ["first"])
    client = cloud.client("sagemaker")
    assert client.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "InProgress"
    client.stop_processing_job(ProcessingJobName=name)
    assert ended_processing(cloud, name)["ProcessingJobStatus"] == "Stopped"


@pytest.mark.parametrize(("member", "value"), [("S3InputMode", "Pipe"), ("S3CompressionType", "Gzip")])
def test_ways_to_read_that_are_not_run_are_refused(cloud: LocalCloud, name: str, member: str, value: str) -> None:
    data = processing_input("data", f"s3://{cloud.bucket}/{name}/in", f"{PROCESSING}/input/data")
    data["S3Input"][member] = value
    with pytest.raises(ClientError, match=f"ProcessingInputs.S3Input.{member} {value} is not run"):
        start_processing(cloud, name, "pass", ProcessingInputs=[data])
