"""Script mode: the variables and the command line that SageMaker's framework containers give a script.

Source: the environment that sagemaker-training 5.1.4 sets; the tests compare the two, key by key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOG_LEVEL_INFO = 20
# What a script does not get as its own hyperparameters, beside everything that begins with `sagemaker_`.
_RESERVED = {"_tuning_objective_metric", "default_user_module_name"}
_PREFIX = "sagemaker_"
# What the toolkit itself reads, so that it is no parameter of the framework.
_TOOLKIT = {
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_s3_output",
}
# Each of these has the job's instance group take part in distributed training.
_DISTRIBUTIONS = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)


def decoded(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """Decode hyperparameters: each is JSON, and what is not JSON is itself."""
    return {key: _decoded(value) for key, value in hyperparameters.items()}


@dataclass(frozen=True)
class ScriptMode:
    """One host's side of a job in script mode.

    Parameters
    ----------
    hyperparameters : dict
        All of the job's, decoded.
    resource_config, input_config : dict
        The contents of ``resourceconfig.json`` and ``inputdataconfig.json``.
    base : Path
        The folder that takes the place of ``/opt/ml``.
    job_name : str
        The training job's name.
    program : str
        The entry point, relative to the code's folder.
    training_module : str
        What the image runs, as ``module:function``; empty for the toolkit itself.
    """

    hyperparameters: Mapping[str, Any]
    resource_config: Mapping[str, Any]
    input_config: Mapping[str, Any]
    base: Path
    job_name: str
    program: str
    training_module: str = ""

    @property
    def own(self) -> dict[str, Any]:
        """The hyperparameters that are the script's own."""
        return {key: value for key, value in self.hyperparameters.items() if not _is_reserved(key)}

    @property
    def framework(self) -> dict[str, Any]:
        """The hyperparameters that are the framework container's, such as ``sagemaker_mpi_enabled``."""
        return {
            key: value for key, value in self.hyperparameters.items() if key.startswith(_PREFIX) and key not in _TOOLKIT
        }

    def arguments(self) -> list[str]:
        """Return the hyperparameters as ``--name value``, in the order of their names."""
        arguments = []
        for name, value in sorted(self.own.items()):
            arguments.append(f"--{name}" if len(name) > 1 else f"-{name}" if name else "")
            arguments.append(_argument(value))
        return arguments

    def variables(self) -> dict[str, str]:
        """Return the variables that the toolkit sets."""
        environment = self._training_environment()
        groups = environment["instance_groups"]
        settings: dict[str, Any] = {
            **{name: environment[name] for name in _AS_THEY_ARE},
            "channels": sorted(self.input_config),
            "framework_params": environment["additional_framework_parameters"],
            "hps": environment["hyperparameters"],
            "instance_groups": groups,
            "training_env": environment,
            "user_args": self.arguments(),
            **{f"channel_{name}": path for name, path in environment["channel_input_dirs"].items()},
            **{f"hp_{name}": value for name, value in environment["hyperparameters"].items()},
        }
        return {
            "CURRENT_HOST": environment["current_host"],
            "SAGEMAKER_JOB_NAME": str(self.hyperparameters.get("sagemaker_job_name", "")),
            **{f"SM_{name}".upper(): _variable(value) for name, value in settings.items()},
        }

    def _training_environment(self) -> dict[str, Any]:
        resources = self.resource_config
        groups = {group["instance_group_name"]: group for group in resources["instance_groups"]}
        own_group = resources["current_group_name"]
        distributed = self.framework.get("sagemaker_distribution_instance_groups")
        if distributed is None:
            distributed = [own_group] if any(self.framework.get(name) for name in _DISTRIBUTIONS) else []
        distribution_hosts = [host for name in groups if name in distributed for host in groups[name]["hosts"]]
        master = (distribution_hosts or resources["hosts"])[0]
        return {
            "additional_framework_parameters": self.framework,
            "channel_input_dirs": {name: str(self.base / "input" / "data" / name) for name in self.input_config},
            "current_host": resources["current_host"],
            "current_instance_group": own_group,
            "current_instance_group_hosts": groups[own_group]["hosts"],
            "current_instance_type": resources["current_instance_type"],
            "distribution_hosts": distribution_hosts,
            "distribution_instance_groups": distributed,
            "framework_module": self.training_module or None,
            "hosts": resources["hosts"],
            "hyperparameters": self.own,
            "input_config_dir": str(self.base / "input" / "config"),
            "input_data_config": self.input_config,
            "input_dir": str(self.base / "input"),
            "instance_groups": list(groups),
            "instance_groups_dict": groups,
            "is_hetero": len(groups) > 1,
            "is_master": resources["current_host"] == master,
            "is_modelparallel_enabled": None,
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": self.job_name,
            "log_level": self.hyperparameters.get("sagemaker_container_log_level", LOG_LEVEL_INFO),
            "master_hostname": master,
            "model_dir": str(self.base / "model"),
            "module_dir": str(self.hyperparameters.get("sagemaker_submit_directory", self.base / "code")),
            "module_name": self.program.removesuffix(".py"),
            "network_interface_name": resources["network_interface_name"],
            "num_cpus": os.cpu_count(),
            "num_gpus": 0,
            "num_neurons": 0,
            "output_data_dir": str(self.base / "output" / "data"),
            "output_dir": str(self.base / "output"),
            "output_intermediate_dir": str(self.base / "output" / "intermediate"),
            "resource_config": resources,
            "topology": [],
            "user_entry_point": self.program,
        }


# Of the training environment, what is a variable of the same name too.
_AS_THEY_ARE = (
    "current_host",
    "current_instance_group",
    "current_instance_group_hosts",
    "current_instance_type",
    "distribution_instance_groups",
    "framework_module",
    "hosts",
    "input_config_dir",
    "input_data_config",
    "input_dir",
    "instance_groups_dict",
    "is_hetero",
    "log_level",
    "model_dir",
    "module_dir",
    "module_name",
    "network_interface_name",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "output_data_dir",
    "output_dir",
    "output_intermediate_dir",
    "resource_config",
    "user_entry_point",
)


def _is_reserved(name: str) -> bool:
    return name.startswith(_PREFIX) or name in _RESERVED


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _argument(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in sorted(value.items()))
    return str(value)


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
