"""Endpoints of several containers, and of many models."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import create_model, invoke, serve_config, variant
from tests.cloud.local_cloud import IMAGE, LocalCloud, archive, is_alive, wait_until

# Says who it is, what it got, of which type, and what was to be answered.
WRAP = """
    import os
    def model_fn(model_dir): pass
    def transform_fn(model, body, content_type, accept):
        body = body if isinstance(body, str) else body.decode()
        if body == "fail":
            raise RuntimeError(f"{os.environ['WHO']} fails")
        return f"{os.environ['WHO']}({body}:{content_type}:{accept})", f"text/x-{os.environ['WHO']}"
"""
# A model of a multi-model endpoint: its own word, and its process.
WORD = """
    import os, pathlib
    def model_fn(model_dir): return pathlib.Path(model_dir, "word.txt").read_text()
    def transform_fn(model, body, content_type, accept): return f"{model} {os.getpid()}"
"""


def create_several(cloud: LocalCloud, name: str, *names: str, **more: Any) -> None:
    """Create a model of several containers."""
    create_model(cloud, f"{name}-alone", WRAP)
    alone = cloud.client("sagemaker").describe_model(ModelName=f"{name}-alone")["PrimaryContainer"]
    containers = [
        {**alone, **({"ContainerHostname": who} if more else {}), "Environment": {**alone["Environment"], "WHO": who}}
        for who in names
    ]
    cloud.client("sagemaker").create_model(
        ModelName=name, ExecutionRoleArn=cloud.role_arn, Containers=containers, **more
    )


def create_multi_model(cloud: LocalCloud, name: str, **changes: Any) -> None:
    """Create a multi-model with the models `red.tar.gz` and `deep/blue.tar.gz`."""
    for key, word in (("red.tar.gz", "red"), ("deep/blue.tar.gz", "blue")):
        cloud.put(f"{name}/models/{key}", archive({"word.txt": word}))
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"inference.py": dedent(WORD)}))
    container = {
        "Image": IMAGE,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{cloud.bucket}/{name}/models/",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code},
        **changes,
    }
    cloud.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, PrimaryContainer=container)


@pytest.fixture(scope="module")
def words(cloud: LocalCloud) -> Iterator[str]:
    create_multi_model(cloud, "words")
    assert serve_config(cloud, "words", variant("words"))["EndpointStatus"] == "InService"
    yield "words"
    cloud.client("sagemaker").delete_endpoint(EndpointName="words")


def test_in_a_pipeline_each_container_gets_the_answer_of_the_one_before(cloud: LocalCloud, name: str) -> None:
    create_several(cloud, name, "a", "b", "c")
    assert serve_config(cloud, name, variant(name))["EndpointStatus"] == "InService"
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body="x", ContentType="text/csv", Accept="text/x-last"
    )
    # Only the last one is asked for what the client accepts; between containers JSON is the default.
    inner = "b(a(x:text/csv:application/json):text/x-a:application/json)"
    assert answer["Body"].read().decode() == f"c({inner}:text/x-b:text/x-last)"
    assert answer["ContentType"] == "text/x-c"
    with pytest.raises(ClientError, match=r'server error \(500\) from container-1 with message "a fails"'):
        invoke(cloud, name, "fail")
    with pytest.raises(ClientError, match="takes TargetContainerHostname"):
        invoke(cloud, name, "x", TargetContainerHostname="container-1")

    def printed(container: str) -> bool:
        found = cloud.client("logs").describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
        return any(each["logStreamName"].endswith(container) for each in found)

    wait_until(lambda: printed("container-1"))
    assert not printed("container-3")
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)
    wait_until(lambda: not list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")))


def test_a_pipeline_with_a_broken_container_fails_and_leaves_nothing_running(cloud: LocalCloud, name: str) -> None:
    create_several(cloud, f"{name}-ok", "a")
    (good,) = cloud.client("sagemaker").describe_model(ModelName=f"{name}-ok")["Containers"]
    lost = {**good, "ModelDataUrl": f"s3://{cloud.bucket}/{name}/lost.tar.gz"}
    cloud.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=cloud.role_arn, Containers=[good, lost])
    endpoint = serve_config(cloud, name, variant(name))
    assert endpoint["EndpointStatus"] == "Failed"
    assert "lost.tar.gz" in endpoint["FailureReason"]
    assert list(cloud.home.glob(f"cloud/*/containers/endpoint-{name}-*")) == []


def test_containers_are_asked_by_their_names_where_the_mode_is_direct(cloud: LocalCloud, name: str) -> None:
    create_several(cloud, name, "first", "second", InferenceExecutionConfig={"Mode": "Direct"})
    serve_config(cloud, name, variant(name))
    for who in ("first", "second"):
        assert invoke(cloud, name, "x", TargetContainerHostname=who).decode() == f"{who}(x:text/csv:application/json)"
    with pytest.raises(ClientError, match=r'from second with message "second fails"'):
        invoke(cloud, name, "fail", TargetContainerHostname="second")
    for target in ({}, {"TargetContainerHostname": "third"}):
        with pytest.raises(ClientError, match="the endpoint's containers are: first, second") as refused:
            invoke(cloud, name, "x", **target)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_a_model_of_many_is_loaded_when_it_is_first_asked(cloud: LocalCloud, words: str) -> None:
    red, pid = invoke(cloud, words, "x", TargetModel="red.tar.gz").decode().split()
    blue, other = invoke(cloud, words, "x", TargetModel="/deep/blue.tar.gz").decode().split()
    assert (red, blue) == ("red", "blue")
    assert pid != other
    assert invoke(cloud, words, "x", TargetModel="red.tar.gz").decode() == f"red {pid}"
    cloud.put(f"{words}/models/new.tar.gz", archive({"word.txt": "new"}))  # after the endpoint was made
    assert invoke(cloud, words, "x", TargetModel="new.tar.gz").decode().startswith("new ")


def test_a_model_that_is_not_there_is_named(cloud: LocalCloud, words: str) -> None:
    with pytest.raises(
        ClientError, match=r"Failed to download model data\(bucket: .*, key: words/models/no.tar.gz\)"
    ) as no:
        invoke(cloud, words, "x", TargetModel="no.tar.gz")
    assert no.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="missing a target model header"):
        invoke(cloud, words, "x")


def test_a_model_that_does_not_load_says_why_and_the_others_live(cloud: LocalCloud, words: str) -> None:
    cloud.put(f"{words}/models/empty.tar.gz", archive({"other.txt": ""}))
    cloud.put(f"{words}/models/broken.tar.gz", b"no archive")
    with pytest.raises(ClientError, match=r"broken.tar.gz could not be loaded: .*cannot be unpacked") as broken:
        invoke(cloud, words, "x", TargetModel="broken.tar.gz")
    assert broken.value.response["Error"]["Code"] == "ModelError"
    with pytest.raises(ClientError, match=r"empty.tar.gz could not be loaded: .*FileNotFoundError"):
        invoke(cloud, words, "x", TargetModel="empty.tar.gz")
    assert invoke(cloud, words, "x", TargetModel="red.tar.gz").decode().startswith("red ")


def test_models_are_not_kept_where_that_is_not_wanted(cloud: LocalCloud, name: str) -> None:
    create_multi_model(cloud, name, MultiModelConfig={"ModelCacheSetting": "Disabled"})
    serve_config(cloud, name, variant(name))
    pids = [int(invoke(cloud, name, "x", TargetModel="red.tar.gz").decode().split()[1]) for _ in range(2)]
    assert pids[0] != pids[1]
    for pid in pids:
        wait_until(lambda pid=pid: not is_alive(pid))
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_only_an_endpoint_of_many_models_takes_a_target_model(cloud: LocalCloud, name: str) -> None:
    create_model(cloud, name, WRAP)
    serve_config(cloud, name, variant(name))
    with pytest.raises(ClientError, match="is not a multi-model endpoint and does not support target model header"):
        invoke(cloud, name, "x", TargetModel="red.tar.gz")
    cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def test_batch_transform_takes_no_multi_model(cloud: LocalCloud, words: str, name: str) -> None:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{cloud.bucket}/{name}"}}
    with pytest.raises(ClientError, match="batch transform takes none"):
        cloud.client("sagemaker").create_transform_job(
            TransformJobName=name,
            ModelName=words,
            TransformInput={"DataSource": source},
            TransformOutput={"S3OutputPath": f"s3://{cloud.bucket}/{name}/out"},
            TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        )
