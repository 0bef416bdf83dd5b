"""Reads the cloud's executions into the index: the newest at each look, the older ones in the background."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from switchyard.aws.errors import error_code, is_denied
from switchyard.console.known import described, listed, workflow_of
from switchyard.console.pace import Pace
from switchyard.console.problems import problem_of
from switchyard.console.schema import ExecutionStatus
from switchyard.launcher import probe

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.console.connection import Connection
    from switchyard.console.index import ExecutionIndex
    from switchyard.console.past import PastRuns

# Of each state machine, no more executions are read than this.
MAX_EXECUTIONS = 10_000
SILENT = "the cloud does not answer"
NO_CLOUD = "no local cloud is up; start one with `switchyard up`"

_PAGE, _OLDER_PAGE, _MAX_NEW_PAGES = 100, 1000, 20
_LOCAL_PAGE = 20
_PAST_SECONDS = 5.0
_IDLE_SECONDS = 60.0
# How long a page waits for a look, and when a look that goes on is called silence.
_PATIENCE, _FIRST_PATIENCE, _SILENT_SECONDS = 2.0, 20.0, 6.0
_LOCAL_MAX_AGE, _AWS_MAX_AGE, _NEARLY_NEW_SECONDS = 0.5, 5.0, 20.0
# An account may have hundreds of state machines: it is looked at the less often the more there are.
_AWS_SECONDS_EACH = 0.5
_TRY_AGAIN_SECONDS = 2.0
# AWS refills its bucket of DescribeExecution by 10 to 15 a second, of ListExecutions by 5 to 10.
_DESCRIBE_PACE, _LIST_PACE, _NEWEST_PACE = (5.0, 100), (2.0, 20), (5.0, 50)
# What may be said of one state machine, while the others can be read.
_EXPIRED_TOKEN = ("InvalidToken", "ValidationException")  # AWS's tokens are good for a day
_NO_LIST = ("StateMachineTypeNotSupported", "StateMachineDoesNotExist", "StateMachineDeleting", "InvalidArn")


@dataclass(frozen=True)
class Machine:
    """A state machine of the cloud.

    Parameters
    ----------
    arn, title
        Its ARN, and its name as the template has it.
    older
        Where to go on reading older executions; None when there are none, or not known yet.
    count
        How many have been read by pages.
    """

    arn: str
    title: str
    has_begun: bool = False
    older: str | None = None
    count: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing older to read."""
        return self.has_begun and self.older is None


class _Look:
    """A look that is under way."""

    def __init__(self) -> None:
        self.heard_at = time.monotonic()
        self.is_done = threading.Event()


