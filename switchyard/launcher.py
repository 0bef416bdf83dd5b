"""Finds the local cloud that runs for a project, or starts one as a child process.

Standard library only, and little of it: `switchyard run` starts its cloud from here before it imports
anything else, so that both start at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from switchyard.errors import SwitchyardError, UsageError
from switchyard.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_PORT = 4599
# Waits and retry intervals are this much shorter than on AWS: a 15 s retry takes 0.15 s.
DEFAULT_TIME_SCALE = 0.01

_READY_SECONDS = 60
_STOP_SECONDS = 10
_HEALTH_SECONDS = 2


@dataclass(frozen=True)
class RunningCloud:
    """A local cloud that answers.

    Parameters
    ----------
    endpoint_url
        Where every AWS API of it listens.
    pid
        Its process.
    stack_name
        The CloudFormation stack made from the template.
    unsupported
        Resources of the template that it cannot make.
    https
        The variables of a client that names AWS's own hosts, such as `HTTPS_PROXY`; empty without that proxy.
    """

    endpoint_url: str
    pid: int
    stack_name: str = "switchyard"
    unsupported: tuple[str, ...] = ()
    https: Mapping[str, str] = field(default_factory=dict)


def find_home(start: Path | None = None) -> Path:
    """Give the state folder that belongs to a folder, which need not be inside a project.

    Parameters
    ----------
    start
        The folder to start from, going up; the current one by default.
    """
    start = (start or Path.cwd()).resolve()
    if not os.environ.get("SWITCHYARD_HOME"):
        for folder in (start, *start.parents):
            is_project = (folder / "template.yaml").is_file() and (folder / "recipes").is_dir()
            if is_project or (folder / ".switchyard").is_dir():
                return folder / ".switchyard"
    return Project(start).state


def find_cloud(home: Path, *, to_keep: bool = False) -> RunningCloud | None:
    """Find the cloud that runs with a state folder; what a dead one left behind is ignored.

    Parameters
    ----------
    home
        The state folder.
    to_keep
        Only a cloud that outlives the command that started it: not one that belongs to another `run`.
    """
    # What `switchyard up` has noted comes first: the cloud of a `run` beside it notes itself in the same place.
    for name in ("up.json", "cloud.json"):
        note = _read_note(home / name)
        if note is None or (to_keep and name == "cloud.json" and note.get("parent_pipe")):
            continue
        health = probe(note["endpoint_url"])
        if health is not None and health.get("pid") == note["pid"]:
            return RunningCloud(note["endpoint_url"], note["pid"], health.get("stack_name") or "switchyard")
    return None


@contextlib.contextmanager
def kept_up(home: Path, cloud: RunningCloud) -> Iterator[None]:
    """Mark a cloud, for as long as it lasts, as one for every command: not one that ends with a `run`."""
    mark = home / "up.json"
    mark.write_text(json.dumps({"endpoint_url": cloud.endpoint_url, "pid": cloud.pid}), encoding="utf-8")
    try:
        yield
    finally:
        if (_read_note(mark) or {}).get("pid") == cloud.pid:
            mark.unlink()


def _read_note(path: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {**note, "endpoint_url": str(note["endpoint_url"]), "pid": int(note["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def probe(endpoint_url: str) -> dict[str, Any] | None:
    """Ask an endpoint whether it is a local cloud.

    Returns
    -------
    dict or None
        `status`, `pid` and `stack_name`; None when it is something else, or nothing.
    """
    import http.client
    from urllib.parse import urlsplit

    address = urlsplit(endpoint_url)
    if address.scheme != "http" or not address.hostname:
        return None
    connection = http.client.HTTPConnection(address.hostname, address.port or 80, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/_switchyard/health")
        response = connection.getresponse()
        health = json.loads(response.read()) if response.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return health if isinstance(health, dict) else None


class ChildCloud:
    """A local cloud that lives as long as this process: it ends when the pipe to it does.

    Parameters
    ----------
    process
        `python -m switchyard.cloud --parent-pipe`.
    errors
        What it writes to its standard error.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors
        self._ready: RunningCloud | None = None
        self._has_answered = False

    def wait_until_ready(self) -> RunningCloud:
        """Wait for the one line that it prints when it listens.

        Raises
        ------
        SwitchyardError
            When it does not start; the message is its own.
        UsageError
            When what it was given is wrong: the port, the template.
        """
        if self._ready is None:
            self._ready = self._read_ready_line()
        return self._ready

    def _read_ready_line(self) -> RunningCloud:
        line = self._first_line()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = {}
        if "endpoint_url" in answer:
            return RunningCloud(
                answer["endpoint_url"],
                answer["pid"],
                answer.get("stack_name") or "switchyard",
                tuple(answer.get("unsupported") or ()),
                answer.get("https") or {},
            )
        errors = self.stop()
        if message := answer.get("error"):
            raise (UsageError if self.process.returncode == 2 else SwitchyardError)(message)
        how = f"printed {line!r}" if line else f"ended with exit code {self.process.returncode}"
        raise SwitchyardError(f"the local cloud did not start: it {how}" + (f"\n{errors}" if errors else ""))

    def _first_line(self) -> bytes:
        output = self.process.stdout
        deadline = time.monotonic() + _READY_SECONDS
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if output is None or left <= 0 or not select.select([output], [], [], left)[0]:
                self.stop()
                raise SwitchyardError(f"the local cloud was not ready after {_READY_SECONDS} s")
            chunk = os.read(output.fileno(), 65536)
            self._has_answered = True
            if not chunk:
                break
            line += chunk
        return line

    def wait(self) -> int:
        """Wait until it ends by itself, and give its exit code."""
        return self.process.wait()

    def stop(self) -> str:
        """Tell it to end, see that it does, and give what it wrote to its standard error."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if not self._has_answered:
            self.process.kill()  # it has nothing to end in good order yet, and would look up only when it is ready
        # `wait` with a time-out would look only every 50 ms.
        late = threading.Timer(_STOP_SECONDS, self.process.kill)
        late.start()
        self.process.wait()
        late.cancel()
        if self._errors.closed:
            return ""
        with self._errors:
            self._errors.seek(0)
            return self._errors.read().decode(errors="replace").strip()


def start_cloud(
    home: Path,
    template: Path,
    *,
    port: int = 0,
    time_scale: float = DEFAULT_TIME_SCALE,
    warm: Sequence[str] = (),
    parameters: Sequence[str] = (),
    https: bool = False,
    quotas: Sequence[str] = (),
) -> ChildCloud:
    """Start a local cloud, without waiting for it.

    Parameters
    ----------
    home
        Its state folder.
    template
        The SAM template to load.
    port
        Where to listen; 0 for any free port.
    time_scale
        The factor on waits and retry intervals.
    warm
        Frameworks whose libraries it should import at once, such as `scikit-learn`.
    parameters
        The template's, each as NAME=VALUE.
    https
        Whether to take AWS's own host names too, over HTTPS.
    quotas
        SageMaker's, each as NAME=VALUE.
    """
    import tempfile

    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the state folder {home} cannot be made: {error.strerror}; set SWITCHYARD_HOME") from None
    command = [sys.executable, "-m", "switchyard.cloud", "--parent-pipe"]
    command += ["--home", str(home), "--template", str(template)]
    command += ["--port", str(port), "--time-scale", str(time_scale)]
    for framework in warm:
        command += ["--warm", framework]
    for parameter in parameters:
        command += ["--parameter", parameter]
    if https:
        command += ["--https-port", "0"]
    for quota in quotas:
        command += ["--quota", quota]
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is read when the cloud does not start
    # A session of its own: Ctrl-C is for this process, which then ends the cloud in good order.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    return ChildCloud(process, errors)


def free_port(port: int) -> bool:
    """Whether a port of the loopback address can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# The cloud of `switchyard run`, started before the rest of the program is imported

