"""The fault matrix: the workflow run once for each of its tasks and each way in which that can fail.

Each run goes against an endpoint that serves and is asked all the time. Afterwards it is looked at what the run has
left behind, and what the endpoint serves.
"""

from __future__ import annotations

import itertools
import json
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchyard import launcher
from switchyard.errors import SwitchyardError
from switchyard.executions.faults import add_faults, list_faults, parse_fault
from switchyard.executions.following import read_new_events
from switchyard.executions.history import ExecutionTree, build_tree
from switchyard.executions.result import result_of
from switchyard.project import Project

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

WORKFLOW = "TrainAndDeploy"
LANES = 3
# Waits cost nothing here: what counts is what follows on what.
TIME_SCALE = 0.001
RUN_SECONDS, SETTLE_SECONDS = 120.0, 20.0
ASK_SECONDS = 0.05
# Each look costs the cloud as much as a step of the run does, and a run takes one or two seconds.
LOOK_SECONDS = 0.1
THROTTLED, REFUSED, LOST = "ThrottlingException x2", "AccessDeniedException", "lost answer x1"
_BUSY = {"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"}


@dataclass(frozen=True)
class Cell:
    """One run to be made.

    Parameters
    ----------
    state, kind
        The fault.
    before
        What stands before the run: `serving`, an endpoint; `nothing`; `failing`, an endpoint, and another fault
        that brings the run to where failures are dealt with; `rejecting`, an endpoint, and a gate that no model passes;
        `handing over`, an endpoint, and a recipe whose models wait for approval.
    base
        That other fault.
    """

    state: str
    kind: str
    before: str = "serving"
    base: str | None = None


