from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchyard.cloud.processes import mounts
from tests.cloud.jobs import channel, ended_training, start_training, train, until
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive, is_alive, wait_until

GROUP = "/aws/sagemaker/TrainingJobs"


def members(content: bytes) -> dict[str, bytes]:
    """What is in a ``.tar.gz``."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


def printed(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """The JSON document that a job printed as its first line."""
    document: dict[str, Any] = json.loads(cloud.log(GROUP, f"{name}/")[0])
    return document


def test_a_training_job_trains_on_its_channels_and_leaves_a_model(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/data/train/a.csv", "1\n2\n")
    cloud.put(f"{name}/data/train/deep/b.csv", "3\n")
    cloud.put(f"{name}/data/train.json", "{}")
    arn = start_training(
        cloud,
        name,
        """
        import os, pathlib
        folder = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
        rows = [float(row) for path in folder.rglob("*.csv") for row in path.open()]
        print("first loss=9.5")
        print("epoch 1 loss=1.5, epoch 2 loss=0.25")
        print("accuracy=n/a")
        pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text(str(sum(rows)))
        pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "report.txt").write_text("fine")
        """,
        AlgorithmSpecification={
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
                {"Name": "accuracy", "Regex": r"accuracy=(\S+)"},
            ],
        },
        InputDataConfig=[channel("train", f"s3://{cloud.bucket}/{name}/data/train/", ContentType="text/csv")],
    )
    job = ended_training(cloud, name)
    assert job["TrainingJobArn"] == arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    assert "FailureReason" not in job
    stages = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert stages == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in transition for transition in job["SecondaryStatusTransitions"][:-1])
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"] <= job["LastModifiedTime"]
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 0.25)]
    assert job["BillableTimeInSeconds"] >= 1
    model_uri = f"s3://{cloud.bucket}/{name}/made/{name}/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": model_uri}
    assert members(cloud.get(model_uri)) == {"model.txt": b"6.0"}
    assert members(cloud.get(model_uri.replace("model.tar", "output.tar"))) == {"report.txt": b"fine"}
    assert cloud.log(GROUP, f"{name}/")[0] == "first loss=9.5"


def test_statuses_move_from_in_progress_by_way_of_training_to_completed(
    cloud: LocalCloud, name: str, tmp_path: Path
) -> None:
    seen = []
    start_training(cloud, name, until(tmp_path / "end"))

    def look() -> bool:
        job = cloud.client("sagemaker").describe_training_job(TrainingJobName=name)
        seen.append(job["TrainingJobStatus"])
        (tmp_path / "end").touch()
        return bool(seen[-1] != "InProgress")

    wait_until(look)
    assert set(seen) == {"InProgress", "Completed"}


def test_a_script_sees_the_environment_that_sagemaker_documents(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/data/x", "x")
    script = "import json, os, sys; print(json.dumps({'environment': dict(os.environ), 'arguments': sys.argv[1:]}))"
    train(
        cloud,
        name,
        script,
        HyperParameters={"alpha": 0.5, "model": "ridge", "n": 3, "layers": [1, 2]},
        InputDataConfig=[channel("train", f"s3://{cloud.bucket}/{name}/data")],
        Environment={"MY_FOLDER": "/opt/ml/input/data/train", "PLAIN": "yes"},
    )
    answer = printed(cloud, name)
    seen = answer["environment"]
    base = seen["SAGEMAKER_BASE_DIR"]
    assert base.endswith("/opt/ml")
    assert base.startswith(str(cloud.home))
    assert answer["arguments"] == ["--alpha", "0.5", "--layers", "[1, 2]", "--model", "ridge", "-n", "3"]
    assert json.loads(seen["SM_HPS"]) == {"alpha": 0.5, "model": "ridge", "n": 3, "layers": [1, 2]}
    assert (seen["SM_HP_ALPHA"], seen["SM_HP_MODEL"], seen["SM_HP_LAYERS"]) == ("0.5", "ridge", "[1,2]")
    assert json.loads(seen["SM_USER_ARGS"]) == answer["arguments"]
    assert seen["SM_CHANNEL_TRAIN"] == seen["MY_FOLDER"] == f"{base}/input/data/train"
    assert json.loads(seen["SM_CHANNELS"]) == ["train"]
    assert seen["SM_MODEL_DIR"] == f"{base}/model"
    assert seen["SM_OUTPUT_DATA_DIR"] == f"{base}/output/data"
    assert seen["SM_OUTPUT_DIR"] == f"{base}/output"
    assert seen["SM_INPUT_CONFIG_DIR"] == f"{base}/input/config"
    assert (seen["SM_CURRENT_HOST"], json.loads(seen["SM_HOSTS"])) == ("algo-1", ["algo-1"])
    assert (seen["SM_NUM_GPUS"], seen["SM_USER_ENTRY_POINT"], seen["SM_MODULE_NAME"]) == ("0", "train.py", "train")
    assert json.loads(seen["SM_RESOURCE_CONFIG"])["current_instance_type"] == "ml.m5.large"
    assert json.loads(seen["SM_INPUT_DATA_CONFIG"])["train"]["TrainingInputMode"] == "File"
    assert json.loads(seen["SM_TRAINING_ENV"])["user_entry_point"] == "train.py"
    assert (seen["TRAINING_JOB_NAME"], seen["PLAIN"], seen["AWS_REGION"]) == (name, "yes", "us-east-1")
    assert seen["AWS_ENDPOINT_URL"] == cloud.url


def test_the_configuration_files_lie_where_containers_look_for_them(cloud: LocalCloud, name: str) -> None:
    script = """
        import json, os, pathlib
        config = pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"])
        print(json.dumps({path.name: json.loads(path.read_text()) for path in config.iterdir()}))
    """
    train(cloud, name, script, HyperParameters={"alpha": 0.5})
    files = printed(cloud, name)
    assert files["hyperparameters.json"]["alpha"] == "0.5"  # strings, as in the request
    assert files["resourceconfig.json"]["hosts"] == ["algo-1"]
    assert files["inputdataconfig.json"] == {}


def test_a_script_calls_aws_in_the_name_of_its_role(cloud: LocalCloud, name: str) -> None:
    train(cloud, name, "import boto3, json; print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))")
    role = cloud.resource("JobRole")
    assert printed(cloud, name) == f"arn:aws:sts::123456789012:assumed-role/{role}/switchyard"


def test_a_script_does_not_see_the_secrets_of_whoever_started_the_cloud(cloud: LocalCloud, name: str) -> None:
    train(cloud, name, "import json, os; print(json.dumps(sorted(os.environ)))")
    assert not [key for key in printed(cloud, name) if key.startswith("PYTEST")]


def test_the_last_line_of_a_traceback_is_the_failure_reason(cloud: LocalCloud, name: str) -> None:
    job = train(
        cloud,
        name,
        """
        import sys
        print("going well")
        def fit():
            raise ValueError("column 3 is empty")
        fit()
        """,
        HyperParameters={"alpha": 1},
    )
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == (
        "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\n"
        'ErrorMessage "ValueError: column 3 is empty"\nCommand "python3 train.py --alpha 1", exit code: 1'
    )
    lines = cloud.log(GROUP, f"{name}/")
    assert lines[:2] == ["going well", "Traceback (most recent call last):"]
    assert "switchyard" not in "".join(line for line in lines if "containers" not in line)  # the script's frames only
    assert "ModelArtifacts" not in job


def test_what_a_script_writes_to_output_failure_is_the_failure_reason(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, pathlib, sys
        pathlib.Path(os.environ["SM_OUTPUT_DIR"], "failure").write_text("the labels are all the same")
        sys.exit(7)
    """
    reason = train(cloud, name, script)["FailureReason"]
    assert reason == "AlgorithmError: the labels are all the same, exit code: 1"  # the container's, not the script's


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; sys.exit('no rows')", 'ExitCode 1\nErrorMessage "no rows"'),
        ("import os; os._exit(9)", 'ExitCode 9\nErrorMessage "the process printed nothing"'),
        ("import os; os.kill(os.getpid(), 9)", 'ExitCode -9\nErrorMessage "the process printed nothing"'),
        ("this is no Python", 'ErrorMessage "SyntaxError: invalid syntax'),
        ("print('é\\xff' * 2000); 1 / 0", "ZeroDivisionError"),
    ],
)
def test_every_way_to_fail_has_a_reason(cloud: LocalCloud, name: str, script: str, reason: str) -> None:
    job = train(cloud, name, script)
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_a_long_reason_is_cut_to_what_sagemaker_keeps(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, "raise SystemExit('x' * 5000)")
    assert len(job["FailureReason"]) == 1024


