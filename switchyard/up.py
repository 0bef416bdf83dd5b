"""`switchyard up`: the local cloud in the foreground."""

from __future__ import annotations

import contextlib
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from switchyard.aws.api import api_address
from switchyard.aws.client import connect_local
from switchyard.console.listening import DEFAULT_PORT, listen, noted
from switchyard.errors import SwitchyardError, UsageError
from switchyard.launcher import ChildCloud, RunningCloud, find_cloud, find_home, free_port, kept_up, probe, start_cloud
from switchyard.project import Project
from switchyard.publishing.publish import publish_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchyard.aws.client import Cloud
    from switchyard.console.listening import Listener


def up(
    *,
    port: int,
    template: Path | None,
    time_scale: float,
    parameters: Sequence[str] = (),
    quotas: Sequence[str] = (),
    with_console: bool = True,
    console_port: int | None = None,
) -> None:
    """Run the local cloud until Ctrl-C, and serve the console over it.

    Parameters
    ----------
    port
        Where to listen; 0 for any free port.
    template
        The SAM template; None for the project's.
    time_scale
        The factor on waits and retry intervals.
    parameters
        The template's, each as NAME=VALUE.
    quotas
        SageMaker's, each as NAME=VALUE.
    with_console
        Whether to serve the console.
    console_port
        Where to serve it; 0 for any free port, None for the usual one, or any other when that is taken.

    Raises
    ------
    UsageError
        When a parameter or a quota is not of that form, a port is taken, there is no template, or a cloud runs here
        already.
    """
    _check_pairs(parameters, quotas)
    if console_port and console_port == port:
        raise UsageError(f"--port and --console-port are both {port}: choose another one for the console")
    home = find_home()
    project = None
    if template is None:
        project = _project()
        template = project.template if project is not None else Path("template.yaml")
    elif not template.is_file():
        raise UsageError(f"--template {template}: there is no such file")
    _check_free(home, port)
    listener = _listen(port, console_port) if with_console else None
    console = Console(highlight=False)
    # Whoever ends it by SIGTERM, such as a service manager, gets what Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    child = start_cloud(
        home,
        template.resolve(),
        port=port,
        time_scale=time_scale,
        warm=["scikit-learn"],
        parameters=parameters,
        https=True,
        quotas=quotas,
    )
    try:
        with console.status("Starting the local cloud …") if console.is_terminal else contextlib.nullcontext():
            running = child.wait_until_ready()
        with kept_up(home, running):
            cloud = connect_local(running)
            _say_where_it_is(console, running, listener)
            _say_what_is_loaded(console, cloud, running, template)
            if project is not None:
                _publish(console, cloud, project)
            _say_how_to_use_it(console, cloud, running, home)
            with _serving(cloud, home, project, listener):
                _wait(child, home)
    except KeyboardInterrupt:
        console.print("\nStopping the local cloud: its jobs and endpoints end with it.")
    finally:
        child.stop()
        if listener is not None:
            listener.socket.close()


def _listen(port: int, console_port: int | None) -> Listener:
    """Take the console's port, before anything is started; the cloud's own comes first."""
    return listen(port=0 if console_port is None and port == DEFAULT_PORT else console_port)


def _check_pairs(parameters: Sequence[str], quotas: Sequence[str]) -> None:
    for parameter in parameters:
        if "=" not in parameter:
            raise UsageError(f"--parameter {parameter}: expected NAME=VALUE")
    for quota in quotas:
        if "=" not in quota or not quota.rpartition("=")[2].isdecimal():
            raise UsageError(f"--quota {quota}: expected NAME=VALUE, with a whole number")


def _project() -> Project | None:
    """Find the project around this folder; None when the folder only has somebody's template.yaml."""
    try:
        return Project.find()
    except SwitchyardError:
        if Path("template.yaml").is_file():
            return None
        raise


