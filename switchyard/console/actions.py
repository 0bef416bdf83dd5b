"""What a page can do: start a run or an execution, stop one, let one go on; approve or reject a model package."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from switchyard.aws.registry import ModelPackages
from switchyard.console.problems import RequestError
from switchyard.console.routing import get, post, post_body, required
from switchyard.console.schema import (
    Decided,
    Decision,
    RecipeForm,
    RecipeForms,
    Started,
    StartExecution,
    StartRun,
)
from switchyard.errors import SwitchyardError, UsageError
from switchyard.executions.control import redrive_execution, stop_execution
from switchyard.executions.following import start_execution
from switchyard.executions.inputs import parse_input
from switchyard.executions.names import check_name, new_name
from switchyard.executions.run import WORKFLOW, publish_run

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from switchyard.aws.client import Cloud
    from switchyard.aws.registry import Package
    from switchyard.console.context import Context
    from switchyard.console.live import FeedMaker
    from switchyard.project import Project

_DATA = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S.*")


def routes(context: Context) -> list[Route]:
    """Make the routes of this area."""
    return [
        get("/api/recipes", lambda _request: list_recipes(context)),
        post_body("/api/runs", StartRun, lambda _request, asked: start_run(context, asked)),
        post_body("/api/executions", StartExecution, lambda _request, asked: start(context, asked)),
        post("/api/execution/stop", lambda request: stop(context, request)),
        post("/api/execution/redrive", lambda request: redrive(context, request)),
        post_body("/api/package/approve", Decision, lambda request, asked: approve(context, request, asked)),
        post_body("/api/package/reject", Decision, lambda request, asked: reject(context, request, asked)),
    ]


def feeds(_context: Context) -> dict[str, FeedMaker]:
    """Say who makes the feeds of this area: it has none."""
    return {}


def list_recipes(context: Context) -> RecipeForms:
    """Give every recipe of the project with what a run of it can be given."""
    project = context.project
    context.explorer.refresh()
    machines = context.explorer.machines() if context.explorer.problem is None else []
    workflow_arn = next((machine.arn for machine in machines if machine.title == WORKFLOW), None)
    names = project.recipe_names() if project is not None else []
    return RecipeForms(
        recipes=[_form(project, name) for name in names if project is not None], workflow_arn=workflow_arn
    )


def start_run(context: Context, asked: StartRun) -> Started:
    """Publish a recipe and start its run, as `switchyard run` does."""
    from switchyard.recipes.loading import find_recipe
    from switchyard.recipes.overrides import check_overrides

    project = context.project
    if project is None:
        raise RequestError(
            409, "the console runs outside of a project, so there is no recipe to publish; start an execution instead"
        )
    name = check_name(asked.name or None)
    data = asked.data or None
    if data is not None and not _DATA.fullmatch(data):
        raise UsageError(
            f"{data[:200]!r} is not an S3 URI; write s3://<bucket>/<key>, or upload the data of this machine with "
            f"`switchyard run {asked.recipe} --data PATH`"
        )
    recipe = find_recipe(asked.recipe, project.root)
    if data is None and recipe.data.source is None:
        raise UsageError(f"recipe {recipe.name!r} has no data of its own; give s3://...")
    overrides = check_overrides(recipe, asked.overrides)
    cloud = context.need_cloud()
    document = publish_run(project, recipe, cloud=cloud, data=data, overrides=overrides)
    return _start(context, cloud, cloud.output(f"{WORKFLOW}StateMachineArn"), name or new_name(recipe.name), document)


def start(context: Context, asked: StartExecution) -> Started:
    """Start an execution of any workflow, as `switchyard start` does."""
    if not re.fullmatch(r"arn:[^:]+:states:[^:]*:[^:]*:stateMachine:\S+", asked.workflow_arn):
        raise UsageError(f"{asked.workflow_arn[:200]!r} is not the ARN of a workflow")
    name = check_name(asked.name or None)
    document = parse_input(asked.input, "the input")
    own_name = asked.workflow_arn.rpartition(":")[2]
    return _start(context, context.need_cloud(), asked.workflow_arn, name or new_name(own_name[:50]), document)


def stop(context: Context, request: Request) -> Started:
    """Stop an execution, as `switchyard stop` does."""
    cloud = context.need_cloud()
    execution = _find(context, cloud, required(request, "arn"))
    stop_execution(cloud, execution, cause="Stopped in Switchyard's console.")
    return _done(context, execution["executionArn"])


def redrive(context: Context, request: Request) -> Started:
    """Let an execution go on from where it failed, as `switchyard redrive` does."""
    cloud = context.need_cloud()
    execution = _find(context, cloud, required(request, "arn"))
    redrive_execution(cloud, execution)
    return _done(context, execution["executionArn"])


def approve(context: Context, request: Request, asked: Decision) -> Decided:
    """Approve a model package, as `switchyard approve` does; the approval's event starts the release."""
    packages = ModelPackages(context.need_cloud())
    return _decided(context, packages.approve(_package(packages, request), asked.reason))


def reject(context: Context, request: Request, asked: Decision) -> Decided:
    """Reject a model package, as `switchyard reject` does."""
    packages = ModelPackages(context.need_cloud())
    return _decided(context, packages.reject(_package(packages, request), asked.reason))


def _package(packages: ModelPackages, request: Request) -> Package:
    arn = required(request, "arn")
    if not arn.startswith("arn:"):
        raise RequestError(400, f"{arn[:200]!r} is not the ARN of a model package")
    return packages.find(arn)


def _decided(context: Context, package: Package) -> Decided:
    context.explorer.expire()
    context.hub.wake("executions")
    return Decided(arn=package.arn, approval=package.approval, reason=package.reason)


def _form(project: Project, name: str) -> RecipeForm:
    from switchyard.recipes.form import recipe_form
    from switchyard.recipes.loading import find_recipe

    try:
        recipe = find_recipe(name, project.root)
    except SwitchyardError as error:
        return RecipeForm(name=name, description="", image="", data=None, form={}, problem=str(error))
    return RecipeForm(
        name=recipe.name,
        description=recipe.description,
        image=recipe.image,
        data=recipe.data.source,
        form=recipe_form(recipe),
    )


def _find(context: Context, cloud: Cloud, arn: str) -> dict[str, Any]:
    found = cloud.find_execution(arn) if arn.startswith("arn:") else None
    if found is not None:
        return found
    if (known := context.index.find(arn)) is not None:
        raise RequestError(409, f"{known.name} is a past run, which {cloud} does not know any more: start it anew")
    raise RequestError(404, f"there is no execution {arn[:300]!r} in {cloud}")


def _start(context: Context, cloud: Cloud, workflow_arn: str, name: str, document: Any) -> Started:
    arn, _ = start_execution(cloud, workflow_arn, name, document)
    return _done(context, arn)


def _done(context: Context, arn: str) -> Started:
    context.explorer.expire()
    context.hub.wake("executions", "workflows", "execution")
    return Started(arn=arn, name=arn.rpartition(":")[2])