def test_a_stopped_job_is_stopped_and_its_process_gone(cloud: LocalCloud, name: str) -> None:
    script = "import os, threading; print(os.getpid()); threading.Event().wait()"
    start_training(cloud, name, script)
    pid = int(wait_until(lambda: cloud.log(GROUP, f"{name}/"))[0])
    assert is_alive(pid)
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    job = ended_training(cloud, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert not is_alive(pid)
    assert "FailureReason" not in job
    with pytest.raises(ClientError, match="rejected because the training job is in status Stopped"):
        cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    again = ended_training(cloud, name)
    assert again == {**job, "ResponseMetadata": again["ResponseMetadata"]}


def test_a_script_is_asked_before_it_is_ended_and_keeps_its_model(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, pathlib, signal, threading
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        print("ready")
        while not stopped.wait(0.01):
            pass
        print("saving a checkpoint")
        pathlib.Path(os.environ["SM_MODEL_DIR"], "model.txt").write_text("half of it")
    """
    start_training(cloud, name, script)
    wait_until(lambda: cloud.log(GROUP, f"{name}/"))
    cloud.client("sagemaker").stop_training_job(TrainingJobName=name)
    job = ended_training(cloud, name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert cloud.log(GROUP, f"{name}/") == ["ready", "saving a checkpoint"]
    assert members(cloud.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"model.txt": b"half of it"}


def test_a_job_ends_when_its_time_is_over(cloud: LocalCloud, name: str) -> None:
    script = "import os, threading; print(os.getpid()); threading.Event().wait()"
    job = train(cloud, name, script, StoppingCondition={"MaxRuntimeInSeconds": 3})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert not is_alive(int(cloud.log(GROUP, f"{name}/")[0]))


def test_what_a_script_leaves_running_ends_with_its_job(cloud: LocalCloud, name: str) -> None:
    script = """
        import subprocess, sys
        helper = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
        print(helper.pid)
    """
    assert train(cloud, name, script)["TrainingJobStatus"] == "Completed"
    pid = int(cloud.log(GROUP, f"{name}/")[0])
    wait_until(lambda: not is_alive(pid))


def test_a_job_without_a_model_completes_without_an_artifact(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, "pass")
    assert job["TrainingJobStatus"] == "Completed"
    assert "ModelArtifacts" not in job
    assert cloud.keys(f"{name}/made") == []


def test_the_folders_of_a_job_are_gone_with_it(cloud: LocalCloud, name: str) -> None:
    train(cloud, name, "import os; print(os.getcwd())")
    assert [path.name for path in cloud.home.glob(f"cloud/*/containers/training-job-{name}*")] == []


def test_an_image_without_a_local_runtime_fails_by_name(cloud: LocalCloud, name: str) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/my-own:latest"
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
    job = train(cloud, name, "pass", AlgorithmSpecification=algorithm)
    assert job["TrainingJobStatus"] == "Failed"
    assert f"no local runtime stands in for the image '{image}'" in job["FailureReason"]


def test_a_missing_entry_point_fails_by_name(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_program": "fit.py"})
    assert job["FailureReason"] == "ClientError: there is no 'fit.py' in sagemaker_submit_directory"


@pytest.mark.parametrize("program", ["../../../../../../evil.py", "/{home}/elsewhere/evil.py"])
def test_an_entry_point_outside_of_the_code_is_not_run_and_nothing_is_made_there(
    cloud: LocalCloud, name: str, program: str
) -> None:
    program = program.format(home=str(cloud.home).lstrip("/"))
    evil = cloud.home / "evil.py"
    evil.write_text("print('evil')")
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_program": program})
    assert job["FailureReason"] == f"ClientError: there is no '{program}' in sagemaker_submit_directory"
    assert not (cloud.home / "elsewhere").exists()


def test_script_mode_needs_an_entry_point(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_program": None})
    assert "sagemaker_program is missing" in job["FailureReason"]


def test_code_that_is_not_there_fails_by_its_uri(cloud: LocalCloud, name: str) -> None:
    uri = f"s3://{cloud.bucket}/nowhere/sourcedir.tar.gz"
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_submit_directory": uri})
    assert "NoSuchKey" in job["FailureReason"]
    assert uri in job["FailureReason"]


def test_a_channel_without_data_fails_by_its_uri(cloud: LocalCloud, name: str) -> None:
    uri = f"s3://{cloud.bucket}/{name}/no-such-data/"
    job = train(cloud, name, "pass", InputDataConfig=[channel("train", uri)])
    assert job["FailureReason"].startswith("ClientError: Data download failed")
    assert uri in job["FailureReason"]


def test_a_bucket_that_is_not_there_fails_by_its_uri(cloud: LocalCloud, name: str) -> None:
    job = train(cloud, name, "pass", InputDataConfig=[channel("train", "s3://no-such-bucket-here/data")])
    assert "NoSuchBucket" in job["FailureReason"]
    assert "s3://no-such-bucket-here/data" in job["FailureReason"]


@pytest.mark.parametrize("key", ["data/../../../../../../evil.txt", "data/a/../../../../evil.txt"])
def test_a_key_that_leads_out_of_its_channel_is_refused(cloud: LocalCloud, name: str, key: str) -> None:
    cloud.put(f"{name}/{key}", "evil")
    job = train(cloud, name, "pass", InputDataConfig=[channel("train", f"s3://{cloud.bucket}/{name}/data/")])
    assert "leads out of its channel's folder" in job["FailureReason"]
    assert not list(cloud.home.rglob("evil.txt"))


def test_a_key_below_another_key_fails_with_both_named(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/data/a", "a file")
    cloud.put(f"{name}/data/a/b", "a file below a file")
    job = train(cloud, name, "pass", InputDataConfig=[channel("train", f"s3://{cloud.bucket}/{name}/data/")])
    assert job["FailureReason"].startswith("ClientError")
    assert f"{name}/data/a/b" in job["FailureReason"]


def evil_archive(kind: str) -> bytes:
    if kind == "parent":
        return archive({"train.py": "pass", "../../../../evil.txt": "evil"})
    if kind == "absolute":
        return archive({"train.py": "pass", "/evil-at-the-root.txt": "evil"})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        link = tarfile.TarInfo("way-out")
        link.type = tarfile.SYMTYPE if kind == "symlink" else tarfile.LNKTYPE
        link.linkname = "../../../.."
        tar.addfile(link)
        member = tarfile.TarInfo("way-out/evil.txt")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["parent", "symlink", "hardlink"])
def test_an_archive_that_climbs_out_is_refused_and_leaves_nothing(cloud: LocalCloud, name: str, kind: str) -> None:
    code = cloud.put(f"{name}/evil.tar.gz", evil_archive(kind))
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_submit_directory": code})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: the archive sourcedir.tar.gz cannot be unpacked: ")
    assert not list(cloud.home.rglob("evil.txt"))


def test_an_absolute_path_in_an_archive_stays_inside(cloud: LocalCloud, name: str) -> None:
    code = cloud.put(f"{name}/evil.tar.gz", evil_archive("absolute"))
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_submit_directory": code})
    assert job["TrainingJobStatus"] == "Completed"  # the leading slash is dropped, as tar itself does


def test_code_that_is_no_archive_fails_with_the_reason(cloud: LocalCloud, name: str) -> None:
    code = cloud.put(f"{name}/text.tar.gz", "this is text")
    job = train(cloud, name, "pass", HyperParameters={"sagemaker_submit_directory": code})
    assert "the archive sourcedir.tar.gz cannot be unpacked" in job["FailureReason"]


def test_a_name_is_used_only_once(cloud: LocalCloud, name: str) -> None:
    train(cloud, name, "pass")
    with pytest.raises(ClientError, match=f"already exists .*{name}") as refused:
        start_training(cloud, name, "pass")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


def test_a_regular_expression_that_is_none_is_refused_before_the_job_begins(cloud: LocalCloud, name: str) -> None:
    algorithm = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9"}],
    }
    with pytest.raises(ClientError, match="loss=") as refused:
        start_training(cloud, name, "pass", AlgorithmSpecification=algorithm)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("operation", ["describe_training_job", "stop_training_job"])
def test_a_job_that_does_not_exist_is_not_found(cloud: LocalCloud, operation: str) -> None:
    with pytest.raises(ClientError, match="Requested resource not found") as refused:
        getattr(cloud.client("sagemaker"), operation)(TrainingJobName="no-such-job")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_two_jobs_at_once_do_not_share_their_random_numbers(cloud: LocalCloud, name: str) -> None:
    script = "import json, random, numpy; print(json.dumps([random.random(), numpy.random.random()]))"
    for number in (1, 2):
        start_training(cloud, f"{name}-{number}", script)
    for number in (1, 2):
        assert ended_training(cloud, f"{name}-{number}")["TrainingJobStatus"] == "Completed"
    first, second = (json.loads(cloud.log(GROUP, f"{name}-{number}/")[0]) for number in (1, 2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_eventbridge_hears_of_every_change_of_status(cloud: LocalCloud, name: str) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.sagemaker"], "detail": {"TrainingJobName": [name]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    train(cloud, name, "print('done')")

    told: dict[str, dict[str, Any]] = {}  # by status: a queue keeps no order

    def look() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            event = json.loads(message["Body"])
            told[event["detail"]["TrainingJobStatus"]] = event
        return "Completed" in told and "InProgress" in told

    wait_until(look)
    for event in told.values():
        assert event["detail-type"] == "SageMaker Training Job State Change"
        assert event["resources"] == [event["detail"]["TrainingJobArn"]]
    assert told["InProgress"]["detail"]["SecondaryStatus"] == "Starting"


def test_what_a_job_leaves_running_ends_with_it_while_another_goes_on(cloud: LocalCloud, name: str) -> None:
    if not mounts.are_allowed():
        pytest.skip("this machine does not let a process have mounts of its own")
    start_training(cloud, f"{name}-other", "import threading; threading.Event().wait()")
    script = """
        import os, threading
        ready, tell = os.pipe()
        if os.fork() == 0:
            os.setsid()
            os.write(tell, str(os.getpid()).encode())
            threading.Event().wait()
        print("left:", os.read(ready, 100).decode())
    """
    assert train(cloud, name, script)["TrainingJobStatus"] == "Completed"
    left = int(cloud.log(GROUP, f"{name}/")[-1].partition("left: ")[2])
    assert not is_alive(left)
    client = cloud.client("sagemaker")
    assert client.describe_training_job(TrainingJobName=f"{name}-other")["TrainingJobStatus"] == "InProgress"
    client.stop_training_job(TrainingJobName=f"{name}-other")
    assert ended_training(cloud, f"{name}-other")["TrainingJobStatus"] == "Stopped"


def test_a_script_with_opt_ml_written_into_it_finds_its_own(cloud: LocalCloud, name: str) -> None:
    if not mounts.are_allowed():
        pytest.skip("this machine does not let a process have mounts of its own")
    cloud.put(f"{name}/data/a.csv", "1")
    script = """
        import os, pathlib, subprocess
        data = pathlib.Path("/opt/ml/input/data/train/a.csv").read_text()
        subprocess.run(["cp", "/opt/ml/input/data/train/a.csv", "/opt/ml/model/copy"], check=True)
        pathlib.Path("/opt/ml/model/who").write_text(f"{os.getuid()} {sorted(os.listdir('/opt'))}")
    """
    one = channel("train", f"s3://{cloud.bucket}/{name}/data")
    jobs = [f"{name}-{number}" for number in range(2)]
    for job in jobs:
        start_training(cloud, job, script, InputDataConfig=[one])
    for job in jobs:
        ended = ended_training(cloud, job)
        made = members(cloud.get(ended["ModelArtifacts"]["S3ModelArtifacts"]))
        there = sorted({"ml", *(path.name for path in Path("/opt").iterdir())})
        assert made == {"copy": b"1", "who": f"{os.getuid()} {there}".encode()}
    assert not (Path("/opt/ml") / "model" / "who").exists()


def test_a_script_that_fills_its_volume_fails_the_job(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, threading
        with open(os.path.join(os.environ["SM_MODEL_DIR"], "large"), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2**30 + 2**20)  # taken from the disk, without the time to write it
            threading.Event().wait()
    """
    resources = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    job = train(cloud, name, script, ResourceConfig=resources)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: [Errno 28] No space left on device: algo-1")
    assert not list(cloud.home.glob(f"cloud/*/containers/training-job-{name}*"))


def test_models_that_are_not_to_be_compressed_lie_in_s3_as_files(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, pathlib
        made = pathlib.Path(os.environ["SM_MODEL_DIR"], "deep", "model.txt")
        made.parent.mkdir()
        made.write_text("weights")
    """
    output = {"S3OutputPath": f"s3://{cloud.bucket}/{name}/made", "CompressionType": "NONE"}
    job = train(cloud, name, script, OutputDataConfig=output)
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == f"s3://{cloud.bucket}/{name}/made/{name}/output/model/"
    assert cloud.get(f"{uri}deep/model.txt") == b"weights"


def test_code_may_come_in_a_channel_or_be_a_shell_script_or_an_entrypoint(cloud: LocalCloud, name: str) -> None:
    code = archive({"run.sh": 'python3 other.py "$@"', "other.py": "import sys; print(sys.argv[1:])"})
    cloud.put(f"{name}/code/sourcedir.tar.gz", code)
    one = [channel("code", f"s3://{cloud.bucket}/{name}/code")]
    given = {"sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz", "sagemaker_program": "run.sh"}
    train(cloud, f"{name}-1", "pass", HyperParameters={**given, "words": "two 'words'"}, InputDataConfig=one)
    assert cloud.log(GROUP, f"{name}-1/") == ["""['--words', "two 'words'"]"""]
    entry_point = {
        "TrainingImage": IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["python3", "/opt/ml/code/train.py"],
        "ContainerArguments": ["--model", "/opt/ml/model"],
    }
    script = "import os, sys; print(sys.argv[1:], 'SM_HPS' in os.environ)"
    train(cloud, f"{name}-2", script, AlgorithmSpecification=entry_point)
    (line,) = cloud.log(GROUP, f"{name}-2/")
    assert line.startswith("['--model', '/")
    assert line.endswith("/opt/ml/model'] False")
