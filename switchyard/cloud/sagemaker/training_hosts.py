"""The hosts of one attempt of a training job: what lies in their folders, and what runs there.

Sources: "How Amazon SageMaker AI Provides Training Information", "Run Your Training Container" (Amazon SageMaker
Developer Guide).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.logs import LogStream
from switchyard.cloud.sagemaker.algorithms.built_in import built_in
from switchyard.cloud.sagemaker.channels import Channel
from switchyard.cloud.sagemaker.cluster import LOOPBACK, Cluster, free_port
from switchyard.cloud.sagemaker.code import download_code, entry_command, package_command, torchrun_command
from switchyard.cloud.sagemaker.container import OPT_ML, Container, base_environment
from switchyard.cloud.sagemaker.images import Runtime
from switchyard.cloud.sagemaker.jobs import JobFailedError, Launch
from switchyard.cloud.sagemaker.pipes import Pipe
from switchyard.cloud.sagemaker.requirements import Environment
from switchyard.cloud.sagemaker.s3 import TransferError
from switchyard.cloud.sagemaker.script_mode import ScriptMode, decoded

_FOLDERS = ("model", "output/data", "output/intermediate", "input/config", "input/data", "code")


class TrainingHosts:
    """The containers of a job's hosts.

    Parameters
    ----------
    request : dict
        Of CreateTrainingJob.
    runtime : Runtime
        What stands in for its image.
    root : Path
        The folder that the hosts' are in.
    s3 : object
        A client in the name of the job's role.
    """

    def __init__(self, request: dict[str, Any], runtime: Runtime, root: Path, s3: Any) -> None:
        algorithm = request["AlgorithmSpecification"]
        self._request = request
        self._runtime = runtime
        self._root = root
        self._s3 = s3
        self._cluster = Cluster(request["ResourceConfig"])
        self._channels = [
            Channel(channel, algorithm["TrainingInputMode"]) for channel in request.get("InputDataConfig", [])
        ]
        self._hyperparameters = decoded(request.get("HyperParameters", {}))
        self._pipes: list[Pipe] = []
        self._master_port = free_port()

    @property
    def names(self) -> list[str]:
        """The hosts' names."""
        return self._cluster.hosts

    def container(self, host: str) -> Container:
        """Return a host's folder."""
        return Container(self._root / host)

    def folders(self, *names: str) -> list[Path]:
        """Return a folder below ``/opt/ml`` of every host."""
        return [self.container(host).path(*names) for host in self.names]

    def lay_out(self, on_error: Callable[[TransferError], None]) -> None:
        """Fill the folders; `on_error` is called when a pipe cannot be filled later on.

        Raises
        ------
        TransferError
            A channel, or the code, cannot be read.
        """
        with ThreadPoolExecutor(max_workers=8) as pool:
            for found in [pool.submit(channel.find, self._s3) for channel in self._channels]:
                found.result()
            downloads = []
            for host in self.names:
                container = self.container(host)
                for name in _FOLDERS:
                    container.folder(*name.split("/"))
                self._write_configuration(container, host)
                for channel in self._channels:
                    downloads.append(pool.submit(self._bring, channel, host, on_error))
            for download in downloads:
                download.result()
        for host in self.names:  # last: the code may lie in a channel
            download_code(self._s3, self.container(host), self._hyperparameters.get("sagemaker_submit_directory"))

    def close(self) -> None:
        """End the pipes; the processes have ended before."""
        for pipe in self._pipes:
            pipe.close()

    def launch(self, host: str, log: LogStream, credentials: dict[str, str], environment: Environment | None) -> Launch:
        """Return what runs on a host.

        Parameters
        ----------
        credentials : dict
            The variables by which AWS's SDKs find this cloud, and sign as the job's role.
        environment : Environment, optional
            Libraries of the job's own.

        Raises
        ------
        JobFailedError, TransferError
            There is nothing to run.
        """
        container = self.container(host)
        code = container.folder("code")
        given = {key: container.local(value) for key, value in self._request.get("Environment", {}).items()}
        variables = {**base_environment(code), **credentials, **self._variables(container)}
        specification = self._request["AlgorithmSpecification"]
        program = given.get("SAGEMAKER_PROGRAM") or self._hyperparameters.get("sagemaker_program")
        if entry_point := specification.get("ContainerEntrypoint"):
            words = [*entry_point, *specification.get("ContainerArguments", [])]
            command = [container.local(word) for word in words]
        elif program:
            script = self._script(container, host, str(program))
            in_package = (code / "setup.py").is_file() and str(program).endswith(".py")
            command = (package_command if in_package else entry_command)(code, str(program), script.arguments())
            if script.framework.get("sagemaker_torch_distributed_enabled"):
                master = LOOPBACK, self._master_port
                command = torchrun_command(command, self.names.index(host), len(self.names), master)
            variables |= script.variables()
        elif algorithm := built_in(self._runtime):
            command = ["python3", str(algorithm.training_script)]
        else:
            raise JobFailedError(
                "ClientError: the hyperparameter sagemaker_program is missing: script mode needs to know "
                "which script of sagemaker_submit_directory to run"
            )
        launch = Launch(command, {**variables, **given}, container, log)
        if environment is None:
            return launch
        python = environment.python if environment.is_apart or in_a_package(command) else None
        return replace(launch, environment=environment.variables(dict(launch.environment)), python=python)

    def _variables(self, container: Container) -> dict[str, str]:
        module = self._runtime.training_module
        master = {"ADDR": LOOPBACK, "PORT": str(self._master_port)}
        return {
            "SAGEMAKER_BASE_DIR": str(container.folder()),
            **({"SAGEMAKER_TRAINING_MODULE": module} if module else {}),
            "SAGEMAKER_REGION": str(self._hyperparameters.get("sagemaker_region", REGION)),
            # The hosts are processes of one machine: by these each finds the first one.
            **{f"{prefix}MASTER_{name}": value for prefix in ("", "SM_") for name, value in master.items()},
        }

    def _script(self, container: Container, host: str, program: str) -> ScriptMode:
        return ScriptMode(
            hyperparameters=container.local_document(self._hyperparameters),
            resource_config=self._cluster.resource_config(host),
            input_config=self._input_config(),
            base=container.folder(),
            job_name=self._request["TrainingJobName"],
            program=program,
            training_module=self._runtime.training_module,
        )

    def _write_configuration(self, container: Container, host: str) -> None:
        container.write_json(self._request.get("HyperParameters", {}), "input", "config", "hyperparameters.json")
        container.write_json(self._cluster.resource_config(host), "input", "config", "resourceconfig.json")
        container.write_json(self._input_config(), "input", "config", "inputdataconfig.json")
        if checkpoints := self._request.get("CheckpointConfig"):
            config = {"LocalPath": f"{OPT_ML}/checkpoints", **checkpoints}
            container.write_json(config, "input", "config", "checkpointconfig.json")

    def _input_config(self) -> dict[str, Any]:
        return {channel.name: channel.config() for channel in self._channels}

    def _bring(self, channel: Channel, host: str, on_error: Callable[[TransferError], None]) -> None:
        readers = self._cluster.in_groups(channel.groups)
        if host not in readers:
            return
        path = self.container(host).path("input", "data", channel.name)
        if channel.is_pipe:
            self._pipes.append(Pipe(path, lambda epoch: channel.stream(self._s3, epoch, host, readers), on_error))
            return
        path.mkdir(exist_ok=True)
        channel.download(self._s3, path, host, readers)


def in_a_package(command: list[str]) -> bool:
    """Return whether a command runs a module of an installed package, which only its own environment has."""
    return command[1:2] == ["-m"]
