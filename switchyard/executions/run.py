"""One whole run: publish a recipe, start the workflow, follow it to its end, and see what it has made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchyard import launcher
from switchyard.aws.client import Cloud, Preparation, connect, connect_local
from switchyard.errors import SwitchyardError, UsageError
from switchyard.executions.faults import FaultSpec, add_faults, check_faults_allowed, list_faults
from switchyard.executions.following import SavedRun, check_same_input, follow, start_execution
from switchyard.executions.history import ExecutionTree, HistoryBuilder, Status, build_tree
from switchyard.executions.names import check_name, new_name
from switchyard.executions.result import APPROVED, RunResult, result_of
from switchyard.executions.runs import SavedExecution, saved_execution
from switchyard.project import Project

if TYPE_CHECKING:
    from switchyard.aws.target import Target
    from switchyard.executions.history import Job
    from switchyard.executions.progress import Progress
    from switchyard.recipes.model import Recipe

WORKFLOW = "TrainAndDeploy"
# How often to look at an execution, and at a SageMaker job: AWS counts requests, this machine does not.
_LIVE_SECONDS, _PLAIN_SECONDS, _AWS_SECONDS = 0.1, 0.25, 2.0
_LOCAL_JOB_SECONDS, _AWS_JOB_SECONDS = 1.0, 5.0
_STOP_SECONDS = 30


@dataclass(frozen=True)
class RunRequest:
    """What the user asks for.

    Parameters
    ----------
    recipe
        The recipe's name.
    data
        A file, a folder or an S3 URI; None for the recipe's own data.
    settings
        `KEY=VALUE` overrides.
    name
        The execution's name; None for a new one.
    faults
        What is to go wrong in this run, on a local cloud.
    """

    recipe: str
    data: str | None = None
    settings: tuple[str, ...] = ()
    name: str | None = None
    faults: tuple[FaultSpec, ...] = ()


def run_recipe(
    request: RunRequest,
    *,
    target: Target,
    progress: Progress,
    show: Callable[[RunResult], None],
    started: Callable[[Cloud | None, str], None] | None = None,
) -> RunResult:
    """Run a recipe from its data to a prediction of the live endpoint.

    Parameters
    ----------
    request
        What to run.
    target
        The cloud to run it in. When that is the local one and none runs, one is started for the run.
    progress
        Shows what happens.
    show
        Called with the result while the cloud is still up.
    started
        Called with the cloud and the execution's ARN as soon as there is one; a run that is over has no cloud.

    Raises
    ------
    UsageError
        When the recipe, the data, a setting or the name cannot be used; nothing was started then.
    """
    name = check_name(request.name)
    check_faults_allowed(target, request.faults)
    preparation = None if target.aws else Preparation()
    project = Project.find()
    from switchyard.recipes.loading import apply_set, find_recipe

    recipe = find_recipe(request.recipe, project.root)
    overrides = apply_set(recipe, request.settings)
    _check_data(recipe, request.data)
    with _open_cloud(
        project=project,
        target=target,
        recipe=recipe,
        preparation=preparation,
        progress=progress,
        name=name,
    ) as opened:
        if isinstance(opened, SavedExecution):
            _check_saved(opened, recipe, request.data, overrides)
            progress.note(f"{opened.name} has run before: this is its result")
            if started is not None:
                started(None, _arn_of(opened))
            result = result_of(opened.tree, name=opened.name, folder=opened.folder, arn=_arn_of(opened))
            show(result)
            return result
        with progress.step(f"Publish recipe {recipe.name}, its code and data"):
            document = publish_run(project, recipe, cloud=opened.cloud, data=request.data, overrides=overrides)
        name = name or new_name(recipe.name)
        faults = add_faults(opened.cloud, request.faults, execution=name)
        arn, has_ended = start_execution(
            opened.cloud, opened.cloud.output(f"{WORKFLOW}StateMachineArn"), name, document
        )
        if has_ended:
            progress.note(f"{name} has run before: this is its result")
        else:
            progress.note(f"Execution {name}")
        if started is not None:
            started(opened.cloud, arn)
        result = follow_to_result(opened.cloud, arn, progress=progress, stop_on_interrupt=True)
        result.cloud_goes_on = opened.goes_on
        if result.outcome == APPROVED:
            result.release = _follow_release(opened, result, progress)
        if faults:
            _note_unused(opened.cloud, {fault["id"] for fault in faults}, progress)
        show(result)
        return result


def _follow_release(opened: _Opened, result: RunResult, progress: Progress) -> RunResult | None:
    """Show the release that an approved model's registration has started; None when none has, or nobody looks on."""
    from switchyard.executions.releases import await_release

    package = str(result.output["model_package_arn"])
    with progress.step("Wait for the release to begin"):
        execution = await_release(opened.cloud, package, known=[])
    if execution is None:
        progress.note(f"No release of {package} has begun")
        return None
    name = execution.rpartition(":")[2]
    progress.note(f"Release {name}")
    try:
        # A cloud that ends with this command takes the release along.
        release = follow_to_result(opened.cloud, execution, progress=progress, stop_on_interrupt=not opened.goes_on)
    except KeyboardInterrupt:
        progress.note(f"no longer watching; the release goes on (switchyard watch {name})")
        return None
    release.cloud_goes_on = opened.goes_on
    return release


