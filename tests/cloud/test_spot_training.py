"""Checkpoints in S3, and managed spot training that is interrupted and goes on from them."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import ended_training, start_training, train, until
from tests.cloud.local_cloud import LocalCloud, wait_until
from tests.cloud.machines import create_machine, ended, execute, machine
from tests.cloud.test_state_machines import training
from tests.cloud.test_training_jobs import GROUP, members

# Counts to four, an epoch a line, keeps every second, and goes on from there; after the first two it waits for its end.
COUNT = """
    import os, pathlib, threading
    kept = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "checkpoints", "epoch.txt")
    done = int(kept.read_text()) if kept.exists() else 0
    print(f"begins after {done}")
    for epoch in range(done + 1, 5):
        print(f"epoch {epoch}")
        if epoch % 2 == 0:
            kept.with_suffix(".new").write_text(str(epoch))
            kept.with_suffix(".new").rename(kept)
        if epoch == 2 and done == 0:
            threading.Event().wait()
    pathlib.Path(os.environ["SM_MODEL_DIR"], "epochs.txt").write_text(kept.read_text())
"""
SPOT = {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90}}


def checkpoints(cloud: LocalCloud, name: str, **more: str) -> dict[str, Any]:
    return {"CheckpointConfig": {"S3Uri": f"s3://{cloud.bucket}/{name}/kept", **more}}


def inject(cloud: LocalCloud, target: str, kind: str, times: int | None = 1) -> tuple[int, dict[str, Any]]:
    """Add a fault."""
    connection = http.client.HTTPConnection(cloud.url.removeprefix("http://"))
    document = json.dumps({"target": target, "kind": kind, "times": times})
    connection.request("POST", "/_switchyard/faults", document)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def stages(job: dict[str, Any]) -> list[str]:
    return [transition["Status"] for transition in job["SecondaryStatusTransitions"]]


def test_an_interrupted_job_goes_on_from_its_checkpoint(cloud: LocalCloud, name: str) -> None:
    assert inject(cloud, f"training-job/{name}", "spot interruption")[0] == 201
    job = train(cloud, name, COUNT, **SPOT, **checkpoints(cloud, name))
    assert job["TrainingJobStatus"] == "Completed"
    assert stages(job) == [
        *("Starting", "Downloading", "Training", "Interrupted"),
        *("Starting", "Downloading", "Training", "Uploading", "Completed"),
    ]
    interrupted = job["SecondaryStatusTransitions"][3]
    assert interrupted["StatusMessage"].endswith(
        f"[injected: the fault 'training-job/{name}:spot interruption' of the local cloud]"
    )
    assert cloud.log(GROUP, f"{name}/") == [
        *("begins after 0", "epoch 1", "epoch 2"),
        *("begins after 2", "epoch 3", "epoch 4"),
    ]
    assert members(cloud.get(job["ModelArtifacts"]["S3ModelArtifacts"])) == {"epochs.txt": b"4"}
    assert cloud.get(f"s3://{cloud.bucket}/{name}/kept/epoch.txt") == b"4"
    assert job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"] or job["TrainingTimeInSeconds"] == 1


def test_a_spot_job_is_billed_less_than_it_trains(cloud: LocalCloud, name: str) -> None:
    script = "import threading; threading.Event().wait(1.2)"
    job = train(cloud, name, script, **SPOT)
    assert job["TrainingTimeInSeconds"] >= 2  # more when it is slow to start, or to end
    assert 1 <= job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def interrupted(cloud: LocalCloud, name: str, times: int = 1) -> None:
    """Wait until a job has been interrupted so many times."""
    describe = cloud.client("sagemaker").describe_training_job
    wait_until(lambda: stages(describe(TrainingJobName=name)).count("Interrupted") >= times)


def test_a_job_without_checkpoints_begins_anew(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    inject(cloud, f"training-job/{name[:-1]}*", "spot interruption")
    start_training(cloud, name, until(tmp_path / "end"), **SPOT)
    interrupted(cloud, name)
    (tmp_path / "end").touch()
    job = ended_training(cloud, name)
    assert job["TrainingJobStatus"] == "Completed"
    assert stages(job).count("Interrupted") == 1
    assert cloud.log(GROUP, f"{name}/") == ["begins", "begins"]


def test_an_interruption_comes_after_so_much_training(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    inject(cloud, f"training-job/{name}", "spot interruption 100ms", times=2)
    start_training(cloud, name, until(tmp_path / "end"), **SPOT)
    interrupted(cloud, name, 2)
    (tmp_path / "end").touch()
    job = ended_training(cloud, name)
    assert stages(job).count("Interrupted") == 2
    assert job["TrainingJobStatus"] == "Completed"


def test_a_script_may_keep_what_it_has_when_it_is_interrupted(cloud: LocalCloud, name: str) -> None:
    inject(cloud, f"training-job/{name}", "spot interruption")
    script = """
        import os, pathlib, signal, sys
        folder = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "state")
        if (folder / "last").exists():
            print((folder / "last").read_text())
            sys.exit()
        def keep(*_):
            (folder / "last").write_text("kept at the last moment")
            sys.exit()
        signal.signal(signal.SIGTERM, keep)
        (folder / "first").write_text("")
        while True:
            signal.pause()
    """
    job = train(cloud, name, script, **SPOT, **checkpoints(cloud, name, LocalPath="/opt/ml/state"))
    assert job["TrainingJobStatus"] == "Completed"
    assert cloud.log(GROUP, f"{name}/") == ["kept at the last moment"]


def test_a_job_that_waits_too_long_for_its_instances_is_stopped(cloud: LocalCloud, name: str) -> None:
    inject(cloud, f"training-job/{name}", "spot interruption", times=None)
    limits = {"MaxRuntimeInSeconds": 3, "MaxWaitTimeInSeconds": 3}  # enough to begin, and be interrupted, once
    job = train(
        cloud,
        name,
        "print('begins'); import threading; threading.Event().wait()",
        **{**SPOT, "StoppingCondition": limits},
    )
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "Interrupted" in stages(job)


def test_an_interrupted_job_can_be_stopped(cloud: LocalCloud, name: str) -> None:
    inject(cloud, f"training-job/{name}", "spot interruption", times=None)
    start_training(cloud, name, "print('begins'); import threading; threading.Event().wait()", **SPOT)
    sagemaker = cloud.client("sagemaker")
    wait_until(lambda: sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Interrupted")
    sagemaker.stop_training_job(TrainingJobName=name)
    job = ended_training(cloud, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_a_state_s_job_is_interrupted_as_well(cloud: LocalCloud, name: str, tmp_path: Path) -> None:
    task = training(cloud, name, dedent(until(tmp_path / "end")))
    task["Parameters"].update(SPOT)
    machine_arn = create_machine(cloud, machine(**{name: task}))
    assert inject(cloud, name, "spot interruption")[0] == 201
    arn = execute(cloud, machine_arn)
    wait_until(lambda: cloud.client("sagemaker").list_training_jobs(NameContains=name)["TrainingJobSummaries"])
    interrupted(cloud, name)
    (tmp_path / "end").touch()
    assert ended(cloud, arn)["status"] == "SUCCEEDED"


def test_jobs_on_demand_are_not_interrupted(cloud: LocalCloud, name: str) -> None:
    inject(cloud, f"training-job/{name}", "spot interruption")
    job = train(cloud, name, "print('begins')")
    assert "Interrupted" not in stages(job)


def test_a_job_that_nobody_s_state_creates_is_a_target_too(cloud: LocalCloud, name: str) -> None:
    inject(cloud, f"training-job/{name}", "crash")
    job = train(cloud, name, "print('hello')")
    assert "exit code: 137" in job["FailureReason"]
    assert "injected" in job["FailureReason"]


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("training-job/x", "ThrottlingException"),
        ("training-job/x", "timeout"),
        ("transform-job/x", "spot interruption"),
    ],
)
def test_a_fault_that_cannot_strike_a_job_is_refused(cloud: LocalCloud, target: str, kind: str) -> None:
    status, answer = inject(cloud, target, kind)
    assert status == 400
    assert "spot interruption" in answer["error"]


def test_checkpoints_are_kept_without_spot_and_for_the_next_job(cloud: LocalCloud, name: str) -> None:
    cloud.put(f"{name}/kept/epoch.txt", "3")
    cloud.put(f"{name}/kept-of-another/evil.txt", "not ours")
    job = train(cloud, name, COUNT, **checkpoints(cloud, name))
    assert job["TrainingJobStatus"] == "Completed"
    assert cloud.log(GROUP, f"{name}/") == ["begins after 3", "epoch 4"]
    assert sorted(cloud.keys(f"{name}/kept/")) == ["epoch.txt"]


def test_the_checkpoints_of_a_failed_job_are_kept(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, pathlib
        pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "checkpoints", "last").write_text("x" * 10)
        raise SystemExit("bad luck")
    """
    job = train(cloud, name, script, **checkpoints(cloud, name))
    assert job["TrainingJobStatus"] == "Failed"
    assert cloud.keys(f"{name}/kept/") == ["last"]


def test_a_bucket_that_takes_no_checkpoints_fails_the_job_by_its_uri(cloud: LocalCloud, name: str) -> None:
    config = {"CheckpointConfig": {"S3Uri": "s3://no-such-bucket-here/kept"}}
    job = train(cloud, name, "pass", **config)
    assert "NoSuchBucket" in job["FailureReason"]
    assert "s3://no-such-bucket-here/kept" in job["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"EnableManagedSpotTraining": True}, "ValidationException", "Invalid MaxWaitTimeInSeconds"),
        (
            {**SPOT, "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59}},
            "ValidationException",
            "greater than or equal to MaxRuntimeInSeconds",
        ),
        (
            {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
            "ValidationException",
            "only supported when EnableManagedSpotTraining is set to true",
        ),
        ({"CheckpointConfig": {"S3Uri": "s3://b/k", "LocalPath": "/tmp/kept"}}, "NotImplemented", "LocalPath"),
    ],
)
def test_what_contradicts_itself_or_cannot_be_run_is_refused(
    cloud: LocalCloud, name: str, changes: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        start_training(cloud, name, "pass", **changes)
    assert refused.value.response["Error"]["Code"] == code
