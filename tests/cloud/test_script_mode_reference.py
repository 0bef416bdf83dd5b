"""A job here, and the same job in sagemaker-training, which SageMaker's own containers run: they see the same."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from switchyard.cloud.sagemaker.script_mode import ScriptMode, decoded
from tests.cloud.jobs import channel, ended_training, start_training
from tests.cloud.local_cloud import IMAGE, LocalCloud
from tests.environments import python_of

# Leaves all that a script can see: its variables, its arguments, where it runs, the configuration files.
LOOK = """
    import json, os, pathlib, sys

    base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
    seen = {
        "variables": dict(os.environ),
        "arguments": sys.argv[1:],
        "directory": os.getcwd(),
        "configuration": {path.name: path.read_text() for path in (base / "input" / "config").iterdir()},
        "folders": sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_dir() and p.name != "__pycache__"),
        "beside the script": sys.path[0],
    }
    (base / "model" / f"{os.environ['SM_CURRENT_HOST']}.json").write_text(json.dumps(seen))
"""
# What the images have: a framework's module that hands over to the toolkit.
IMAGE_MODULE = """
from sagemaker_training import entry_point, environment

def main():
    env = environment.Environment()
    entry_point.run(env.module_dir, env.user_entry_point, env.to_cmd_args(), env.to_env_vars())
