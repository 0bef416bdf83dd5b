"""PyTorch's images: one process, and several hosts that train together by gloo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.cloud.jobs import train
from tests.cloud.local_cloud import HERE, LocalCloud
from tests.cloud.test_training_jobs import GROUP
from tests.environments import python_of

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312-ubuntu22.04-sagemaker"
PYTORCH = {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"}}
SEVERAL = {"ResourceConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}}
# Adds up a number of each host, as scripts for several hosts begin.
SUM = """
    import json, os
    import torch.distributed as dist

    hosts = json.loads(os.environ["SM_HOSTS"])
    rank = hosts.index(os.environ["SM_CURRENT_HOST"])
    os.environ["GLOO_SOCKET_IFNAME"] = os.environ["SM_NETWORK_INTERFACE_NAME"]
    {begin}
    import torch
    number = torch.tensor([float(rank + 1)])
    dist.all_reduce(number)
    print(json.dumps([dist.get_rank(), dist.get_world_size(), number.item()]))
    dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def pytorch_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A local cloud that has torch beside it."""
    python = str(python_of("pytorch"))
    home = tmp_path_factory.mktemp("home")
    cloud = LocalCloud(home, HERE / "template.yaml", "--parameter", "Greeting=Good day", python=python)
    yield cloud
    assert cloud.close() == 0


def results(cloud: LocalCloud, name: str) -> list[list[float]]:
    lines = [line for host in ("algo-1", "algo-2") for line in cloud.log(GROUP, f"{name}/{host}")]
    # torch's own warnings begin with a bracket, too: [W socket.cpp ...
    return sorted(json.loads(line) for line in lines if re.match(r"\[\d+,", line))


@pytest.mark.parametrize(
    ("begin", "hyperparameters"),
    [
        ("dist.init_process_group('gloo', rank=rank, world_size=len(hosts))", {}),
        ("dist.init_process_group('gloo')", {"sagemaker_torch_distributed_enabled": True}),
    ],
    ids=["by the script", "by torchrun"],
)
def test_the_hosts_of_a_job_train_together(
    pytorch_cloud: LocalCloud, name: str, begin: str, hyperparameters: dict[str, bool]
) -> None:
    script = SUM.format(begin=begin)
    job = train(pytorch_cloud, name, script, **PYTORCH, **SEVERAL, HyperParameters=hyperparameters)
    assert job["TrainingJobStatus"] == "Completed", pytorch_cloud.log(GROUP, f"{name}/")
    assert results(pytorch_cloud, name) == [[0, 2, 3.0], [1, 2, 3.0]]


def test_without_torch_the_image_is_refused_with_what_to_install(cloud: LocalCloud, name: str) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        job = train(cloud, name, "pass", **PYTORCH)
        assert "pip install torch" in job["FailureReason"]
    else:
        pytest.skip("torch is installed beside this cloud")


@pytest.mark.parametrize("launcher", ["sagemaker_mpi_enabled", "sagemaker_distributed_dataparallel_enabled"])
def test_a_launcher_that_is_not_run_is_refused_by_name(cloud: LocalCloud, name: str, launcher: str) -> None:
    with pytest.raises(ClientError, match="distributed training by") as refused:
        train(cloud, name, "pass", HyperParameters={launcher: True})
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
