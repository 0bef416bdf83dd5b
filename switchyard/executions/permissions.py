"""What the roles of a stack called, and what they were denied: the local cloud's record."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from switchyard import launcher
from switchyard.aws.client import connect_local
from switchyard.errors import UsageError
from switchyard.executions.following import start_execution
from switchyard.executions.names import new_name
from switchyard.executions.run import WORKFLOW, follow_to_result
from switchyard.project import Project

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud
    from switchyard.executions.progress import Progress


def permissions_of(cloud: Cloud) -> dict[str, Any]:
    """Fetch the report of a local cloud: all calls since it was started.

    Raises
    ------
    UsageError
        When it is no local cloud of ours.
    """
    if not cloud.is_local:
        raise UsageError("only the local cloud keeps a record of every call; on AWS, ask IAM Access Analyzer")
    try:
        with urllib.request.urlopen(f"{cloud.endpoint_url}/_switchyard/iam", timeout=30) as answer:  # noqa: S310
            document: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, ValueError) as error:
        raise UsageError(f"{cloud} has no record of calls: {error}") from error
    return document


def permissions_of_run(name: str, progress: Progress) -> tuple[dict[str, Any], bool]:
    """Run a recipe on a new local cloud, and fetch its report.

    Parameters
    ----------
    name
        The recipe's.
    progress
        Shows the run.

    Returns
    -------
    tuple
        The report, and whether the run ended well.
    """
    from switchyard.publishing.publish import publish_to
    from switchyard.recipes.loading import find_recipe

    project = Project.find()
    recipe = find_recipe(name, project.root)
    # A home of its own: a cloud that is up for this project goes on undisturbed.
    with tempfile.TemporaryDirectory(prefix="switchyard-iam-") as home:
        warm = launcher.frameworks_of(f"image: {recipe.image}")
        child = launcher.start_cloud(Path(home), project.template, warm=warm)
        try:
            with progress.step("Start a local cloud"):
                cloud = connect_local(child.wait_until_ready())
            with progress.step(f"Publish recipe {recipe.name}, its code and data"):
                publish_to(cloud, project, [recipe.name])
            machine = cloud.output(f"{WORKFLOW}StateMachineArn")
            arn, _ = start_execution(cloud, machine, new_name(recipe.name), {"recipe": recipe.name})
            result = follow_to_result(cloud, arn, progress=progress, stop_on_interrupt=True)
            return permissions_of(cloud), result.is_success
        finally:
            child.stop()