def publish_run(
    project: Project, recipe: Recipe, *, cloud: Cloud, data: str | None, overrides: dict[str, Any]
) -> dict[str, Any]:
    """Put a recipe, its code and data into the buckets.

    Parameters
    ----------
    project
        The recipe's.
    recipe
        What is to run.
    cloud
        Where.
    data
        A file, a folder or an S3 URI; None for the recipe's own data.
    overrides
        What the run changes of the recipe; checked already.

    Returns
    -------
    dict
        The run's input.
    """
    from switchyard.publishing.publish import publish_to, upload_data

    document: dict[str, Any] = {"recipe": recipe.name}
    publish_to(cloud, project, [recipe.name])
    if data is not None:
        document["data"] = upload_data(recipe, data, s3=cloud.client("s3"), data_bucket=cloud.output("DataBucketName"))
    if overrides:
        document["overrides"] = overrides
    return document


def follow_to_result(
    cloud: Cloud,
    execution_arn: str,
    *,
    progress: Progress,
    stop_on_interrupt: bool,
) -> RunResult:
    """Show an execution until it ends, and gather what it has made.

    Parameters
    ----------
    cloud
        Where it runs.
    execution_arn
        Which.
    progress
        Shows it.
    stop_on_interrupt
        Whether Ctrl-C stops the execution; otherwise it only stops looking at it.
    """
    name = execution_arn.rsplit(":", 1)[-1]
    machine_arn = re.sub(r":execution:(.+):[^:]+$", r":stateMachine:\1", execution_arn)
    definition: dict[str, Any] = {}
    saved = SavedRun(cloud, name)
    tree = ExecutionTree()
    try:
        definition = cloud.definition(machine_arn)
        jobs = _JobStatuses(cloud)
        interval = _AWS_SECONDS if not cloud.is_local else _LIVE_SECONDS if progress.is_live else _PLAIN_SECONDS
        builder = HistoryBuilder(definition)
        for events in follow(cloud, execution_arn, interval=interval, wake=saved.ended):
            builder.add(events)
            tree = builder.tree
            progress.update(tree, jobs.look(tree) if progress.is_live else {})
    except KeyboardInterrupt:
        progress.close()
        if not stop_on_interrupt:
            raise
        progress.note("Ctrl-C: stopping the run and its jobs")
        tree = _stop(cloud, execution_arn, definition)
        progress.note(f"{name} is stopped")
    finally:
        progress.close()
    return result_of(tree, name=name, arn=execution_arn, folder=saved.folder(), cloud=cloud)


def failed_to_start(error: SwitchyardError) -> RunResult:
    """Say in the form of a result that there was no run."""
    cause = {"name": type(error).__name__, "cause": str(error), "state": None}
    return RunResult(execution_arn=None, name="", status=None, error=cause)


def _check_data(recipe: Recipe, data: str | None) -> None:
    if data is None:
        if recipe.data.source is None:
            raise UsageError(f"recipe {recipe.name!r} has no data of its own; give --data PATH or s3://...")
    elif not data.startswith("s3://"):
        # While the cloud starts: bad data is refused before anything is made.
        from switchyard.recipes.dataset import open_dataset

        open_dataset(Path(data).expanduser(), recipe.data)


