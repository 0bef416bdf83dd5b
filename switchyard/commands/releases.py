"""`switchyard packages`, `approve`, `reject`, `release`: what becomes of the models that runs have registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from switchyard.commands.shared import (
    AsJson,
    connect,
    console_for,
    examples,
    print_beside,
    print_json,
    target_of,
    watch_execution,
    with_options,
)

if TYPE_CHECKING:
    from switchyard.aws.registry import Package

PackageName = Annotated[
    str,
    typer.Argument(metavar="MODEL_PACKAGE", help="An ARN, GROUP/VERSION, or a recipe for its newest one that waits."),
]
ApprovedPackage = Annotated[
    str,
    typer.Argument(
        metavar="MODEL_PACKAGE",
        help="An ARN, GROUP/VERSION, or a recipe for its newest one that is approved and was never released.",
    ),
]
Profile = Annotated[str | None, typer.Option("--profile", help="The AWS profile to use.", metavar="NAME")]
Region = Annotated[str | None, typer.Option("--region", help="The AWS region.", metavar="CODE")]
NoFollow = Annotated[bool, typer.Option("--no-follow", help="Do not show the release.")]

PACKAGES_EPILOG = examples("switchyard packages", "switchyard packages diabetes --json | jq '.packages[0]'")
APPROVE_EPILOG = examples(
    "switchyard approve diabetes",
    "switchyard approve switchyard-diabetes/3 --reason 'Checked against the figures of March'",
    "switchyard approve switchyard-diabetes/3 --no-follow --profile prod --region eu-west-1",
)
REJECT_EPILOG = examples("switchyard reject switchyard-diabetes/3 --reason 'It is biased'")
RELEASE_EPILOG = examples(
    "switchyard release diabetes",
    "switchyard release switchyard-diabetes/3 --strategy canary --set release.bake_seconds=60",
    "switchyard release diabetes/2  # back to what served earlier",
    "switchyard release switchyard-diabetes/3 --no-follow",
)
_SHOWN_METRICS = 2


def packages(
    *,
    context: typer.Context,
    recipe: Annotated[str | None, typer.Argument(metavar="[RECIPE]", help="Of this recipe; of all by default.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, at most.")] = 20,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """List model packages, the newest first: which wait for approval, which serve, which were taken back and why."""
    from switchyard.aws.registry import PENDING, ModelPackages

    registry = ModelPackages(connect(with_options(target_of(context), profile, region)))
    found = registry.all(recipe, limit=limit)
    serving = registry.serving(found)
    if as_json:
        print_json({"packages": [{**package.document(), "serves": package.arn in serving} for package in found]})
        return
    if not found:
        print_beside("no model packages yet; train one: switchyard run diabetes")
        return
    _print_packages(found, serving)
    waiting = next((package for package in found if package.approval == PENDING), None)
    if waiting is not None:
        print_beside(f"decide about one that waits: switchyard approve {waiting.name}, or reject it --reason TEXT")


def approve(
    *,
    context: typer.Context,
    package: PackageName,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in the registry.")] = None,
    no_follow: NoFollow = False,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Approve a model package, and show the release that this starts.

    The approval itself is SageMaker's, and so is the event that it sends; a rule of the stack starts the release.
    Exit code 0: approved, and released; 1: taken back, unlike what serves, or failed; 2: wrong usage.
    """
    from switchyard.aws.registry import ModelPackages
    from switchyard.executions.releases import await_release, releases_of

    cloud = connect(with_options(target_of(context), profile, region))
    registry = ModelPackages(cloud)
    found = registry.find(package)
    known = releases_of(cloud, found.arn)
    approved = registry.approve(found, reason)
    if not as_json:
        print_beside(f"approved {approved.name}")
    execution = None if no_follow else await_release(cloud, approved.arn, known=known)
    if execution is not None:
        watch_execution(cloud, execution, as_json)
    if as_json:
        print_json(approved.document())
    elif no_follow:
        print_beside("its release begins; see it: switchyard ls")
    else:
        print_beside(f"no release of it has begun; start it by hand: switchyard release {approved.name}")


def reject(
    *,
    context: typer.Context,
    package: PackageName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the registry.")],
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Reject a model package that waits for approval, or is approved and was not released; what serves goes on."""
    from switchyard.aws.registry import ModelPackages

    registry = ModelPackages(connect(with_options(target_of(context), profile, region)))
    rejected = registry.reject(registry.find(package), reason)
    if as_json:
        print_json(rejected.document())
    else:
        print_beside(f"rejected {rejected.name}")


def release(
    *,
    context: typer.Context,
    package: ApprovedPackage,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="How; the recipe's own strategy by default.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override release.* of the recipe; can be repeated."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The execution's name.")] = None,
    no_follow: NoFollow = False,
    profile: Profile = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Release an approved model package by hand: go back to one that served earlier, or release again.

    An approval starts a release by itself; by hand is for one whose release failed or only compared it, for another
    strategy, and for the way back. A package that was taken back has to be approved again.
    Exit code 0: released; 1: taken back, unlike what serves, or failed; 2: wrong usage, nothing was started.
    """
    from switchyard.aws.registry import ModelPackages
    from switchyard.executions.names import check_name
    from switchyard.executions.releases import settings_of, start_release
    from switchyard.recipes.overrides import apply_release_set

    check_name(name)
    cloud = connect(with_options(target_of(context), profile, region))
    registry = ModelPackages(cloud)
    found = registry.find(package, waiting=False)
    registry.check_releasable(found)
    given = [*([f"release.strategy={strategy}"] if strategy is not None else []), *(settings or [])]
    overrides = apply_release_set(settings_of(cloud, found), given)
    execution = start_release(cloud, found, overrides, name)
    if not no_follow:
        watch_execution(cloud, execution, as_json)
    if as_json:
        print_json({"execution_arn": execution})
    else:
        print(execution, flush=True)
        print_beside(f"follow it: switchyard watch {execution.rpartition(':')[2]}")


def _print_packages(found: list[Package], serving: set[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    styles = {"Approved": "green", "Rejected": "red", "PendingManualApproval": "yellow"}
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("package", no_wrap=True, overflow="fold")  # names are for copying
    for column in ("registered", "approval", "release", "metrics", "run"):
        table.add_column(column)
    if reasons := any(_why(package) for package in found):
        table.add_column("why")
    for package in found:
        metrics = list(package.metrics.items())[:_SHOWN_METRICS]
        table.add_row(
            package.name,
            f"{package.registered_at.astimezone():%Y-%m-%d %H:%M:%S}",
            Text(package.approval, style=styles.get(package.approval, "")),
            _progress(package, serving),
            "  ".join(f"{name} {value:.4g}" for name, value in metrics),
            package.execution or "",
            *([_why(package)] if reasons else []),
        )
    console_for(False).print(table)


def _progress(package: Package, serving: set[str]) -> str:
    """Say how far it is on its way into service: before an approval, and after a rejection, nothing moves it."""
    if package.arn in serving:
        return f"{package.release or 'deployed'}, serves"
    return package.release if package.approval == "Approved" or package.release != "requested" else ""


def _why(package: Package) -> str:
    """Say why a package never came into service, or left it."""
    return package.reason if package.approval == "Rejected" else package.metadata.get("release_reason", "")
