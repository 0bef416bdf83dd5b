"""Tuning jobs for the tests, whose training jobs take no time."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import Any

from tests.cloud.local_cloud import IMAGE, LocalCloud, archive, wait_until

# The best is rate = 0.3, size = 4, kind = "b".
SCORE = """
    import argparse, threading
    parser = argparse.ArgumentParser()
    for name, kind in (("rate", float), ("size", int), ("kind", str), ("bias", float)):
        parser.add_argument(f"--{name}", type=kind)
    given, _ = parser.parse_known_args()
    print(f"loss={(given.rate - 0.3) ** 2 + (given.size - 4) ** 2 / 100 + (given.kind != 'b') + given.bias};")
"""
X = {"Name": "rate", "MinValue": "-1", "MaxValue": "1"}
N = {"Name": "size", "MinValue": "1", "MaxValue": "9", "ScalingType": "Linear"}
KIND = {"Name": "kind", "Values": ["a", "b", "c"]}
RANGES = {"ContinuousParameterRanges": [X], "IntegerParameterRanges": [N], "CategoricalParameterRanges": [KIND]}


def tuning_request(cloud: LocalCloud, name: str, script: str = SCORE, **config: Any) -> dict[str, Any]:
    """Return a CreateHyperParameterTuningJob request."""
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"train.py": dedent(script)}))
    static = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code, "bias": 1.5}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": RANGES,
            "RandomSeed": 1,
            **config,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {key: json.dumps(value) for key, value in static.items()},
            "AlgorithmSpecification": {
                "TrainingImage": IMAGE,
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.e-]+);"}],
            },
            "RoleArn": cloud.role_arn,
            "OutputDataConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{name}/made"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        "Tags": [{"Key": "team", "Value": "data"}],
    }


def ended_tuning(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait for the end of a tuning job, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        client = cloud.client("sagemaker")
        job: dict[str, Any] = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        return None if job["HyperParameterTuningJobStatus"] in {"InProgress", "Stopping"} else job

    found = wait_until(look)
    assert found is not None
    return found
