"""Puts the cloud together: its processes, its services, its one port."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import logging
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from switchyard.cloud import moto_fixes, owner
from switchyard.cloud.apigateway import creators as apigateway
from switchyard.cloud.apigateway.rest_apis import RestApis
from switchyard.cloud.faults import Faults
from switchyard.cloud.functions import Function, Functions
from switchyard.cloud.identity import Identity
from switchyard.cloud.resource import Creators
from switchyard.cloud.sagemaker.context import Context
from switchyard.cloud.sagemaker.images import RuntimeHosts
from switchyard.cloud.sagemaker.quotas import Quotas

LOG = logging.getLogger(__name__)


def _remove_stale(folder: Path) -> None:
    """Remove what clouds left behind that were killed: each has a folder named after its process."""
    for left in folder.glob("*"):
        try:
            os.kill(int(left.name), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:
            continue


def _publish(changed: Any) -> None:
    """Tell EventBridge that the status of a job, of a model package or of an endpoint has changed."""
    from switchyard.cloud import events

    events.publish("aws.sagemaker", f"SageMaker {changed.label} State Change", changed.event(), changed.arn)


class Cloud:
    """The local cloud.

    Parameters
    ----------
    listening : socket
        The port to serve, already bound.
    home : Path
        The only folder that the cloud writes to.
    time_scale : float
        Seconds here for one second of a Wait state or a retry's interval.
    quotas : Quotas, optional
        What SageMaker allows at a time; without it, everything.
    """

    def __init__(self, listening: socket.socket, home: Path, time_scale: float, quotas: Quotas | None = None) -> None:
        self.endpoint_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._listening = listening
        self._home = home
        self._time_scale = time_scale
        self._quotas = quotas
        _remove_stale(home / "cloud")
        self._work = home / "cloud" / str(os.getpid())
        self._work.mkdir(parents=True, exist_ok=True)
        log = home / "cloud.log"
        logging.basicConfig(filename=log, filemode="a", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        # Should a compiled library ever crash the process, the log says where; else it would just be gone.
        self._crashes = log.open("a")
        faulthandler.enable(self._crashes)
        # A failed state is in its execution's history; here it would be three kilobytes of the parsed definition.
        logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
        self._identity = Identity(self.endpoint_url)
        self._functions = Functions(self._identity, log)
        self._runtimes = RuntimeHosts(log)
        self._stop = threading.Event()
        self._server: Any = None
        self._sagemaker: Any = None
        self._events: Any = None
        self._invocations: Any = None
        self._faults = Faults()
        self._apis = RestApis()
        self._rooms: list[Creators] = [apigateway.creators(self._apis)]
        self._monitor: Any = None
        self._autoscaling: Any = None
        self._proxy: Any = None

    def warm(self, frameworks: list[str]) -> None:
        """Start what takes longest to start: the functions' runtime, and those frameworks'."""
        for framework in frameworks:
            self._runtimes.warm(framework)
        self._functions.start()

    def start(self) -> None:
        """Begin to serve."""
        moto_fixes.apply()
        moto_fixes.scale_time(self._time_scale)
        owner.install()
        # Imported only now: they import moto's interpreter, which the fixes come before.
        import uvicorn

        from switchyard.cloud import events, monitoring, states
        from switchyard.cloud.apigateway.http import ApiGateway
        from switchyard.cloud.archive import Archive
        from switchyard.cloud.autoscaling.service import AutoScaling
        from switchyard.cloud.cloudformation import Stacks
        from switchyard.cloud.control import Control
        from switchyard.cloud.events.service import Events
        from switchyard.cloud.function_code import FunctionCode
        from switchyard.cloud.invocations import Invocations
        from switchyard.cloud.lambda_api import Lambda
        from switchyard.cloud.sagemaker.api import SageMaker
        from switchyard.cloud.sagemaker.backlog import BacklogGauges
        from switchyard.cloud.server import Router
        from switchyard.cloud.states import tracing

        context = Context(
            self._identity, self._runtimes, self._work, self._home / "cache", self._time_scale, self._faults
        )
        self._sagemaker = SageMaker(context, _publish, self._quotas)
        self._autoscaling = AutoScaling(self._identity, self._time_scale)
        backlogs = BacklogGauges(self._sagemaker.record_backlogs)
        self._monitor, self._cloudwatch = monitoring.install(
            self._time_scale, events.publish, self._invoke, self._autoscaling.act, backlogs
        )
        self._monitor.start()
        tasks = partial(self._identity.client, assumed_by="states.amazonaws.com")
        moto_fixes.call_through(tasks)
        archive = Archive(self._identity, self._home / "runs")
        states.install(
            client_for=tasks,
            service=self._sagemaker,
            functions=self._functions,
            injected=self._faults,
            on_redrive=archive.forget,
        )
        tracing.install(self._identity.authorizer)
        moto_fixes.on_execution_end(lambda execution: archive.keep(execution.exec_arn))
        self._stacks = Stacks(self._identity, self._time_scale)
        self._control = Control(archive, self._identity.authorizer, self._faults)
        self._events = Events(self._identity, self._functions.policies.document, self._time_scale)
        self._invocations = Invocations(self._functions, self._identity, self._time_scale)
        config = uvicorn.Config(
            Router(
                sagemaker=self._sagemaker,
                functions=Lambda(
                    self._functions, self._invocations, FunctionCode(self._work / "functions"), self._identity
                ),
                control=self._control,
                identity=self._identity,
                apigateway=ApiGateway(self._gateway, self.endpoint_url),
                stacks=self._stacks,
                autoscaling=self._autoscaling,
            ),
            lifespan="off",
            access_log=False,
            log_config=None,
            http="httptools",
            ws="none",
            timeout_keep_alive=75,
        )
        self._server = uvicorn.Server(config)
        threading.Thread(target=self._server.run, args=([self._listening],), name="server", daemon=True).start()

    def serve_https(self, port: int) -> dict[str, str]:
        """Take AWS's own host names over HTTPS too, by a proxy.

        Parameters
        ----------
        port : int
            Where it listens; 0 for any free port.

        Returns
        -------
        dict
            What clients have to know: `HTTPS_PROXY`, and whom to trust, for botocore and for requests.

        Raises
        ------
        OSError
            The port is taken.
        """
        # Imported only now: `switchyard run` has no need of it.
        from switchyard.cloud.https.proxy import HttpsProxy

        self._proxy = HttpsProxy(self._listening.getsockname()[1], self._work / "ca.pem", port)
        trusted = str(self._proxy.certificate)
        return {"HTTPS_PROXY": self._proxy.url, "AWS_CA_BUNDLE": trusted, "REQUESTS_CA_BUNDLE": trusted}

    def _gateway(self) -> Any:
        from switchyard.cloud.apigateway.gateway import Gateway
        from switchyard.cloud.apigateway.keys import authorize_by, find_key

        def may_invoke(function: Function, method_arn: str) -> bool:
            return self._functions.policies.admits(function.arn, "apigateway.amazonaws.com", method_arn)

        return Gateway(self._apis, self._functions, find_key, authorize_by(self._identity.authorizer), may_invoke)

    def load(self, name: str, template: Path, parameters: dict[str, str]) -> Any:
        """Create a template's resources.

        Raises
        ------
        TemplateError
            Something in the template is wrong.
        """
        from switchyard.cloud import cloudformation, lambda_resources, monitoring, stack

        self._rooms.append(self._events.creators(name))
        self._rooms.append(monitoring.creators(self._cloudwatch, name))
        self._rooms.append(lambda_resources.creators(name, self._functions, self._invocations))
        self._rooms.append(cloudformation.creators(name, self._identity.client))
        self._control.stack = stack.create(
            name,
            template,
            parameters,
            identity=self._identity,
            functions=self._functions,
            cache=self._home / "cache",
            rooms=self._rooms,
        )
        self._stacks.adopt(cloudformation.record_of(self._control.stack, template), template.resolve().parent)
        functions = [made for made in self._control.stack.resources if made.type == "AWS::Lambda::Function"]
        self._faults.know_functions({made.logical_id: made.physical_id for made in functions})
        return self._control.stack

    @contextlib.contextmanager
    def state_file(self, state: dict[str, Any]) -> Iterator[None]:
        """Tell other processes, for as long as it lasts, that this cloud runs and where."""
        path = self._home / "cloud.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.replace(path)
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError):
                if json.loads(path.read_text())["pid"] == state["pid"]:
                    path.unlink()

    def _invoke(self, function_arn: str, payload: bytes) -> None:
        """Invoke a function without waiting for it."""
        function = self._functions.get(function_arn)
        if function is None:
            raise LookupError(f"Function not found: {function_arn}")
        self._invocations.submit(function, payload)

    def close(self) -> None:
        """End every process and thread that this cloud started."""
        if self._proxy is not None:
            self._proxy.close()
        if self._monitor is not None:
            self._monitor.close()
        if self._autoscaling is not None:
            self._autoscaling.close()
        if self._server is not None:
            self._server.should_exit = True
        if self._events is not None:
            self._events.close()
        if self._invocations is not None:
            self._invocations.close()
        if self._sagemaker is not None:
            self._sagemaker.close()
        self._functions.close()
        self._runtimes.close()
        shutil.rmtree(self._work, ignore_errors=True)