_prestarted: list[ChildCloud] = []


def prestart(arguments: Sequence[str]) -> None:
    """Start a cloud for `switchyard run` when it is plain that it will need one.

    This is a first glance at the arguments: whatever looks unusual is left to the real command line, which
    starts the cloud itself if it comes to that.

    Parameters
    ----------
    arguments
        What follows `run`.
    """
    plain = _glance(arguments)
    if plain is None or os.environ.get("AWS_ENDPOINT_URL"):
        return
    recipe, name = plain
    try:
        project = Project.find()
        text = (project.recipes / f"{recipe}.yaml").read_text(encoding="utf-8")
    except (SwitchyardError, OSError, UnicodeDecodeError):
        return
    if name and (project.runs / name).exists():
        return  # it has happened already: it is shown, not run
    if find_cloud(project.state, to_keep=True) is None:
        _prestarted.append(start_cloud(project.state, project.template, warm=frameworks_of(text)))


def take_prestarted() -> ChildCloud | None:
    """Hand over the cloud that `prestart` has started, if it has."""
    return _prestarted.pop() if _prestarted else None


def stop_prestarted() -> None:
    """Stop a cloud that nobody has taken: the command line turned out to be wrong."""
    while _prestarted:
        _prestarted.pop().stop()


def frameworks_of(recipe_text: str) -> list[str]:
    """Read the framework out of a recipe's text without parsing it; nothing when it does not say one.

    Examples
    --------
    >>> frameworks_of("name: diabetes\\nimage: scikit-learn:1.4-2\\n")
    ['scikit-learn']
    """
    return re.findall(r"^image:\s*[\"']?([a-z0-9-]+):", recipe_text, flags=re.MULTILINE)[:1]


def _glance(arguments: Sequence[str]) -> tuple[str, str] | None:
    """Give the recipe and the name of a `run`, or None when it is not a plain one."""
    values: dict[str, list[str]] = {"": [], "--name": [], "--data": [], "--set": []}
    option = ""
    for argument in arguments:
        if option:
            values[option].append(argument)
            option = ""
        elif argument in values:
            option = argument
        elif argument.startswith("--") and "=" in argument and argument.split("=", 1)[0] in values:
            name, value = argument.split("=", 1)
            values[name].append(value)
        elif not argument.startswith("-"):
            values[""].append(argument)
        elif argument not in ("--json", "--open"):
            return None
    recipes, names = values[""], values["--name"]
    if option or len(recipes) != 1 or not re.fullmatch(r"[a-z0-9-]+", recipes[0]):
        return None
    return recipes[0], names[-1] if names else ""
