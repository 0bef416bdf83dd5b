"""The fork server: its children behave as processes started from the shell do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from switchyard.cloud.processes import Process, ProcessHost
from tests.cloud.local_cloud import is_alive, wait_until

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
SCRIPT = "switchyard.cloud.processes.script:run"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessHost]:
    host = ProcessHost(["numpy"], tmp_path_factory.mktemp("host") / "log")
    yield host
    host.close()


class Runner:
    """Starts scripts and command lines in a folder of the test's own."""

    def __init__(self, host: ProcessHost, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.started: list[Process] = []

    def start(self, script: str, *arguments: str, inherit: tuple[int, ...] = (), **environment: str) -> Process:
        path = self.folder / "script.py"
        path.write_text(script)
        return self._spawn(SCRIPT, [str(path), *arguments], inherit, environment)

    def command(self, *words: str, **environment: str) -> Process:
        return self._spawn(None, list(words), (), environment)

    def _spawn(
        self, target: str | None, arguments: list[str], inherit: tuple[int, ...], environment: dict[str, str]
    ) -> Process:
        process = self.host.spawn(
            target, arguments, environment={**ENVIRONMENT, **environment}, directory=self.folder, inherit=inherit
        )
        self.started.append(process)
        return process


@pytest.fixture
def runner(host: ProcessHost, tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(host, tmp_path)
    yield runner
    for process in runner.started:
        process.kill()
        process.output.close()


def output(process: Process) -> str:
    """All that a process prints until its end."""
    parts = []
    while part := process.output.read(65536):
        parts.append(part)
    process.wait(60)
    return b"".join(parts).decode()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(7)", 7),
        ("import sys; sys.exit(-1)", 255),
        ("import sys; sys.exit(256)", 0),
        ("import sys; sys.exit('why')", 1),
        ("raise ValueError('why')", 1),
        ("import os; os._exit(9)", 9),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import os; os.abort()", -6),
    ],
)
def test_the_exit_code_is_the_shells(runner: Runner, script: str, code: int) -> None:
    process = runner.start(script)
    assert process.wait(60) == process.exit_code == code


def test_a_script_is_main_with_its_arguments_and_its_folder(runner: Runner) -> None:
    (runner.folder / "beside.py").write_text("NAME = 'beside'")
    script = "import beside, os, sys; print(__name__, __file__, sys.argv[1:], beside.NAME, os.getcwd())"
    path = runner.folder / "script.py"
    assert output(runner.start(script, "a b", "")) == f"__main__ {path} ['a b', ''] beside {runner.folder}\n"


def test_the_environment_is_exactly_what_is_given(runner: Runner) -> None:
    printed = output(runner.start("import os; print(sorted(os.environ))", OWN="yes"))
    assert (
        printed
        == f"{sorted([*ENVIRONMENT, 'OWN', 'LC_CTYPE']) if 'LC_CTYPE' in printed else sorted([*ENVIRONMENT, 'OWN'])}\n"
    )


def test_standard_output_and_standard_error_come_in_the_order_written(runner: Runner) -> None:
    script = """
import os, subprocess, sys
for number in range(50):
    print("out", number)
    print("err", number, file=sys.stderr)
sys.stdout.write("no line end")
sys.stdout.flush()
os.write(1, b" raw")
subprocess.run(["echo", " child"])
"""
    lines = "".join(f"out {number}\nerr {number}\n" for number in range(50))
    assert output(runner.start(script)) == f"{lines}no line end raw child\n"


def test_a_traceback_shows_the_scripts_own_frames_only(runner: Runner) -> None:
    printed = output(runner.start("def fit():\n    raise ValueError('no rows')\n\nfit()\n"))
    assert printed.startswith("Traceback (most recent call last):\n  File ")
    assert printed.endswith("ValueError: no rows\n")
    assert "runpy" not in printed
    assert "forkserver" not in printed


def test_a_script_that_is_not_there_is_told_as_python_tells_it(runner: Runner, tmp_path: Path) -> None:
    process = runner._spawn(SCRIPT, [str(tmp_path / "absent.py")], (), {})
    assert output(process) == (
        f"python3: can't open file '{tmp_path / 'absent.py'}': [Errno 2] No such file or directory\n"
    )
    assert process.exit_code == 1


