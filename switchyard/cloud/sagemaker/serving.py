"""A model's server as the cloud sees it: laid out, started, found healthy, ended."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchyard.cloud.account import REGION
from switchyard.cloud.logs import LogStream, pump
from switchyard.cloud.processes import Process, ProcessHost
from switchyard.cloud.sagemaker.algorithms.built_in import built_in
from switchyard.cloud.sagemaker.code import download_code
from switchyard.cloud.sagemaker.container import Container, base_environment, python_command
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.images import Runtime, runtime_for
from switchyard.cloud.sagemaker.requirements import Environment, InstallError, prepare
from switchyard.cloud.sagemaker.s3 import download_object, download_prefix, unpack

HEALTH_CHECK_SECONDS = 60
# What pip may take for what a script requires.
INSTALL_SECONDS = 600
BACKLOG = 1024


class ModelServerError(Exception):
    """The model's server did not become healthy; the message says why."""


@dataclass(frozen=True)
class _Program:
    """What serves a model: a function and its arguments.

    Parameters
    ----------
    code : Path or None
        The folder of the model's own script, beside which there may be a ``requirements.txt``.
    """

    target: str
    arguments: list[str]
    code: Path | None = None

    def by(self, python: Path) -> list[str]:
        """Return the command that runs it in another interpreter, whose own libraries come before ours."""
        module, _, function = self.target.partition(":")
        ours = str(Path(__file__).parents[3])
        start = f"import sys; sys.path.append({ours!r}); from {module} import {function} as main; main(*sys.argv[1:])"
        return [str(python), "-c", start, *self.arguments]


def container_definitions(model: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a model, of what DescribeModel says of it; each has its ``ContainerHostname``."""
    if primary := model.get("PrimaryContainer"):
        return [{"ContainerHostname": "primary", **primary}]
    return [
        {"ContainerHostname": f"container-{number}", **definition}
        for number, definition in enumerate(model["Containers"], start=1)
    ]


class ModelServer:
    """One process that serves one container of a model.

    Parameters
    ----------
    context : Context
        The cloud that it runs in.
    definition : dict
        The ContainerDefinition.
    role_arn : str
        The model's role.
    container : Container
        The folder that it gets.
    log : LogStream
        Where its output goes.
    """

    def __init__(
        self, context: Context, definition: dict[str, Any], role_arn: str, container: Container, log: LogStream
    ) -> None:
        self._context = context
        self._definition = definition
        self._role_arn = role_arn
        self._container = container
        self._log = log
        self._process: Process | None = None
        self._reader: threading.Thread | None = None
        self.port = 0

    def start(self, health_check_seconds: float = HEALTH_CHECK_SECONDS) -> None:
        """Download the model, start the process and wait until it answers ``/ping``.

        Raises
        ------
        ModelServerError, TransferError, UnknownImageError
            It could not be started; nothing of it is left running.
        """
        definition = self._definition
        runtime = runtime_for(definition["Image"], self._context.identity.authorizer.of(self._role_arn))
        environment = definition.get("Environment", {})
        self._lay_out(definition, environment)
        program = self._program(runtime, environment)
        host, variables = self._context.runtimes.host(runtime), self._environment(environment)
        libraries = self._install(host, program, variables)
        target: str | None = program.target
        arguments = program.arguments
        if libraries is not None:
            variables = libraries.variables(variables)
            if libraries.is_apart:
                target, arguments = None, program.by(libraries.python)
        # The parent listens before the child has loaded its model: the first ping waits in the backlog, and
        # fails at once when the child dies, so that nothing has to be polled.
        with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listening:
            self.port = listening.getsockname()[1]
            self._process = host.spawn(
                target,
                arguments,
                environment=variables,
                directory=self._container.folder("code"),
                inherit=[listening.fileno()],
                mount=self._container.mount,
            )
        self._reader = self._read(self._process)
        if not self._is_healthy(health_check_seconds):
            self.stop(grace=0)
            raise ModelServerError(self._log.last_line().strip() or "it printed nothing")

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid if self._process is not None else 0

    def wait(self) -> int | None:
        """Wait for the process's end and return its exit code; None when it never started."""
        return self._process.wait() if self._process is not None else None

    def stop(self, grace: float) -> None:
        """End the process, after at most `grace` seconds for the requests under way; delete its folder."""
        if self._process is not None:
            if grace > 0:
                self._process.terminate(grace)
            self._process.kill()
        if self._reader is not None:
            self._reader.join()
        self._container.remove()

    def _read(self, process: Process) -> threading.Thread:
        reader = threading.Thread(target=pump, args=(process.output, self._log.write), daemon=True)
        reader.start()
        return reader

    def _install(self, host: ProcessHost, program: _Program, variables: Mapping[str, str]) -> Environment | None:
        """Return the libraries that the script requires beyond the image's; raises ModelServerError."""
        code = program.code
        if code is None:
            return None

        def pip(command: list[str], settings: dict[str, str]) -> int:
            target, arguments = python_command(command)
            process = host.spawn(target, arguments, environment={**variables, **settings}, directory=code)
            self._process = process  # so that a stop ends it
            reader = self._read(process)
            exit_code = process.wait(INSTALL_SECONDS)
            if exit_code is None:
                process.kill()
                self._log.write([f"ERROR: pip took more than {INSTALL_SECONDS} seconds"])
            reader.join()
            return 1 if exit_code is None else exit_code

        try:
            return prepare(code, self._context.cache / "environments", pip)
        except InstallError as error:
            said = [line for line in self._log.tail if line.startswith("ERROR")] or list(self._log.tail)[-3:]
            raise ModelServerError(f"{error.command} failed: {' '.join(said)}") from None

    def _program(self, runtime: Runtime, environment: dict[str, str]) -> _Program:
        """Say what serves the model: its script, or where there is none the image's own algorithm."""
        model = str(self._container.folder("model"))
        algorithm = built_in(runtime)
        script = self._container.folder("code") / environment.get("SAGEMAKER_PROGRAM", "inference.py")
        if not script.is_file():
            script = self._container.folder("model", "code") / script.name
        if algorithm is not None and "SAGEMAKER_PROGRAM" not in environment and not script.is_file():
            return _Program(algorithm.server, [model])
        return _Program("switchyard.cloud.sagemaker.model_server:main", [str(script), model], script.parent)

    def _lay_out(self, definition: dict[str, Any], environment: dict[str, str]) -> None:
        self._container.folder("model")
        self._container.folder("code")
        s3 = self._context.identity.client("s3", self._role_arn)
        source = (definition.get("ModelDataSource") or {}).get("S3DataSource") or {}
        if source.get("CompressionType") == "None":
            download_prefix(s3, source["S3Uri"], self._container.folder("model"))
        elif uri := source.get("S3Uri") or definition.get("ModelDataUrl"):
            archive = self._container.root / "model.tar.gz"
            download_object(s3, uri, archive)
            unpack(archive, self._container.folder("model"))
            archive.unlink()
        download_code(s3, self._container, environment.get("SAGEMAKER_SUBMIT_DIRECTORY"))

    def _environment(self, given: dict[str, str]) -> dict[str, str]:
        container = self._container
        return {
            **base_environment(container.folder("code")),
            **self._context.identity.environment(self._role_arn),
            "SAGEMAKER_BASE_DIR": str(container.folder()),
            "SAGEMAKER_REGION": REGION,
            "SM_MODEL_DIR": str(container.folder("model")),
            **{key: container.local(value) for key, value in given.items()},
        }

    def _is_healthy(self, timeout: float) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