@dataclass
class _Opened:
    cloud: Cloud
    goes_on: bool


@contextmanager
def _open_cloud(
    *,
    project: Project,
    target: Target,
    recipe: Recipe,
    preparation: Preparation | None,
    progress: Progress,
    name: str | None,
) -> Iterator[_Opened | SavedExecution]:
    """Give the cloud to run in; or, when a run of that name is over and only its files are left, those."""
    child = launcher.take_prestarted()
    cloud = None if child else connect(target, project.state, to_keep=True, preparation=preparation)
    saved = saved_execution(project.state, name) if name and not target.aws else None
    if saved is not None and (cloud is None or cloud.find_execution(saved.name) is None):
        if child:
            child.stop()
        yield saved
        return
    if cloud is not None:
        progress.note(f"Using {cloud}")
        yield _Opened(cloud, goes_on=True)
        return
    if child is None:
        warm = launcher.frameworks_of(f"image: {recipe.image}")
        child = launcher.start_cloud(project.state, project.template, warm=warm)
    try:
        with progress.step("Start the local cloud"):
            running = child.wait_until_ready()
        yield _Opened(connect_local(running, preparation), goes_on=False)
    finally:
        child.stop()


def _check_saved(saved: SavedExecution, recipe: Recipe, data: str | None, overrides: dict[str, Any]) -> None:
    """See that a run that is over is the one that is asked for."""
    asked: dict[str, Any] = {"recipe": recipe.name}
    if data is not None:
        asked["data"] = data if data.startswith("s3://") else _uploaded_as(saved, recipe, data)
    if overrides:
        asked["overrides"] = overrides
    check_same_input(saved.name, saved.input, asked)


def _uploaded_as(saved: SavedExecution, recipe: Recipe, data: str) -> str:
    """Give the earlier run's URI when this is the same data: the URI holds the content's hash."""
    from switchyard.recipes.dataset import open_dataset

    earlier = str(saved.input.get("data", "")) if isinstance(saved.input, dict) else ""
    content_hash = open_dataset(Path(data).expanduser(), recipe.data).content_hash()
    return earlier if f"/{content_hash}/" in earlier else data


def _note_unused(cloud: Cloud, numbers: set[int], progress: Progress) -> None:
    for fault in list_faults(cloud):
        if fault["id"] in numbers and not fault["fired"]:
            progress.note(f"The fault {fault['target']}:{fault['kind']} has struck nothing in this run")


def _arn_of(saved: SavedExecution) -> str:
    return str(saved.description.get("executionArn", saved.name))


def _stop(cloud: Cloud, execution_arn: str, definition: dict[str, Any]) -> ExecutionTree:
    """Stop an execution and wait until it has stopped."""
    stepfunctions = cloud.client("stepfunctions")
    stepfunctions.stop_execution(executionArn=execution_arn, error="Stopped", cause="Stopped by Ctrl-C.")
    deadline = time.monotonic() + _STOP_SECONDS
    tree = ExecutionTree()
    for events in follow(cloud, execution_arn, interval=_LIVE_SECONDS if cloud.is_local else _AWS_SECONDS):
        tree = build_tree(events, definition)
        if time.monotonic() > deadline:
            break
    return tree


class _JobStatuses:
    """The statuses of the SageMaker jobs that run now, looked up now and then."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._every = _LOCAL_JOB_SECONDS if cloud.is_local else _AWS_JOB_SECONDS
        self._next = time.monotonic() + self._every
        self._known: dict[str, str] = {}

    def look(self, tree: ExecutionTree) -> dict[str, str]:
        if time.monotonic() >= self._next:
            for visit in tree.visits():
                if visit.job is not None and visit.status is Status.RUNNING:
                    self._known[visit.job.name] = self._status(visit.job)
            self._next = time.monotonic() + self._every
        return self._known

    def _status(self, job: Job) -> str:
        describe = getattr(self._cloud.client("sagemaker"), f"describe_{job.kind.lower()}_job")
        answer = describe(**{f"{job.kind}JobName": job.name})
        status, secondary = answer.get(f"{job.kind}JobStatus", ""), answer.get("SecondaryStatus", "")
        return f"{status}, {secondary}" if secondary and secondary != status else str(status)