def test_a_command_that_is_not_there_leaves_with_127(runner: Runner) -> None:
    process = runner.command("no-such-program")
    assert "no-such-program" in output(process)
    assert process.exit_code == 127


def test_a_command_line_is_run_as_it_is(runner: Runner) -> None:
    process = runner.command("sh", "-c", 'echo "$0 $OWN"; exit 3', "zero", OWN="yes")
    assert output(process) == "zero yes\n"
    assert process.exit_code == 3


def test_standard_input_is_empty(runner: Runner) -> None:
    assert output(runner.start("import sys; print(repr(sys.stdin.read()))")) == "''\n"


def test_exit_functions_and_threads_are_waited_for(runner: Runner) -> None:
    script = """
import atexit, threading
atexit.register(print, "at exit")
go = threading.Event()
threading.Thread(target=lambda: (go.wait(), print("thread"))).start()
print("main")
go.set()
"""
    assert output(runner.start(script)) == "main\nthread\nat exit\n"


def test_each_child_draws_random_numbers_of_its_own(runner: Runner) -> None:
    script = "import random, numpy; print(random.random(), numpy.random.random())"
    drawn = [output(runner.start(script)).split() for _ in range(4)]
    assert len({first for first, _ in drawn}) == 4
    assert len({second for _, second in drawn}) == 4


def test_modules_are_there_before_the_script_begins_and_are_not_shared(runner: Runner) -> None:
    script = "import sys; print('numpy' in sys.modules); import numpy; print(hasattr(numpy, 'mark')); numpy.mark = 1"
    for _ in range(2):
        assert output(runner.start(script)) == "True\nFalse\n"


def test_open_files_are_inherited_from_descriptor_3_on_and_no_others(runner: Runner) -> None:
    script = """
import os
print(sorted(int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))[:6])
os.write(3, b"one")
os.write(4, b"two")
"""
    first_read, first_write = os.pipe()
    second_read, second_write = os.pipe()
    printed = output(runner.start(script, inherit=(first_write, second_write)))
    os.close(first_write)
    os.close(second_write)
    with os.fdopen(first_read, "rb") as first, os.fdopen(second_read, "rb") as second:
        assert (first.read(), second.read()) == (b"one", b"two")
    assert printed == "[0, 1, 2, 3, 4]\n"


WITH_CHILD = """
import os, subprocess, sys, threading
code = "import signal, threading; signal.signal(15, signal.SIG_IGN); print(1, flush=True); threading.Event().wait()"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
"""


def pid_printed(process: Process) -> int:
    """The number that a process prints first."""
    line = b""
    while not line.endswith(b"\n"):
        line += process.output.read(1)
    return int(line)


def test_a_kill_takes_the_grandchildren_along(runner: Runner) -> None:
    process = runner.start(f"{WITH_CHILD}threading.Event().wait()")
    grandchild = pid_printed(process)
    process.kill()
    assert process.exit_code == -signal.SIGKILL
    wait_until(lambda: not is_alive(grandchild))


def test_what_a_process_leaves_running_ends_with_it(runner: Runner) -> None:
    process = runner.start(WITH_CHILD)
    grandchild = pid_printed(process)
    assert process.wait(60) == 0
    wait_until(lambda: not is_alive(grandchild))
    assert output(process) == ""  # so that nobody holds the output open


def test_a_process_is_asked_first_and_then_ended(runner: Runner) -> None:
    script = """
import signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print(1, flush=True)
while True: threading.Event().wait(0.01)
"""
    polite = runner.start(script)
    pid_printed(polite)
    polite.terminate(60)
    assert polite.exit_code == 5
    deaf = runner.start(script.replace("lambda *_: sys.exit(5)", "signal.SIG_IGN"))
    pid_printed(deaf)
    deaf.terminate(0.1)
    assert deaf.exit_code == -signal.SIGKILL


def test_signals_after_the_end_do_nothing(runner: Runner) -> None:
    process = runner.start("pass")
    assert process.wait(60) == 0
    process.send_signal(signal.SIGKILL)
    process.kill()
    assert process.exit_code == 0


def test_many_at_once_keep_apart(runner: Runner) -> None:
    processes = [runner.command("sh", "-c", f"echo {number}; exit {number}") for number in range(30)]
    printed = [output(process) for process in processes]
    assert printed == [f"{number}\n" for number in range(30)]
    assert [process.wait(60) for process in processes] == list(range(30))