"""
JOBS: dict[str, dict[str, Any]] = {
    "plain": {},
    "hyperparameters of every type": {
        "HyperParameters": {
            "alpha": 0.5,
            "n": 3,
            "flag": True,
            "none": None,
            "text": "a b 'c' \"d\" $HOME é",
            "list": [1, "x", None],
            "object": {"b": 1, "a": [True]},
            "empty": "",
            "with-dash": 1e-7,
            "Upper_Case": -3,
            "sagemaker_mpi_enabled": False,
            "_tuning_objective_metric": "rmse",
        }
    },
    "channels": {"channels": {"train": {"ContentType": "text/csv"}, "valid-ation": {}}},
    "several hosts": {
        "ResourceConfig": {"InstanceCount": 3, "InstanceType": "ml.c5.xlarge", "VolumeSizeInGB": 5},
        "channels": {"train": {}},
    },
    "two instance groups": {
        "ResourceConfig": {
            "InstanceGroups": [
                {"InstanceGroupName": "big", "InstanceType": "ml.m5.2xlarge", "InstanceCount": 1},
                {"InstanceGroupName": "small", "InstanceType": "ml.m5.large", "InstanceCount": 1},
            ],
            "VolumeSizeInGB": 5,
        },
        "HyperParameters": {"sagemaker_distribution_instance_groups": ["big"], "sagemaker_parameter_server_enabled": 1},
    },
    "what the SDK's estimators send": {
        "HyperParameters": {
            "sagemaker_container_log_level": 30,
            "sagemaker_job_name": "a-name",
            "sagemaker_region": "us-east-1",
            "epochs": 2,
        }
    },
    "variables of the request": {"Environment": {"MINE": "yes", "SAGEMAKER_PROGRAM": "other.py"}},
}
# Ours beside the toolkit's: what SageMaker sets on a container, and how hosts of one machine find each other.
OURS_ALONE = {"SM_MASTER_ADDR", "SM_MASTER_PORT"}
# For the reference alone: there is no DNS for algo-1 outside of SageMaker.
WITHOUT_DNS = {"SM_STUDIO_LOCAL_MODE": "true"}


def run_here(cloud: LocalCloud, name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Run the job on the local cloud; return what each host's script has seen."""
    changes = dict(changes)
    channels = changes.pop("channels", {})
    for each in channels:
        cloud.put(f"{name}/data/{each}/rows.csv", "1,2\n")
    if channels:
        changes["InputDataConfig"] = [
            channel(each, f"s3://{cloud.bucket}/{name}/data/{each}", **options) for each, options in channels.items()
        ]
    start_training(cloud, name, LOOK, files={"other.py": LOOK}, **changes)
    job = ended_training(cloud, name)
    assert job["TrainingJobStatus"] == "Completed", job
    with tarfile.open(fileobj=BytesIO(cloud.get(job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        return {member.name.removesuffix(".json"): json.load(tar.extractfile(member)) for member in tar}  # type: ignore[arg-type]


def run_there(python: Path, base: Path, here: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """Run the same job, as its configuration files tell of it, in sagemaker-training."""
    own = here["variables"]["SAGEMAKER_BASE_DIR"]
    for folder in ("model", "input/config", "output/data", "code", "image/sagemaker_sklearn_container"):
        (base / folder).mkdir(parents=True)
    for name, text in here["configuration"].items():
        (base / "input" / "config" / name).write_text(text.replace(own, str(base)))
    for name in ("train.py", "other.py"):
        (base / "code" / name).write_text("\n".join(line.removeprefix("    ") for line in LOOK.splitlines()))
    (base / "image" / "sagemaker_sklearn_container" / "training.py").write_text(IMAGE_MODULE)
    environment = {
        "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
        "PYTHONPATH": str(base / "image"),
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_TRAINING_MODULE": "sagemaker_sklearn_container.training:main",
        **{name: here["variables"][name] for name in ("TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "AWS_DEFAULT_REGION")},
        **WITHOUT_DNS,
        **given,
    }
    command = [str(python), "-m", "sagemaker_training.cli.train"]
    done = subprocess.run(command, env=environment, cwd=base, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((base / "model" / f"{here['variables']['SM_CURRENT_HOST']}.json").read_text())  # type: ignore[no-any-return]


def comparable(seen: dict[str, Any]) -> dict[str, Any]:
    """Return what both must have alike, with the folder in place of /opt/ml named as that."""
    base = seen["variables"]["SAGEMAKER_BASE_DIR"]
    alike = {
        name: text.replace(base, "/opt/ml")
        for name, text in seen["variables"].items()
        if name.startswith(("SM_", "SAGEMAKER_", "TRAINING_")) or name in {"CURRENT_HOST", "MINE"}
    }
    for name in (*OURS_ALONE, *WITHOUT_DNS):
        alike.pop(name, None)
    return {
        "variables": {name: json.loads(text) if text.startswith(("{", "[")) else text for name, text in alike.items()},
        "arguments": [argument.replace(base, "/opt/ml") for argument in seen["arguments"]],
        "directory": seen["directory"].replace(base, "/opt/ml"),
        "beside the script": seen["beside the script"].replace(base, "/opt/ml"),
    }


@pytest.mark.parametrize("kind", JOBS)
def test_a_script_sees_what_sagemaker_s_own_toolkit_shows_it(
    cloud: LocalCloud, name: str, tmp_path: Path, kind: str
) -> None:
    python = python_of("reference")
    hosts = run_here(cloud, name, JOBS[kind])
    for host, here in hosts.items():
        assert here["variables"].keys() >= OURS_ALONE
        there = run_there(python, tmp_path / host, here, JOBS[kind].get("Environment", {}))
        assert comparable(here) == comparable(there)


def test_the_folders_are_those_that_are_documented(cloud: LocalCloud, name: str) -> None:
    hosts = run_here(cloud, name, JOBS["channels"])
    assert hosts["algo-1"]["folders"] == [
        "code",
        "input",
        "input/config",
        "input/data",
        "input/data/train",
        "input/data/valid-ation",
        "model",
        "output",
        "output/data",
        "output/intermediate",
    ]
    assert IMAGE.rpartition("/")[2].startswith("sagemaker-scikit-learn")


# Asks the toolkit for the variables and arguments of many jobs at once.
MANY = """
import json, os, sys
from sagemaker_training import environment

answers = []
for job in json.load(sys.stdin):
    parsed = {}
    for key, value in job["hyperparameters"].items():
        try:
            parsed[key] = json.loads(value)
        except ValueError:
            parsed[key] = value
    resources = {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": "ml.m5.large",
        "current_group_name": "g", "network_interface_name": "lo",
        "instance_groups": [{"instance_group_name": "g", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}]}
    env = environment.Environment(resource_config=resources, input_data_config={"x": {}}, hyperparameters=parsed)
    answers.append([env.to_env_vars(), env.to_cmd_args()])
json.dump(answers, sys.stdout)
"""
VALUES = ["1", "1.50", "-0", "1e400", "true", "null", '"quoted"', "plain", "[1, [2]]", '{"a": {"b": null}}', "", " 7 "]
VALUES += ['"\\u00e9"', "é", "NaN", "Infinity", "0x10", "'single'", '{"b": 2, "a": 1}', "[]", "{}", "a,b=c", "-x"]
NAMES = [
    "a",
    "alpha",
    "A-b",
    "a_b",
    "sagemaker_x",
    "sagemaker_program",
    "_tuning_objective_metric",
    "é",
    "1",
    "-",
    "a.b",
]


def test_every_hyperparameter_becomes_what_the_toolkit_makes_of_it(tmp_path: Path) -> None:
    python = python_of("reference")
    given = [("name", value) for value in VALUES] + [(name, "1.5") for name in NAMES]
    jobs = [{"hyperparameters": {name: value, "sagemaker_program": '"dir/t.py"'}} for name, value in given]
    for folder in ("model", "input/config", "output/data", "code"):
        (tmp_path / folder).mkdir(parents=True)
    environment = {"PATH": os.defpath, "SAGEMAKER_BASE_DIR": str(tmp_path), "TRAINING_JOB_NAME": "j"}
    for file in ("hyperparameters", "inputdataconfig", "resourceconfig"):
        (tmp_path / "input" / "config" / f"{file}.json").write_text("{}")
    done = subprocess.run(
        [str(python), "-c", MANY], env=environment, input=json.dumps(jobs), capture_output=True, text=True, check=True
    )
    resources = {
        "current_host": "algo-1",
        "hosts": ["algo-1"],
        "current_instance_type": "ml.m5.large",
        "current_group_name": "g",
        "network_interface_name": "lo",
        "instance_groups": [{"instance_group_name": "g", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}],
    }
    for job, (variables, arguments) in zip(jobs, json.loads(done.stdout), strict=True):
        hyperparameters = decoded(job["hyperparameters"])
        ours = ScriptMode(hyperparameters, resources, {"x": {}}, tmp_path, "j", "dir/t.py")
        assert ours.arguments() == arguments
        assert {key: value for key, value in ours.variables().items() if key.startswith("SM_")} == variables
