"""Jobs, models and endpoints for the tests, each made of one small script."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.cloud.local_cloud import IMAGE, LocalCloud, archive, wait_until

# Answers each row with its sum; /tell gives away the process.
SUM_ROWS = """
    import os

    def model_fn(model_dir):
        return "a model"

    def input_fn(body, content_type):
        return [[float(value) for value in line.split(",")] for line in body.splitlines()]

    def predict_fn(rows, model):
        return [sum(row) for row in rows]

    def output_fn(sums, accept):
        return "".join(f"{value}\\n" for value in sums), "text/csv"
"""
# Answers any request with a word and its process.
SAY = """
    import os

    def model_fn(model_dir):
        return "{word}"

    def transform_fn(model, body, content_type, accept):
        return f"{{model}} {{os.getpid()}}"
"""


def until(path: Path) -> str:
    """Return a script that says that it begins, and ends once there is a file: a test decides when."""
    return f"""
        import pathlib, threading
        print("begins", flush=True)
        while not pathlib.Path({str(path)!r}).exists():
            threading.Event().wait(0.01)
    """


def start_training(
    cloud: LocalCloud, name: str, script: str, files: dict[str, str | bytes] | None = None, **changes: Any
) -> str:
    """Start a training job that runs `script`, with `files` beside it; `changes` are of its request."""
    beside = {path: dedent(text) if isinstance(text, str) else text for path, text in (files or {}).items()}
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"train.py": dedent(script), **beside}))
    hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": code}
    request = {
        "TrainingJobName": name,
        "RoleArn": cloud.role_arn,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{name}/made"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }
    given = {**hyperparameters, **changes.get("HyperParameters", {})}
    request["HyperParameters"] = {key: json.dumps(value) for key, value in given.items() if value is not None}
    arn: str = cloud.client("sagemaker").create_training_job(**request)["TrainingJobArn"]
    return arn


def ended_training(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait for the end of a training job, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = cloud.client("sagemaker").describe_training_job(TrainingJobName=name)
        return None if job["TrainingJobStatus"] in {"InProgress", "Stopping"} else job

    found = wait_until(look)
    assert found is not None
    return found


def train(
    cloud: LocalCloud, name: str, script: str, files: dict[str, str | bytes] | None = None, **changes: Any
) -> dict[str, Any]:
    """Run a training job to its end."""
    start_training(cloud, name, script, files, **changes)
    return ended_training(cloud, name)


def channel(name: str, uri: str, **changes: Any) -> dict[str, Any]:
    """Return a channel that reads a prefix."""
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **changes}


def start_processing(cloud: LocalCloud, name: str, script: str, **changes: Any) -> None:
    """Start a processing job that runs `script`."""
    cloud.put(f"{name}/code/process.py", dedent(script))
    code = "/opt/ml/processing/input/code"
    application = {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", f"{code}/process.py"]}
    request = {
        "ProcessingJobName": name,
        "RoleArn": cloud.role_arn,
        "AppSpecification": {**application, **changes.pop("AppSpecification", {})},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        "ProcessingInputs": [
            processing_input("code", f"s3://{cloud.bucket}/{name}/code", code),
            *changes.pop("ProcessingInputs", []),
        ],
        **changes,
    }
    cloud.client("sagemaker").create_processing_job(**request)


def ended_processing(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait for the end of a processing job, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = cloud.client("sagemaker").describe_processing_job(ProcessingJobName=name)
        return None if job["ProcessingJobStatus"] in {"InProgress", "Stopping"} else job

    found = wait_until(look)
    assert found is not None
    return found


def process(cloud: LocalCloud, name: str, script: str, **changes: Any) -> dict[str, Any]:
    """Run a processing job to its end."""
    start_processing(cloud, name, script, **changes)
    return ended_processing(cloud, name)


def processing_input(name: str, uri: str, path: str) -> dict[str, Any]:
    """Return an input that a processing job reads."""
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}


def processing_output(name: str, uri: str, path: str) -> dict[str, Any]:
    """Return an output that a processing job writes."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}


def create_model(cloud: LocalCloud, name: str, script: str, **files: str | bytes) -> str:
    """Create a model that serves `script`; `files` are in its model.tar.gz."""
    code = cloud.put(f"{name}/sourcedir.tar.gz", archive({"inference.py": dedent(script)}))
    data = cloud.put(f"{name}/model.tar.gz", archive(dict(files)))
    arn: str = cloud.client("sagemaker").create_model(
        ModelName=name,
        ExecutionRoleArn=cloud.role_arn,
        PrimaryContainer={
            "Image": IMAGE,
            "ModelDataUrl": data,
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": code},
        },
    )["ModelArn"]
    return arn


def variant(model_name: str, name: str = "all", **changes: Any) -> dict[str, Any]:
    """Return a production variant."""
    size = {"InitialInstanceCount": 1, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0}
    return {"VariantName": name, "ModelName": model_name, **size, **changes}


def create_config(cloud: LocalCloud, name: str, *variants: dict[str, Any]) -> None:
    """Create an endpoint configuration."""
    cloud.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants))


def start_endpoint(cloud: LocalCloud, name: str, *scripts: str) -> None:
    """Create model, configuration and endpoint, all of that name."""
    create_model(cloud, name, *scripts)
    create_config(cloud, name, variant(name))
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)


def settled_endpoint(cloud: LocalCloud, name: str) -> dict[str, Any]:
    """Wait until an endpoint has come to rest, and return what is said of it."""

    def look() -> dict[str, Any] | None:
        endpoint: dict[str, Any] = cloud.client("sagemaker").describe_endpoint(EndpointName=name)
        return None if endpoint["EndpointStatus"] in {"Creating", "Updating"} else endpoint

    found = wait_until(look)
    assert found is not None
    return found


def serve(cloud: LocalCloud, name: str, script: str) -> dict[str, Any]:
    """Create an endpoint and wait for it."""
    start_endpoint(cloud, name, script)
    return settled_endpoint(cloud, name)


def invoke(cloud: LocalCloud, name: str, body: bytes | str, **options: Any) -> bytes:
    """Return an endpoint's answer."""
    runtime = cloud.client("sagemaker-runtime")
    arguments = {"ContentType": "text/csv", **options}
    answer: bytes = runtime.invoke_endpoint(EndpointName=name, Body=body, **arguments)["Body"].read()
    return answer


def serve_config(cloud: LocalCloud, name: str, *variants: dict[str, Any], **config: Any) -> dict[str, Any]:
    """Create an endpoint of a configuration, both of that name, and wait for it."""
    cloud.client("sagemaker").create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=list(variants), **config
    )
    cloud.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled_endpoint(cloud, name)