def test_threads_may_start_processes_at_the_same_time(runner: Runner) -> None:
    codes: list[int | None] = []
    starters = [
        threading.Thread(target=lambda: codes.append(runner.command("sh", "-c", "exit 6").wait(60))) for _ in range(8)
    ]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert codes == [6] * 8


def test_a_module_that_is_not_installed_does_not_keep_the_server_from_serving(tmp_path: Path) -> None:
    host = ProcessHost(["a_module_that_nobody_has"], tmp_path / "log")
    process = host.spawn(None, ["true"], environment=ENVIRONMENT, directory=tmp_path)
    assert process.wait(60) == 0
    process.output.close()
    host.close()


def test_the_death_of_the_server_ends_its_children_and_the_next_spawn_gets_another(tmp_path: Path) -> None:
    host = ProcessHost([], tmp_path / "log")
    lost = host.spawn(None, ["tail", "-f", "/dev/null"], environment=ENVIRONMENT, directory=tmp_path)
    wait_until(lambda: lost.pid and is_alive(lost.pid))
    assert host._server is not None
    os.kill(host._server.pid, signal.SIGKILL)
    assert lost.wait(60) == -signal.SIGKILL
    if sys.platform == "linux":
        wait_until(lambda: not is_alive(lost.pid))
    host._server.wait(60)
    again = host.spawn(None, ["true"], environment=ENVIRONMENT, directory=tmp_path)
    assert again.wait(60) == 0
    lost.output.close()
    again.output.close()
    host.close()


def test_processes_outlive_the_thread_that_started_the_server(tmp_path: Path) -> None:
    """A thread of a pool may be the first to need a runtime: an endpoint's, on a cloud that nobody warmed."""
    host = ProcessHost([], tmp_path / "log")
    started: list[Process] = []

    def start() -> None:
        command = ["sh", "-c", "echo $$; exec tail -f /dev/null"]
        process = host.spawn(None, command, environment=ENVIRONMENT, directory=tmp_path)
        pid_printed(process)  # the server is at work, not only on its way
        started.append(process)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    process = started[0]
    ended = process.wait(0.5)
    host.close()
    process.output.close()
    assert ended is None, "the process ended with the thread that asked for it"


def test_the_server_and_its_children_end_with_the_cloud_however_it_ends(tmp_path: Path) -> None:
    cloud = """
import sys, threading
from pathlib import Path
from switchyard.cloud.processes import ProcessHost

host = ProcessHost([], Path("log"))
process = host.spawn(None, ["tail", "-f", "/dev/null"], environment={"PATH": "/usr/bin:/bin"}, directory=Path())
process._started.wait()
print(host._server.pid, process.pid, flush=True)
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", cloud], cwd=tmp_path, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        server, child = map(int, running.stdout.readline().split())
        running.kill()
    wait_until(lambda: not is_alive(server) and not is_alive(child))


def test_a_closed_host_ends_its_children_and_starts_no_more(tmp_path: Path) -> None:
    host = ProcessHost([], tmp_path / "log")
    process = host.spawn(None, ["tail", "-f", "/dev/null"], environment=ENVIRONMENT, directory=tmp_path)
    wait_until(lambda: process.pid and is_alive(process.pid))
    host.close()
    assert process.wait(60) == -signal.SIGKILL
    wait_until(lambda: not is_alive(process.pid))
    process.output.close()
    host.close()  # a second time changes nothing
    with pytest.raises(ProcessLookupError, match="closed"):
        host.spawn(None, ["true"], environment=ENVIRONMENT, directory=tmp_path)


def test_what_has_a_session_of_its_own_ends_with_its_process_too(runner: Runner) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux gives a process what its descendants leave behind")
    script = """
import os, threading
ready, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        os.write(tell, f"{os.getpid()} ".encode())
        threading.Event().wait()
    os.write(tell, f"{os.getpid()} ".encode())
    threading.Event().wait()
said = b""
while said.count(b" ") < 2:
    said += os.read(ready, 100)
print(said.decode(), flush=True)
"""
    process = runner.start(script)
    escaped = [int(pid) for pid in process.output.readline().split()]
    assert len(escaped) == 2
    assert process.wait(60) == 0
    wait_until(lambda: not any(is_alive(pid) for pid in escaped))