def _check_free(home: Path, port: int) -> None:
    running = find_cloud(home, to_keep=True)
    if running is not None:
        raise UsageError(
            f"a local cloud runs here already: {running.endpoint_url} (process {running.pid}); use it, or end it first"
        )
    if port and not free_port(port):
        other = probe(f"http://127.0.0.1:{port}")
        by = f" by the local cloud of another project (process {other.get('pid')})" if other else ""
        raise UsageError(f"port {port} on 127.0.0.1 is taken{by}; choose another with --port, or --port 0 for any")


def _wait(child: ChildCloud, home: Path) -> None:
    exit_code = child.wait()
    raise SwitchyardError(f"the local cloud ended by itself, with exit code {exit_code}; see {home / 'cloud.log'}")


def _publish(console: Console, cloud: Cloud, project: Project) -> None:
    """Publish the recipes, so that executions can start at once; a broken one does not stop the cloud."""
    for name in project.recipe_names():
        try:
            publish_to(cloud, project, [name])
        except SwitchyardError as error:
            console.print(Text(f"  recipe {name} is not published: {error}", style="yellow"), soft_wrap=True)
        else:
            console.print(Text.assemble((f"  {'recipe':<15}", "bold"), name))


@contextlib.contextmanager
def _serving(cloud: Cloud, home: Path, project: Project | None, listener: Listener | None) -> Iterator[None]:
    """Serve the console. It comes last: the cloud is up no later for it, and whoever has its URL already waits."""
    if listener is None:
        yield
        return
    from switchyard.console.connection import Connection
    from switchyard.console.context import Context
    from switchyard.console.serve import ConsoleServer

    server = ConsoleServer(Context(Connection(cloud), home=home, project=project), listener)
    try:
        server.start()
        with noted(home, listener, before_others=True):
            yield
    finally:
        server.stop()


def _say_where_it_is(console: Console, running: RunningCloud, listener: Listener | None) -> None:
    console.print(Text.assemble("The local cloud is up at ", (running.endpoint_url, "bold green")), soft_wrap=True)
    if listener is not None:
        console.print(Text.assemble("The console is at ", (listener.url, "bold green")), soft_wrap=True)
    console.print()


def _say_what_is_loaded(console: Console, cloud: Cloud, running: RunningCloud, template: Path) -> None:
    console.print(f"Loaded from {template}:", soft_wrap=True)
    for what, names in _loaded(cloud):
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        console.print(Text.assemble((f"  {what:<15}", "bold"), shown or "none"), soft_wrap=True)
    for resource in running.unsupported:
        console.print(Text(f"  not supported here, left out: {resource}", style="yellow"), soft_wrap=True)


def _say_how_to_use_it(console: Console, cloud: Cloud, running: RunningCloud, home: Path) -> None:
    console.print()
    console.print("For other AWS clients (any credentials will do):")
    console.print(
        Text(
            f"  export AWS_ENDPOINT_URL={running.endpoint_url} AWS_DEFAULT_REGION={cloud.region} "
            "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
            style="cyan",
        ),
        soft_wrap=True,
    )
    variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in running.https.items())
    console.print("For clients that name AWS's hosts themselves, as the SageMaker SDK does, also:")
    console.print(Text(f"  export {variables}", style="cyan"), soft_wrap=True)
    console.print()
    console.print(f"State is kept in {home}; Ctrl-C ends the cloud.", soft_wrap=True)


def _loaded(cloud: Cloud) -> Iterator[tuple[str, list[str]]]:
    yield "state machines", list(cloud.workflows())
    yield "functions", [item["FunctionName"] for item in cloud.client("lambda").list_functions()["Functions"]]
    apis = [url for name, url in cloud.outputs.items() if name.endswith("ApiUrl")]
    yield "APIs", [api_address(url, cloud.endpoint_url) for url in apis]
    yield "buckets", [item["Name"] for item in cloud.client("s3").list_buckets()["Buckets"]]