class Explorer:
    """Reads executions, when somebody asks for them.

    Parameters
    ----------
    connection
        To the cloud.
    index
        Where to put them.
    past
        The past runs to unite them with.
    """

    def __init__(self, connection: Connection, index: ExecutionIndex, past: PastRuns) -> None:
        self._connection = connection
        self._index = index
        self._past = past
        self._lock = threading.Lock()
        self._under_way: _Look | None = None
        self._cloud: Cloud | None = None
        self._machines: dict[str, Machine] = {}
        self._machines_until = 0.0
        self._past_until = 0.0
        self._looked_at: float | None = None
        self._max_age = _LOCAL_MAX_AGE
        self._looks = 0
        self._asked_at = 0.0
        self._problem: str | None = None
        self._was_away = False
        self._pid: int | None = None
        self._stopped = threading.Event()
        self._is_stale = False
        self._work = threading.Condition()
        # To be described: what somebody looks at, or what has just changed; and the rest.
        self._first: OrderedDict[str, None] = OrderedDict()
        self._rest: OrderedDict[str, None] = OrderedDict()
        self._worker: threading.Thread | None = None
        self._list_pace = self._describe_pace = self._newest_pace = Pace(0, 1)
        # What may not be read, by the state machine and the call.
        self._denied: dict[tuple[str, str], str] = {}

    # What is known

    @property
    def problem(self) -> str | None:
        """Why the cloud cannot be read now; None when it can."""
        with self._lock:
            look = self._under_way
            is_silent = look is not None and time.monotonic() - look.heard_at > _SILENT_SECONDS
            return SILENT if self._problem is None and is_silent else self._problem

    @property
    def denied(self) -> str | None:
        """What of the cloud may not be read, while the rest may; None when there is nothing."""
        with self._lock:
            return next(iter(self._denied.values()), None)

    @property
    def is_complete(self) -> bool:
        """Whether there are no older executions to come in."""
        with self._lock:
            has_read = self._cloud is None or self._machines_until > 0
            return has_read and all(machine.is_complete for machine in self._machines.values())

    def machines(self) -> list[Machine]:
        """List the cloud's state machines."""
        with self._lock:
            return list(self._machines.values())

    def title(self, workflow_arn: str) -> str:
        """Give a workflow's title: its name as the template has it, else its own."""
        with self._lock:
            machine = self._machines.get(workflow_arn)
            stack = self._cloud.stack_name if self._cloud is not None else "switchyard"
        if machine is not None:
            return machine.title
        name = workflow_arn.rpartition(":")[2]
        own = name.removeprefix(f"{stack}-")
        return "".join(part[:1].upper() + part[1:] for part in own.split("-")) if own != name else name

    # Looking

    def refresh(self) -> None:
        """See that what is known is not older than half a second on this machine, or five seconds on AWS.

        Whoever asks while a look is under way waits for that one; but nobody waits long for a cloud that is silent,
        or at all for AWS, when what is known is nearly new: the page is told when there is something newer.
        """
        for _ in range(2):  # one that began before something was done is followed by another
            with self._lock:
                seconds = self._patience()
                self._asked_at = time.monotonic()
                look = self._under_way or self._begin_look()
            if look is None or not look.is_done.wait(seconds):
                break
        with self._work:
            self._work.notify_all()

    def _patience(self) -> float:
        """Say how long to wait for a look."""
        if self._looked_at is None:
            return _FIRST_PATIENCE
        is_nearly_new = time.monotonic() - self._looked_at < max(_NEARLY_NEW_SECONDS, self._max_age + 5)
        return 0.0 if self._max_age >= _AWS_MAX_AGE and is_nearly_new and not self._is_stale else _PATIENCE

    def _begin_look(self) -> _Look | None:
        """Begin a look in a thread of its own, if it is time; the lock is held."""
        is_due = self._looked_at is None or time.monotonic() - self._looked_at >= self._max_age
        if not (is_due or self._is_stale) or self._stopped.is_set():
            return None
        self._is_stale = False
        self._under_way = _Look()
        threading.Thread(target=self._run_look, args=(self._under_way,), name="console look", daemon=True).start()
        return self._under_way

    def _run_look(self, look: _Look) -> None:
        try:
            self._look(self._connection.cloud())
        except Exception as error:
            self._set_problem(problem_of(error).detail)
        finally:
            with self._lock:
                self._looked_at = time.monotonic()
                self._under_way = None
            look.is_done.set()

    def expire(self) -> None:
        """Let the next `refresh` look, whenever the last look was: something has been done."""
        with self._lock:
            self._is_stale = True

    def want(self, arns: Iterable[str]) -> None:
        """Describe these before all others: somebody looks at them."""
        with self._work:
            for arn in arns:
                if arn in self._rest:
                    del self._rest[arn]
                    self._first[arn] = None

    def close(self) -> None:
        """Read no more."""
        self._stopped.set()
        with self._work:
            self._work.notify_all()

    def _look(self, cloud: Cloud | None) -> None:
        self._see_cloud(cloud)
        is_away = cloud is None
        problem: str | None = NO_CLOUD
        if cloud is not None:
            try:
                self._read_machines(cloud)
                self._read_newest(cloud)
                problem = None
            except Exception as error:
                problem = problem_of(error).detail
                is_away = isinstance(error, BotoCoreError)
        self._set_problem(problem)
        self._index.set_away(is_away)
        # What it leaves when it ends may come a moment later.
        if is_away or time.monotonic() >= self._past_until:
            self._index.put_past(self._past.scan())
            self._past_until = time.monotonic() + _PAST_SECONDS
        self._was_away |= is_away
        self._looks += 1
        self._begin_work()

    def _see_cloud(self, cloud: Cloud | None) -> None:
        """Begin anew when it is another cloud than before: a local one forgets everything when it ends."""
        is_other = cloud is not None and self._cloud is not None and cloud is not self._cloud
        is_back = cloud is not None and cloud.is_local and self._was_away and self._answers(cloud)
        pid = self._pid_of(cloud) if cloud is not None and (is_back or cloud is not self._cloud) else self._pid
        # The same process, when that can be told, has forgotten nothing while it was silent.
        is_same = pid is not None and pid == self._pid
        self._pid = pid
        if is_back:
            self._was_away = False
        if (is_other or is_back) and not is_same:
            self._index.forget_cloud()
            with self._lock:
                self._machines = {}
            with self._work:
                self._first.clear()
                self._rest.clear()
            self._machines_until = self._past_until = 0.0
        if cloud is not None and cloud is not self._cloud:
            with self._lock:
                self._cloud = cloud
                self._max_age = _LOCAL_MAX_AGE if cloud.is_local else _AWS_MAX_AGE
                self._denied = {}
            self._list_pace = Pace(0, 1) if cloud.is_local else Pace(*_LIST_PACE)
            self._newest_pace = Pace(0, 1) if cloud.is_local else Pace(*_NEWEST_PACE)
            self._describe_pace = Pace(0, 1) if cloud.is_local else Pace(*_DESCRIBE_PACE)

    @staticmethod
    def _pid_of(cloud: Cloud) -> int | None:
        health = probe(cloud.endpoint_url) if cloud.is_switchyard and cloud.endpoint_url else None
        return (health or {}).get("pid")

    @staticmethod
    def _answers(cloud: Cloud) -> bool:
        try:
            cloud.client("stepfunctions").list_state_machines(maxResults=1)
        except (ClientError, BotoCoreError):
            return False
        return True

    def _set_problem(self, problem: str | None) -> None:
        with self._lock:
            self._problem = problem

    def _read_machines(self, cloud: Cloud) -> None:
        if time.monotonic() < self._machines_until:
            return
        cloud.forget_outputs()
        found = cloud.workflows()
        with self._lock:
            self._machines = {
                arn: replace(self._machines.get(arn) or Machine(arn, title), title=title)
                for title, arn in found.items()
            }
            self._denied = {key: why for key, why in self._denied.items() if key[0] in found.values()}
            if not cloud.is_local:
                self._max_age = max(_AWS_MAX_AGE, _AWS_SECONDS_EACH * len(found))
        self._machines_until = time.monotonic() + (5.0 if cloud.is_local else 60.0)

    def _read_newest(self, cloud: Cloud) -> None:
        machines = self.machines()
        if cloud.is_local or len(machines) < 2:
            refused = [self._try_newest_of(cloud, machine) for machine in machines]
        else:
            with ThreadPoolExecutor(8, "console look") as pool:
                refused = list(pool.map(lambda machine: self._try_newest_of(cloud, machine), machines))
        # Where something may be read, it is shown.
        if (error := next(iter(refused), None)) is not None and None not in refused:
            raise error

    def _try_newest_of(self, cloud: Cloud, machine: Machine) -> Exception | None:
        """Read the newest executions of a state machine; give the refusal when they may not be read."""
        if not self._newest_pace.wait(self._stopped):
            return None
        refusal: Exception | None = None
        try:
            self._read_newest_of(cloud, machine)
        except ClientError as error:
            if not is_denied(error):
                raise
            refusal = error
            self._update(machine.arn, has_begun=True, older=None)
        self._note_denied(machine.arn, "list", refusal)
        with self._lock:
            if self._under_way is not None:
                self._under_way.heard_at = time.monotonic()
        return refusal

    def _note_denied(self, machine_arn: str, call: str, refusal: Exception | None) -> None:
        """Keep in mind what of a state machine may not be read, or that it may."""
        with self._lock:
            if refusal is None:
                self._denied.pop((machine_arn, call), None)
            else:
                self._denied[machine_arn, call] = problem_of(refusal).detail

    def _read_newest_of(self, cloud: Cloud, machine: Machine) -> None:
        stepfunctions = cloud.client("stepfunctions")
        size = _LOCAL_PAGE if cloud.is_local and machine.has_begun else _PAGE
        token: dict[str, str] = {}
        seen: set[str] = set()
        try:
            for _ in range(_MAX_NEW_PAGES):
                answer = stepfunctions.list_executions(stateMachineArn=machine.arn, maxResults=size, **token)
                items = answer["executions"]
                has_met_known = any(self._index.find_in_cloud(item["executionArn"]) for item in items)
                seen.update(self._put(items))
                token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else {}
                if not token or has_met_known or not machine.has_begun:
                    break
            if not machine.has_begun:
                self._update(machine.arn, has_begun=True, older=token.get("nextToken"), count=len(seen))
            # On AWS every third time: it is for old ones that have been redriven, or have run for long.
            elif cloud.is_local or self._looks % 3 == 0:
                self._read_running(stepfunctions, machine.arn, seen)
        except ClientError as error:
            if error_code(error) not in _NO_LIST:
                raise
            self._update(machine.arn, has_begun=True, older=None)

    def _read_running(self, stepfunctions: Any, machine_arn: str, seen: set[str]) -> None:
        answer = stepfunctions.list_executions(
            stateMachineArn=machine_arn, statusFilter=ExecutionStatus.RUNNING, maxResults=_OLDER_PAGE
        )
        seen |= self._put(answer["executions"])
        if answer.get("nextToken"):
            return
        ended = [
            execution.arn
            for execution in self._index.all()
            if execution.status is ExecutionStatus.RUNNING
            and execution.workflow_arn == machine_arn
            and not execution.is_past
            and execution.arn not in seen
        ]
        self._queue(ended, at_once=True)

    def _put(self, items: list[dict[str, Any]]) -> set[str]:
        before = {item["executionArn"]: self._index.find_in_cloud(item["executionArn"]) for item in items}
        after = [listed(item, before[item["executionArn"]]) for item in items]
        self._index.put(after)
        changed = [each for each in after if each is not before[each.arn]]
        # A few have changed under somebody's eyes; many are only new here.
        self._queue([each.arn for each in changed], at_once=len(changed) < _LOCAL_PAGE)
        return set(before)

    def _update(self, arn: str, **changes: Any) -> None:
        with self._lock:
            if arn in self._machines:
                self._machines[arn] = replace(self._machines[arn], **changes)

    # In the background

    def _queue(self, arns: Iterable[str], *, at_once: bool = False) -> None:
        with self._work:
            for arn in arns:
                if at_once:
                    self._rest.pop(arn, None)
                    self._first[arn] = None
                elif arn not in self._first:
                    self._rest[arn] = None
            self._work.notify_all()

    def _begin_work(self) -> None:
        if self._worker is None and not self._stopped.is_set():
            self._worker = threading.Thread(target=self._run, name="console index", daemon=True)
            self._worker.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            task = self._next_task()
            if task is None:
                continue
            try:
                task()
            except Exception as error:
                # The next look says what is wrong.
                if not isinstance(error, (ClientError, BotoCoreError)):
                    self._set_problem(problem_of(error).detail)
                self._stopped.wait(_TRY_AGAIN_SECONDS)

    def _next_task(self) -> Callable[[], None] | None:
        with self._work:
            older = next((machine for machine in self.machines() if machine.older is not None), None)
            # When nobody has asked for a while, what is missing can wait.
            is_idle = time.monotonic() - self._asked_at > _IDLE_SECONDS
            if is_idle or self.problem is not None or not (older or self._first or self._rest):
                self._work.wait(_IDLE_SECONDS)
                return None
            if older is not None and not self._first:
                return partial(self._read_older, older)
            arn, _ = (self._first or self._rest).popitem(last=False)
            return partial(self._describe, arn)

    def _describe(self, arn: str) -> None:
        cloud = self._cloud
        if cloud is None or not self._describe_pace.wait(self._stopped):
            return
        try:
            execution = described(cloud.client("stepfunctions").describe_execution(executionArn=arn))
        except (ClientError, BotoCoreError) as error:
            if is_denied(error):
                self._note_denied(workflow_of(arn), "describe", error)
                raise
            if not (isinstance(error, ClientError) and error_code(error) in ("ExecutionDoesNotExist", "InvalidArn")):
                self._queue([arn])
                raise
            # It has been there, and its time has run out: nothing more will be known of it.
            return
        self._note_denied(execution.workflow_arn, "describe", None)
        if cloud is self._cloud:
            self._index.put([execution])

    def _read_older(self, machine: Machine) -> None:
        cloud = self._cloud
        if cloud is None or not self._list_pace.wait(self._stopped):
            return
        try:
            answer = cloud.client("stepfunctions").list_executions(
                stateMachineArn=machine.arn, maxResults=_OLDER_PAGE, nextToken=machine.older
            )
        except ClientError as error:
            if error_code(error) in _EXPIRED_TOKEN:
                self._update(machine.arn, has_begun=False, older=None, count=0)
            elif error_code(error) in _NO_LIST or is_denied(error):
                self._update(machine.arn, older=None)
            raise
        if cloud is not self._cloud:
            return
        count = machine.count + len(self._put(answer["executions"]))
        older = answer.get("nextToken") if count < MAX_EXECUTIONS else None
        self._update(machine.arn, older=older, count=count)