@dataclass
class Row:
    """How one run ended.

    Parameters
    ----------
    outcome, error
        The workflow's own word (DEPLOYED, REJECTED, PENDING_APPROVAL) or the execution's status; and why.
    left
        What the run made that nothing uses: models, endpoint configurations, endpoints, jobs that run.
    asked, unanswered
        How often the endpoint was asked meanwhile, and how often in vain.
    serves
        `new`, `earlier` or `nothing`; or else the status that the endpoint has.
    struck
        How often the fault has struck.
    """

    state: str
    kind: str
    before: str
    execution: str
    outcome: str = ""
    error: str = ""
    left: list[str] = field(default_factory=list)
    asked: int = 0
    unanswered: int = 0
    serves: str = ""
    struck: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the run has left nothing behind, and the endpoint as it should be."""
        expected = "new" if self.outcome == "DEPLOYED" else "nothing" if self.before == "nothing" else "earlier"
        return not self.left and not self.unanswered and self.serves == expected and self.outcome != "RUNNING"

    @property
    def is_helpless(self) -> bool:
        """Whether the run failed, and then so did, for good, a task that deals with failures."""
        return self.before == "failing" and self.kind in (REFUSED, "crash")

    def document(self) -> dict[str, Any]:
        """Give the row of `--json`."""
        return {**asdict(self), "good": self.is_good}


@dataclass
class Matrix:
    """All runs, and the tasks that none of them could bring about."""

    rows: list[Row] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)


def fault_matrix(
    project: Project,
    recipe: str,
    *,
    states: Sequence[str] = (),
    tell: Callable[[Row], None] = lambda _: None,
) -> Matrix:
    """Run the whole matrix, in a local cloud of its own.

    Parameters
    ----------
    project
        The project whose workflow is run.
    recipe
        The recipe to run it with; copies of it, each with an endpoint of its own.
    states
        Only these; all by default.
    tell
        Called with each row as soon as it is known.

    Raises
    ------
    SwitchyardError
        When the workflow does not succeed even without a fault.
    """
    with _site(project, recipe) as site:
        lanes = [_Lane(site, name) for name in site.lanes]
        with ThreadPoolExecutor(len(lanes)) as pool:
            plain = list(pool.map(lambda lane: lane.deploy(), lanes))
            plain = list(pool.map(lambda lane: lane.deploy(), lanes))
        fresh = lanes.pop()
        tasks = site.tasks()
        serving = _in_order(plain[0], tasks)

        def run(lanes: list[_Lane], cells: Iterable[Cell]) -> list[Row]:
            wanted = [cell for cell in cells if not states or cell.state in states]
            return [row for row in _run(lanes, wanted, tell) if row.struck]

        def without_an_endpoint() -> tuple[list[str], list[Row]]:
            fresh.delete_endpoint()
            new = _in_order(fresh.probe(None), tasks)
            return new, run([fresh], [Cell(state, _worst(tasks[state]), "nothing") for state in new])

        # Its lane shares nothing with the others, so it need not wait for them.
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(without_an_endpoint)
            rows = run(lanes, _cells(serving, tasks, "serving"))
            base = _base(site, lanes[0], serving, rows)
            tree = lanes[0].probe(base) if base else None
            failing = [state for state in _in_order(tree, tasks) if state not in serving] if tree else []
            rows += run(lanes, _cells(failing, tasks, "failing", base))
            known = [*serving, *failing]
            # Left to a release; rejected after its predictions, and at once: the other ways to end well.
            for change, before in (
                (_Lane.leave_to_a_release, "handing over"),
                (_Lane.make_unbeatable, "rejecting"),
                (_Lane.make_strict, "rejecting"),
            ):
                for lane in lanes:
                    change(lane)
                further = [state for state in _in_order(lanes[0].probe(None), tasks) if state not in known]
                rows += run(lanes, _cells(further, tasks, before))
                known += further
            new, unserved = beside.result()
        reached = {*known, *new}
        not_reached = [state for state in tasks if state not in reached and (not states or state in states)]
    return Matrix([*rows, *unserved], not_reached)


def kinds_for(state: Mapping[str, Any]) -> list[str]:
    """List the ways in which a Task can fail, as its resource has them.

    Parameters
    ----------
    state
        The state's definition.
    """
    resource = str(state.get("Resource", ""))
    if resource.endswith(".sync"):
        return [THROTTLED, "ResourceLimitExceeded", "Failed", "crash", "timeout", LOST]
    if resource.endswith((":createEndpoint", ":updateEndpoint")):
        return [THROTTLED, REFUSED, "Failed", "timeout", LOST]
    if ":lambda:" in resource:
        deployed = ["Failed"] if "endpoint" in json.dumps(state.get("Parameters", {})) else []
        return [THROTTLED, REFUSED, "crash", "timeout", LOST, *deployed]
    return [THROTTLED, REFUSED, "timeout", LOST]


def _worst(state: Mapping[str, Any]) -> str:
    """The kind that no retry helps against."""
    kinds = kinds_for(state)
    resource = str(state.get("Resource", ""))
    return next(
        kind
        for kind in ("Failed", "crash", REFUSED)
        if kind in kinds and not (":lambda:" in resource and kind == "Failed")
    )


def _cells(names: Iterable[str], tasks: Mapping[str, Any], before: str, base: str | None = None) -> list[Cell]:
    return [Cell(name, kind, before, base) for name in names for kind in kinds_for(tasks[name])]


def _in_order(tree: ExecutionTree, tasks: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(visit.name for visit in tree.visits() if visit.name in tasks))


def _base(site: _Site, lane: _Lane, order: list[str], rows: list[Row]) -> str | None:
    """The fault of the last task whose failure makes the whole run fail: by then there is most to be undone."""
    failed = {row.state for row in rows if row.outcome == "FAILED" and row.kind in (REFUSED, "crash", "Failed")}
    if not failed:
        found = (state for state in reversed(order) if lane.probe(f"{state}:{REFUSED}").status == "FAILED")
        failed = set(itertools.islice(found, 1))
    last = [state for state in order if state in failed]
    return f"{last[-1]}:{_worst(site.tasks()[last[-1]])}" if last else None


def _run(lanes: list[_Lane], cells: list[Cell], tell: Callable[[Row], None]) -> list[Row]:
    waiting: queue.SimpleQueue[tuple[int, Cell]] = queue.SimpleQueue()
    for numbered in enumerate(cells):
        waiting.put(numbered)
    rows: dict[int, Row] = {}

    def work(lane: _Lane) -> None:
        while True:
            try:
                number, cell = waiting.get_nowait()
            except queue.Empty:
                return
            rows[number] = lane.run(cell)
            if rows[number].struck:
                tell(rows[number])

    with ThreadPoolExecutor(len(lanes)) as pool:
        for done in [pool.submit(work, lane) for lane in lanes]:
            done.result()
    return [rows[number] for number in sorted(rows)]


@dataclass
class _Site:
    """A local cloud, and the copies of the recipe in it."""

    cloud: Cloud
    project: Project
    machine_arn: str
    definition: dict[str, Any]
    lanes: list[str]
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def number(self) -> int:
        with self.lock:
            return next(self.numbers)

    def tasks(self) -> dict[str, Any]:
        """Every Task of the workflow, by name."""
        return {name: state for name, state in states_of(self.definition) if state["Type"] == "Task"}

    def publish(self, *names: str) -> None:
        from switchyard.publishing.publish import publish_to

        publish_to(self.cloud, self.project, names)


@contextmanager
def _site(project: Project, recipe: str) -> Iterator[_Site]:
    from switchyard.aws.client import connect_local
    from switchyard.recipes.loading import find_recipe

    image = find_recipe(recipe, project.root).image
    lanes = [f"{recipe}-{number}" for number in range(LANES)] + [f"{recipe}-fresh"]
    with tempfile.TemporaryDirectory(prefix="switchyard-matrix-") as folder:
        copies = Project(Path(folder))
        for name in lanes:
            _write_copy(project, copies, recipe, name)
        (copies.root / "training_code").symlink_to(project.training_code)
        shutil.copy(project.template, copies.template)
        child = launcher.start_cloud(
            copies.root / "home",
            project.template,
            time_scale=TIME_SCALE,
            warm=launcher.frameworks_of(f"image: {image}"),
        )
        try:
            cloud = connect_local(child.wait_until_ready())
            machine_arn = cloud.output(f"{WORKFLOW}StateMachineArn")
            site = _Site(cloud, copies, machine_arn, cloud.definition(machine_arn), lanes)
            site.publish(*lanes)
            yield site
        finally:
            child.stop()


def _write_copy(project: Project, copies: Project, recipe: str, name: str) -> None:
    """Write a copy of a recipe whose run serves its model itself, and compares it with the champion."""
    import yaml

    document = yaml.safe_load((project.recipes / f"{recipe}.yaml").read_text(encoding="utf-8"))
    document["name"] = name
    document.pop("release", None)
    for rule in document["gate"]:
        rule["margin"] = 0
    copies.recipes.mkdir(exist_ok=True)
    (copies.recipes / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    for path in project.recipes.iterdir():
        if path.is_dir() and not (copies.recipes / path.name).exists():
            (copies.recipes / path.name).symlink_to(path)


class _Lane:
    """One copy of the recipe with its endpoint, and a thread that asks that all the time during a run."""

    def __init__(self, site: _Site, recipe: str) -> None:
        self._site = site
        self._recipe = recipe
        self._sagemaker = site.cloud.client("sagemaker")
        self._states = site.cloud.client("stepfunctions")
        self._row: str = ""
        self.endpoint = ""

    def deploy(self) -> ExecutionTree:
        """Run without a fault."""
        arn, description = self._execute(self._name(), [])
        tree = self._tree(arn)
        if description["status"] != "SUCCEEDED":
            raise SwitchyardError(
                f"without any fault the run of {self._recipe} is {description['status']}: {tree.cause}"
            )
        result = result_of(tree, name=description["name"], arn=arn, cloud=self._site.cloud)
        self.endpoint = str(result.endpoint_name)
        features = (result.prediction or {}).get("features") or []
        self._row = ",".join(str(value) for value in features)
        return tree

    def probe(self, base: str | None) -> ExecutionTree:
        """Run with one fault, or none, to see which states are entered."""
        arn, _ = self._execute(self._name(), [base] if base else [])
        self._settled()
        return self._tree(arn)

    def leave_to_a_release(self) -> None:
        """Let a person approve further models of this copy."""
        self._change({"release": {"approval": "manual"}}, lambda rule: rule)

    def make_unbeatable(self) -> None:
        """Let no further model of this copy beat its champion."""
        self._change({}, lambda rule: {**rule, "margin": 1e12})

    def make_strict(self) -> None:
        """Let no further model of this copy pass."""
        self._change({}, lambda rule: {**rule, "threshold": -1e12 if rule["direction"] == "minimize" else 1e12})

    def _change(self, sections: dict[str, Any], gate: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        import yaml

        path = self._site.project.recipes / f"{self._recipe}.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document.pop("release", None)
        document |= {"gate": [gate(rule) for rule in document["gate"]], **sections}
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        self._site.publish(self._recipe)

    def delete_endpoint(self) -> None:
        """Let nothing serve."""
        if self._settled() is not None:
            self._sagemaker.delete_endpoint(EndpointName=self.endpoint)
            self._sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=self.endpoint)

    def run(self, cell: Cell) -> Row:
        """Make one run of the matrix."""
        if cell.before == "nothing":
            self.delete_endpoint()
        before = self._settled()
        name = self._name()
        row = Row(cell.state, cell.kind, cell.before, name)
        began = time.perf_counter()
        with self._asked(row) if before else _nothing():
            faults = [f"{cell.state}:{cell.kind}", *([cell.base] if cell.base else [])]
            _, description = self._execute(name, faults)
            output = json.loads(description.get("output") or "{}")
            row.outcome, row.error = output.get("status") or description["status"], description.get("error") or ""
            after = self._settled()
            row.serves = self._serves(before, after, name)
            row.left = self._left(row, after)
        row.seconds = round(time.perf_counter() - began, 3)
        mine = [fault for fault in list_faults(self._site.cloud) if fault["execution"] == name]
        row.struck = sum(fault["fired"] for fault in mine if fault["target"] == cell.state)
        return row

    def _name(self) -> str:
        return f"matrix-{self._site.number():03d}-x"

    def _execute(self, name: str, faults: list[str]) -> tuple[str, dict[str, Any]]:
        add_faults(self._site.cloud, [parse_fault(text) for text in faults], execution=name)
        arn = self._states.start_execution(
            stateMachineArn=self._site.machine_arn, name=name, input=json.dumps({"recipe": self._recipe})
        )["executionArn"]
        deadline = time.monotonic() + RUN_SECONDS
        found: dict[str, Any]
        while (found := self._states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if time.monotonic() > deadline:
                self._states.stop_execution(executionArn=arn)
                break
            time.sleep(LOOK_SECONDS)
        return arn, found

    def _tree(self, arn: str) -> ExecutionTree:
        known: dict[int, dict[str, Any]] = {}
        read_new_events(self._states, arn, known)
        return build_tree(known.values(), self._site.definition)

    def _settled(self) -> dict[str, Any] | None:
        """Describe the endpoint once it has come to rest; None when there is none."""
        from botocore.exceptions import ClientError

        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                found: dict[str, Any] = self._sagemaker.describe_endpoint(EndpointName=self.endpoint)
            except ClientError:
                return None
            if found["EndpointStatus"] not in _BUSY or time.monotonic() > deadline:
                return found
            time.sleep(LOOK_SECONDS)

    def _serves(self, before: dict[str, Any] | None, after: dict[str, Any] | None, name: str) -> str:
        if after is None:
            return "nothing"
        if after["EndpointStatus"] != "InService":
            return str(after["EndpointStatus"])
        config = after["EndpointConfigName"]
        if before is not None and config == before["EndpointConfigName"]:
            return "earlier"
        return "new" if name in config else str(config)

    def _left(self, row: Row, after: dict[str, Any] | None) -> list[str]:
        """Look for what the run made and nothing uses; what is being stopped or deleted gets a moment."""
        used: set[str] = set()
        if row.outcome == "DEPLOYED" and after is not None:
            config = self._sagemaker.describe_endpoint_config(EndpointConfigName=after["EndpointConfigName"])
            used = {after["EndpointConfigName"], *(each["ModelName"] for each in config["ProductionVariants"])}
        deadline = time.monotonic() + SETTLE_SECONDS
        while left := [text for text, name in self._made_by(row.execution) if name not in used]:
            if time.monotonic() > deadline or not all("InProgress" in text or "Stopping" in text for text in left):
                break
            time.sleep(LOOK_SECONDS)
        if row.before == "nothing" and row.outcome != "DEPLOYED" and after is not None:
            left.append(f"endpoint {self.endpoint}")
        return left

    def _made_by(self, execution: str) -> Iterator[tuple[str, str]]:
        client = self._sagemaker
        for model in client.list_models(NameContains=execution)["Models"]:
            yield f"model {model['ModelName']}", model["ModelName"]
        for config in client.list_endpoint_configs(NameContains=execution)["EndpointConfigs"]:
            yield f"endpoint config {config['EndpointConfigName']}", config["EndpointConfigName"]
        for kind in ("training", "processing", "transform"):
            listed = getattr(client, f"list_{kind}_jobs")(NameContains=execution)
            for job in listed[f"{kind.title()}JobSummaries"]:
                name, status = job[f"{kind.title()}JobName"], job[f"{kind.title()}JobStatus"]
                if status in ("InProgress", "Stopping"):
                    yield f"{kind} job {name} ({status})", name

    @contextmanager
    def _asked(self, row: Row) -> Iterator[None]:
        stop = threading.Event()
        runtime = self._site.cloud.client("sagemaker-runtime")

        def ask() -> None:
            from botocore.exceptions import BotoCoreError, ClientError

            while not stop.is_set():
                row.asked += 1
                try:
                    runtime.invoke_endpoint(EndpointName=self.endpoint, ContentType="text/csv", Body=self._row)
                except (ClientError, BotoCoreError):
                    row.unanswered += 1
                stop.wait(ASK_SECONDS)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def states_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield every state of a definition by its name, those inside of others too."""
    for name, state in definition.get("States", {}).items():
        yield name, state
        for inner in (*state.get("Branches", []), state.get("ItemProcessor"), state.get("Iterator")):
            yield from states_of(inner or {})
