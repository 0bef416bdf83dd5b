"""How a training job's channels reach its script: files, manifests, shares of several hosts, pipes."""

from __future__ import annotations

import gzip
import json
import struct
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from switchyard.cloud.sagemaker.channels import Channel
from tests.cloud.jobs import channel, ended_training, start_training, train
from tests.cloud.local_cloud import LocalCloud
from tests.cloud.test_training_jobs import GROUP, members, printed

# Prints what lies in the channel's folder.
READ_FILES = """
    import json, os, pathlib
    folder = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
    print(json.dumps({str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}))
"""
# Prints what comes out of the channel's first pipes, as hexadecimal digits.
READ_PIPES = """
    import json, os, pathlib
    pipes = [os.environ["SM_CHANNEL_TRAIN"] + f"_{epoch}" for epoch in range(int(os.environ["SM_HP_EPOCHS"]))]
    assert not pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).exists()
    print(json.dumps([pathlib.Path(pipe).read_bytes().hex() for pipe in pipes]))
"""
SEVERAL = {"InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}


def source(uri: str, kind: str = "S3Prefix", **changes: Any) -> dict[str, Any]:
    """Return the data source of a channel."""
    return {"S3DataSource": {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated", **changes}}


def put(cloud: LocalCloud, name: str, **files: str | bytes) -> str:
    """Put files below a prefix of the test's own, and return it."""
    for path, content in files.items():
        cloud.put(f"{name}/data/{path}", content)
    return f"s3://{cloud.bucket}/{name}/data/"


def from_pipes(cloud: LocalCloud, name: str, one: dict[str, Any], epochs: int = 1) -> list[bytes]:
    """Return what a script reads out of the channel's pipes."""
    job = train(cloud, name, READ_PIPES, HyperParameters={"epochs": epochs}, InputDataConfig=[one])
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    return [bytes.fromhex(content) for content in printed(cloud, name)]


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_a_manifest_names_the_objects_of_a_channel(cloud: LocalCloud, name: str, mode: str) -> None:
    prefix = put(cloud, name, **{"a.csv": "1", "deep/b.csv": "2", "c.csv": "not listed"})
    manifest = cloud.put(f"{name}/manifest", json.dumps([{"prefix": prefix}, "a.csv", "deep/b.csv"]))
    one = {"ChannelName": "train", "DataSource": source(manifest, "ManifestFile"), "InputMode": mode}
    train(cloud, name, READ_FILES, InputDataConfig=[one])
    assert printed(cloud, name) == {"a.csv": "1", "deep/b.csv": "2"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no JSON", "is not a manifest"),
        ("[]", "is not a manifest"),
        ('[{"prefix": ""}, "a"]', "is not a manifest"),
        ('[{"prefix": "s3://{bucket}/"}, 7]', "is not a manifest"),
        ('[{"prefix": "s3://{bucket}/"}]', "lists nothing"),
        ('[{"prefix": "s3://{bucket}/nowhere/"}, "a.csv"]', "NoSuchKey"),
        ('[{"prefix": "s3://{bucket}/"}, "../../../../evil.txt"]', "leads out of its channel's folder"),
    ],
)
def test_a_manifest_that_cannot_be_followed_fails_the_job(
    cloud: LocalCloud, name: str, content: str, reason: str
) -> None:
    manifest = cloud.put(f"{name}/manifest", content.replace("{bucket}", cloud.bucket))
    one = {"ChannelName": "train", "DataSource": source(manifest, "ManifestFile")}
    job = train(cloud, name, READ_FILES, InputDataConfig=[one])
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_each_host_gets_its_share_of_the_objects_and_all_of_a_replicated_channel(cloud: LocalCloud, name: str) -> None:
    shared = put(cloud, name, **{f"{number}.csv": str(number) for number in range(5)})
    whole = cloud.put(f"{name}/whole/all.csv", "all")
    script = """
        import os, pathlib
        made = pathlib.Path(os.environ["SM_MODEL_DIR"], os.environ["SM_CURRENT_HOST"])
        made.mkdir()
        for channel in ("SHARED", "WHOLE"):
            for path in pathlib.Path(os.environ[f"SM_CHANNEL_{channel}"]).iterdir():
                (made / path.name).write_text(path.read_text())
        print(os.environ["SM_CURRENT_HOST"])
    """
    job = train(
        cloud,
        name,
        script,
        ResourceConfig={"InstanceCount": 2, **SEVERAL},
        InputDataConfig=[
            {"ChannelName": "shared", "DataSource": source(shared, S3DataDistributionType="ShardedByS3Key")},
            channel("whole", whole),
        ],
    )
    made = members(cloud.get(job["ModelArtifacts"]["S3ModelArtifacts"]))
    assert sorted(made) == [
        *(f"algo-1/{file}" for file in ("0.csv", "2.csv", "4.csv", "all.csv")),
        *(f"algo-2/{file}" for file in ("1.csv", "3.csv", "all.csv")),
    ]
    logs = cloud.client("logs").describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")
    assert [stream["logStreamName"].rpartition("-")[0] for stream in logs["logStreams"]] == [
        f"{name}/algo-1",
        f"{name}/algo-2",
    ]
    assert cloud.log(GROUP, f"{name}/algo-2") == ["algo-2"]


def test_one_host_s_failure_is_the_job_s_and_ends_the_others(cloud: LocalCloud, name: str) -> None:
    script = """
        import os, threading
        if os.environ["SM_CURRENT_HOST"] == "algo-2":
            raise SystemExit("algo-2 has no data")
        threading.Event().wait()
    """
    job = train(cloud, name, script, ResourceConfig={"InstanceCount": 3, **SEVERAL})
    assert job["TrainingJobStatus"] == "Failed"
    assert 'ExitCode 1\nErrorMessage "algo-2 has no data"' in job["FailureReason"]


def test_the_hosts_of_a_job_find_each_other(cloud: LocalCloud, name: str) -> None:
    script = """
        import json, os, socket
        hosts, here = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
        address = os.environ["SM_MASTER_ADDR"], int(os.environ["SM_MASTER_PORT"])
        if here == hosts[0]:
            with socket.create_server(address) as listening:
                others = set()
                while len(others) < len(hosts) - 1:
                    connection, _ = listening.accept()
                    others.add(connection.recv(100).decode())
            print(json.dumps(sorted(others)))
        else:
            while True:
                try:
                    connection = socket.create_connection(address)
                except ConnectionRefusedError:
                    continue
                connection.sendall(here.encode())
                break
    """
    job = train(cloud, name, script, ResourceConfig={"InstanceCount": 3, **SEVERAL})
    assert job["TrainingJobStatus"] == "Completed"
    assert [json.loads(line) for line in cloud.log(GROUP, f"{name}/algo-1")] == [["algo-2", "algo-3"]]


def test_a_pipe_gives_all_objects_in_each_epoch(cloud: LocalCloud, name: str) -> None:
    one = channel("train", put(cloud, name, a="first\n", b="x" * 40_000, c="last\n"), InputMode="Pipe")
    whole = b"first\n" + b"x" * 40_000 + b"last\n"
    assert from_pipes(cloud, name, one, epochs=3) == [whole] * 3


def test_a_script_may_leave_an_epoch_and_the_rest_of_its_pipes(cloud: LocalCloud, name: str) -> None:
    one = channel("train", put(cloud, name, a="x" * 1_000_000), InputMode="Pipe")
    script = """
        import os
        for epoch in (0, 1):
            with open(os.environ["SM_CHANNEL_TRAIN"] + f"_{epoch}", "rb") as pipe:
                print(len(pipe.read(10)))
    """
    assert train(cloud, name, script, InputDataConfig=[one])["TrainingJobStatus"] == "Completed"
    assert cloud.log(GROUP, f"{name}/") == ["10", "10"]


def test_a_pipe_that_nobody_reads_does_not_keep_a_job(cloud: LocalCloud, name: str) -> None:
    one = channel("train", put(cloud, name, a="x"), InputMode="Pipe")
    assert train(cloud, name, "pass", InputDataConfig=[one])["TrainingJobStatus"] == "Completed"


def test_a_compressed_pipe_is_decompressed(cloud: LocalCloud, name: str) -> None:
    members = gzip.compress(b"one ") + gzip.compress(b"two ")
    prefix = put(cloud, name, a=members, b=gzip.compress(b"three"))
    one = channel("train", prefix, InputMode="Pipe", CompressionType="Gzip")
    assert from_pipes(cloud, name, one) == [b"one two three"]


def test_what_is_not_compressed_as_it_should_be_fails_the_job_by_its_uri(cloud: LocalCloud, name: str) -> None:
    one = channel("train", put(cloud, name, a="plain text"), InputMode="Pipe", CompressionType="Gzip")
    job = train(cloud, name, READ_PIPES, HyperParameters={"epochs": 1}, InputDataConfig=[one])
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"ClientError: 's3://{cloud.bucket}/{name}/data/a' is not compressed")


def records(content: bytes) -> list[bytes]:
    """Return the contents of RecordIO's records."""
    found = []
    while content:
        magic, length = struct.unpack_from("<II", content)
        assert magic == 0xCED7230A
        found.append(content[8 : 8 + length])
        content = content[8 + -(-length // 4) * 4 :]
    return found


def test_objects_are_wrapped_as_records(cloud: LocalCloud, name: str) -> None:
    prefix = put(cloud, name, a="four", b="fives", c="")
    one = channel("train", prefix, InputMode="Pipe", RecordWrapperType="RecordIO")
    (content,) = from_pipes(cloud, name, one)
    assert records(content) == [b"four", b"fives", b""]


def test_an_augmented_manifest_gives_the_attributes_of_each_line(cloud: LocalCloud, name: str) -> None:
    prefix = put(cloud, name, cat="a cat's picture", dog="a dog's picture")
    lines = [{"image-ref": f"{prefix}{animal}", "label": number} for number, animal in enumerate(("cat", "dog"))]
    manifest = cloud.put(f"{name}/manifest", "\n".join(map(json.dumps, lines)))
    one = {
        "ChannelName": "train",
        "DataSource": source(manifest, "AugmentedManifestFile", AttributeNames=["image-ref", "label"]),
        "InputMode": "Pipe",
        "RecordWrapperType": "RecordIO",
    }
    (content,) = from_pipes(cloud, name, one)
    assert records(content) == [b"a cat's picture", b"0", b"a dog's picture", b"1"]


def test_shuffling_gives_each_epoch_an_order_of_its_own_that_the_seed_decides(cloud: LocalCloud, name: str) -> None:
    prefix = put(cloud, name, **{letter: letter for letter in "abcdefgh"})
    one = channel("train", prefix, InputMode="Pipe", ShuffleConfig={"Seed": 7})
    first, second = from_pipes(cloud, name, one, epochs=2)
    assert first != second
    assert sorted(first) == sorted(second) == list(b"abcdefgh")
    assert from_pipes(cloud, f"{name}-again", one, epochs=2) == [first, second]


@given(
    entries=st.lists(st.integers(), max_size=30),
    hosts=st.integers(1, 7),
    epoch=st.integers(0, 3),
    seed=st.none() | st.integers(0, 2**31),
)
def test_the_shares_of_all_hosts_are_the_whole(entries: list[int], hosts: int, epoch: int, seed: int | None) -> None:
    request = channel("train", "s3://bucket/data", **({} if seed is None else {"ShuffleConfig": {"Seed": seed}}))
    request["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    names = [f"algo-{number}" for number in range(hosts)]
    shares = [Channel(request, "File").share(entries, epoch, host, names) for host in names]
    assert sorted(entry for share in shares for entry in share) == sorted(entries)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"InputMode": "File", "CompressionType": "Gzip"}, "ValidationException", "CompressionType"),
        ({"InputMode": "FastFile", "RecordWrapperType": "RecordIO"}, "ValidationException", "RecordWrapperType"),
        (
            {"DataSource": source("s3://bucket/manifest", "AugmentedManifestFile", AttributeNames=["a"])},
            "ValidationException",
            "Pipe input mode",
        ),
        (
            {"DataSource": source("s3://bucket/manifest", "AugmentedManifestFile"), "InputMode": "Pipe"},
            "ValidationException",
            "AttributeNames",
        ),
        (
            {
                "DataSource": {
                    "FileSystemDataSource": {
                        "FileSystemId": "fs-01234567890",
                        "FileSystemAccessMode": "ro",
                        "FileSystemType": "EFS",
                        "DirectoryPath": "/",
                    }
                }
            },
            "NotImplemented",
            "FileSystemDataSource",
        ),
    ],
)
def test_a_channel_that_aws_refuses_or_that_is_not_run_is_refused_by_name(
    cloud: LocalCloud, name: str, changes: dict[str, Any], code: str, words: str
) -> None:
    one = {**channel("train", "s3://bucket/data"), **changes}
    with pytest.raises(ClientError, match=words) as refused:
        start_training(cloud, name, "pass", InputDataConfig=[one])
    assert refused.value.response["Error"]["Code"] == code
    assert not cloud.client("sagemaker").list_training_jobs(NameContains=name)["TrainingJobSummaries"]


def test_two_channels_of_one_name_are_refused(cloud: LocalCloud, name: str) -> None:
    with pytest.raises(ClientError, match="unique"):
        start_training(cloud, name, "pass", InputDataConfig=[channel("train", "s3://b/k")] * 2)


def test_a_channel_is_only_for_the_instance_groups_that_it_names(cloud: LocalCloud, name: str) -> None:
    data = put(cloud, name, a="1")
    groups = [
        {"InstanceGroupName": group, "InstanceType": "ml.m5.large", "InstanceCount": 1} for group in ("data", "other")
    ]
    script = """
        import os
        print(os.environ["SM_CURRENT_INSTANCE_GROUP"], os.path.exists(os.environ["SM_CHANNEL_TRAIN"]))
    """
    start_training(
        cloud,
        name,
        script,
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 5},
        InputDataConfig=[{"ChannelName": "train", "DataSource": source(data, InstanceGroupNames=["data"])}],
    )
    assert ended_training(cloud, name)["TrainingJobStatus"] == "Completed"
    assert sorted(cloud.log(GROUP, f"{name}/")) == ["data True", "other False"]
