"""The command line. Each command parses its options, calls one function, and shows what it gives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard import launcher
from switchyard.aws.target import Target
from switchyard.commands import clean, console, events, faults, iam, logs, redrive, releases, report, stack
from switchyard.commands.shared import (
    AsJson,
    ExecutionName,
    OpenOption,
    connect,
    console_for,
    examples,
    no_execution,
    opened_console,
    print_beside,
    print_json,
    saved_run,
    show_run,
    target_of,
    watch_execution,
)
from switchyard.errors import SwitchyardError, UsageError

if TYPE_CHECKING:
    from switchyard.executions.result import RunResult

app = typer.Typer(
    name="switchyard",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"switchyard {version('switchyard')}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "switchyard run diabetes",
        "switchyard up",
        "switchyard --profile prod --region eu-west-1 ls",
    )
)
def main(
    context: typer.Context,
    aws: Annotated[bool, typer.Option("--aws", help="Use an AWS account, not the local cloud.")] = False,
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use; implies --aws.", metavar="NAME")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region.", metavar="CODE")] = None,
    stack: Annotated[str, typer.Option(help="The CloudFormation stack.", metavar="NAME")] = "switchyard",
    _show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Train, check and deploy models with AWS Step Functions and SageMaker: on this machine, or in an account.

    Without --aws or --profile, commands speak to the local cloud:
    the one at AWS_ENDPOINT_URL, or else the one that runs for this project.
    """
    context.obj = Target(aws=aws or profile is not None, profile=profile, region=region, stack=stack)


# Runs


@app.command(
    epilog=examples(
        "switchyard run diabetes",
        "switchyard run diabetes --open",
        "switchyard run housing --data ~/housing.csv",
        "switchyard run diabetes --set hyperparameters.alpha=0.5 --set limits.training_seconds=600",
        "switchyard run diabetes --name nightly-42 --json > result.json",
        'switchyard run diabetes --fault "Train model:ThrottlingException x2"',
    )
)
def run(
    *,
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="The name of a file in recipes/, without .yaml.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH|S3-URI", help="The data to use: a file, a folder, or s3://..."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a part of the recipe; can be repeated."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="The execution's name. The same name is the same run, never a second one."),
    ] = None,
    fault: faults.FaultOption = None,
    open_: OpenOption = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe: train, check, predict and deploy, then ask the live endpoint.

    Uses the local cloud that is up, or else starts one for this run.
    Exit code 0: deployed; 1: failed or rejected; 2: wrong usage, nothing was started.
    """
    from switchyard.aws.errors import explain
    from switchyard.executions.faults import parse_fault
    from switchyard.executions.progress import progress_for
    from switchyard.executions.run import RunRequest, failed_to_start, run_recipe

    screen = console_for(as_json)
    progress = progress_for(screen, recipe)
    try:
        with opened_console(context.obj, progress.note, is_wanted=open_) as opened:

            def show(result: RunResult) -> None:
                show_run(result, screen, as_json)
                if opened is not None and result.status != "ABORTED":
                    opened.stay()

            result = run_recipe(
                RunRequest(recipe, data, tuple(settings or ()), name, tuple(parse_fault(text) for text in fault or ())),
                target=context.obj,
                progress=progress,
                show=show,
                started=opened.show if opened is not None else None,
            )
    except Exception as error:
        known = error if isinstance(error, SwitchyardError) else explain(error)
        if as_json and known is not None:
            print_json(failed_to_start(known).document())
        raise
    raise typer.Exit(0 if result.is_success else 1)


@app.command(
    epilog=examples(
        """switchyard start train_and_deploy --input '{"recipe": "diabetes"}' --watch""",
        "switchyard start train_and_deploy --input @input.json --name nightly-42",
    )
)
def start(
    *,
    context: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A state machine's name or ARN.")],
    input_: Annotated[str, typer.Option("--input", metavar="JSON|@FILE", help="The execution's input.")] = "{}",
    name: Annotated[str | None, typer.Option(help="The execution's name.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it until it has ended.")] = False,
    fault: faults.FaultOption = None,
    open_: OpenOption = False,
    as_json: AsJson = False,
) -> None:
    """Start an execution of any workflow."""
    from switchyard.executions.faults import add_faults, check_faults_allowed, parse_fault
    from switchyard.executions.following import start_execution
    from switchyard.executions.inputs import read_input
    from switchyard.executions.names import check_name, new_name

    document = read_input(input_)
    check_name(name)
    check_faults_allowed(context.obj, fault or ())
    specs = [parse_fault(text) for text in fault or ()]
    cloud = connect(context.obj)
    arn = cloud.find_workflow(workflow)
    name = name or new_name(arn.rsplit(":", 1)[-1][:50])
    add_faults(cloud, specs, execution=name)
    execution_arn, _ = start_execution(cloud, arn, name, document)
    with opened_console(context.obj, print_beside, is_wanted=open_) as opened:
        if opened is not None:
            opened.show(cloud, execution_arn)
        ending = None
        if watch:
            try:
                watch_execution(cloud, execution_arn, as_json)
            except typer.Exit as exit_:
                ending = exit_
        elif as_json:
            print_json({"execution_arn": execution_arn})
        else:
            print(execution_arn, flush=True)
            print_beside(f"follow it: switchyard watch {name}")
        if opened is not None:
            opened.stay()
        if ending is not None:
            raise ending


@app.command(epilog=examples("switchyard watch nightly-42"))
def watch(context: typer.Context, execution: ExecutionName, as_json: AsJson = False) -> None:
    """Show an execution until it has ended. Ctrl-C stops watching, not the execution."""
    cloud = connect(context.obj, or_none=True)
    if cloud is not None and (found := cloud.find_execution(execution)) is not None:
        watch_execution(cloud, found["executionArn"], as_json)
    saved = saved_run(execution)
    if saved is None or target_of(context).aws:
        raise no_execution(execution, cloud)
    from switchyard.executions.result import result_of

    arn = saved.description.get("executionArn", saved.name)
    result = result_of(saved.tree, name=saved.name, arn=arn, folder=saved.folder)
    show_run(result, console_for(as_json), as_json)
    raise typer.Exit(0 if result.is_success else 1)


@app.command("ls", epilog=examples("switchyard ls", "switchyard ls --json | jq '.executions[0]'"))
def list_executions(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List executions, the newest first: those of the cloud, and those kept from earlier."""
    cloud = connect(context.obj, or_none=True)
    rows = {}
    if cloud is not None:
        rows = {execution["name"]: execution for execution in cloud.executions(limit)}
    if not target_of(context).aws:
        from switchyard.aws.client import workflow_name
        from switchyard.executions.runs import saved_executions

        for saved in saved_executions(launcher.find_home())[:limit]:
            workflow = workflow_name(saved.workflow.removeprefix(f"{context.obj.stack}-"))
            rows.setdefault(saved.name, {**saved.description, "workflow": workflow})
    newest = sorted(rows.items(), key=lambda row: str(row[1].get("startDate")), reverse=True)[:limit]
    executions = [_row(name, execution) for name, execution in newest]
    if as_json:
        print_json({"executions": executions})
    elif not executions:
        print("no executions yet; start one: switchyard run diabetes", file=sys.stderr)
    else:
        _print_executions(executions)


@app.command(epilog=examples("switchyard stop nightly-42"))
def stop(context: typer.Context, execution: ExecutionName, as_json: AsJson = False) -> None:
    """Stop an execution and the jobs that it runs."""
    from switchyard.executions.control import stop_execution

    cloud = connect(context.obj)
    found = cloud.find_execution(execution)
    if found is None:
        raise no_execution(execution, cloud)
    stop_execution(cloud, found, cause="Stopped by `switchyard stop`.")
    if as_json:
        print_json({"execution_arn": found["executionArn"], "status": "ABORTED"})
    else:
        print(f"stopped {found['name']}")


app.add_typer(faults.app, name="faults")
app.command("redrive", epilog=redrive.EPILOG)(redrive.redrive)
app.command("clean", epilog=clean.EPILOG)(clean.clean)
app.add_typer(events.app, name="events")


app.command("packages", epilog=releases.PACKAGES_EPILOG)(releases.packages)
app.command("approve", epilog=releases.APPROVE_EPILOG)(releases.approve)
app.command("reject", epilog=releases.REJECT_EPILOG)(releases.reject)
app.command("release", epilog=releases.RELEASE_EPILOG)(releases.release)


app.command("logs", epilog=logs.EPILOG)(logs.logs)
app.command("report", epilog=report.EPILOG)(report.report)


@app.command(
    epilog=examples(
        "switchyard invoke switchyard-diabetes --body 59,2,32.1,101,157,93.2,38,4,4.8598,87",
        "switchyard invoke switchyard-diabetes --body @rows.csv --json",
        "switchyard invoke switchyard-diabetes --body @rows.csv",
    )
)
def invoke(
    context: typer.Context,
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's name.")],
    body: Annotated[str, typer.Option(metavar="JSON|CSV|@FILE", help="What to send.")],
    content_type: Annotated[
        str | None, typer.Option(help="What it is; told from the body by default.", metavar="TYPE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask an endpoint for a prediction."""
    from switchyard.aws.endpoint import invoke_endpoint
    from switchyard.executions.inputs import read_body

    content, detected = read_body(body)
    answer = invoke_endpoint(connect(context.obj), endpoint, content, content_type or detected)
    if as_json:
        print_json(answer.document())
    else:
        print(answer.body.rstrip("\n"))


# The local cloud


@app.command(
    epilog=examples(
        "switchyard up",
        "switchyard up --port 4700 --time-scale 1",
        "switchyard up --parameter 'DiabetesSchedule=rate(1 hour)'",
        "switchyard up --quota 'ml.m5.large for training job usage=1'",
        "switchyard up --template ../other-project/template.yaml",
        "AWS_ENDPOINT_URL=http://127.0.0.1:4599 aws s3 ls",
    )
)
def up(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 for any free port.")
    ] = launcher.DEFAULT_PORT,
    template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Any SAM template; this project's by default.")
    ] = None,
    time_scale: Annotated[
        float,
        typer.Option(min=0, help="The factor on waits and retry intervals; 1 is as slow as AWS."),
    ] = launcher.DEFAULT_TIME_SCALE,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", metavar="NAME=VALUE", help="A parameter of the template; can be repeated."),
    ] = None,
    console_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Where to serve the console; 0 for any free port. By default 4600, if it is free.",
        ),
    ] = None,
    no_console: Annotated[bool, typer.Option("--no-console", help="Do not serve the console.")] = False,
    quotas: Annotated[
        list[str] | None,
        typer.Option(
            "--quota",
            metavar="NAME=VALUE",
            help="A quota of SageMaker's, by AWS's name for it; can be repeated. Without any, nothing is limited.",
        ),
    ] = None,
) -> None:
    """Run the local cloud until Ctrl-C, for any AWS client to use, and serve the console over it."""
    from switchyard.up import up as run_cloud

    if no_console and console_port is not None:
        raise UsageError("--console-port says where the console is, --no-console that there is none: give one of them")
    run_cloud(
        port=port,
        template=template,
        time_scale=time_scale,
        parameters=tuple(parameters or ()),
        quotas=tuple(quotas or ()),
        with_console=not no_console,
        console_port=console_port,
    )


app.command("console", epilog=console.EPILOG)(console.console)


app.add_typer(iam.app)
app.add_typer(stack.app)


# The project


@app.command(epilog=examples("switchyard publish", "switchyard --profile prod publish diabetes"))
def publish(
    context: typer.Context,
    recipes: Annotated[
        list[str] | None, typer.Argument(metavar="[RECIPE]...", help="Which ones; all by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Upload recipes, with their code and data, to the deployed stack."""
    from dataclasses import asdict

    from switchyard.project import Project
    from switchyard.publishing.publish import publish_to

    project = Project.find()
    cloud = connect(context.obj)
    published = publish_to(cloud, project, recipes or None)
    if as_json:
        print_json({"published": [asdict(one) for one in published]})
        return
    for one in published:
        what = f"uploaded {len(one.uploaded)} objects" if one.uploaded else "nothing had changed"
        print(f"{one.recipe}  recipe {one.recipe_hash}, code {one.code_hash}: {what}")


@app.command(epilog=examples("switchyard check", "switchyard check --json"))
def check(as_json: AsJson = False) -> None:
    """Check recipes, state machines and the template; nothing is changed, no call is made."""
    from dataclasses import asdict

    from switchyard.checks.check import check as find_problems
    from switchyard.project import Project

    project = Project.find()
    problems = find_problems(project)
    if as_json:
        print_json({"problems": [asdict(problem) for problem in problems]})
    for problem in problems if not as_json else ():
        print(problem, file=sys.stderr)
    if not all(problem.is_note for problem in problems):
        raise typer.Exit(1)
    if not as_json:
        recipes, machines = len(project.recipe_files()), len(project.definitions())
        print(f"{recipes} recipes, {machines} state machines and template.yaml: no problem found")


@app.command(epilog=examples("switchyard render", "switchyard render --check"))
def render(
    check: Annotated[
        bool, typer.Option("--check", help="Only tell whether the files are what would be rendered.")
    ] = False,
) -> None:
    """Render workflows/*.py to workflows/*.asl.json, in the environment that has the stepfunctions SDK."""
    import subprocess

    from switchyard.project import Project

    root = Project.find().root
    python = root / ".venv-author" / "bin" / "python"
    if not python.is_file():
        raise UsageError(f"there is no {python}, which has what authors need; make it with `make author`")
    command = [str(python), "-m", "workflows.render", *(["--check"] if check else [])]
    raise typer.Exit(1 if subprocess.run(command, cwd=root, check=False).returncode else 0)


# What the commands share


def _row(name: str, execution: dict[str, Any]) -> dict[str, Any]:
    started, stopped = execution.get("startDate"), execution.get("stopDate")
    return {
        "name": name,
        "workflow": execution.get("workflow"),
        "status": execution.get("status"),
        "started_at": started.isoformat() if started else None,
        "duration_seconds": round((stopped - started).total_seconds(), 3) if started and stopped else None,
        "execution_arn": execution.get("executionArn"),
    }


def _print_executions(executions: list[dict[str, Any]]) -> None:
    from datetime import datetime

    from rich.table import Table

    from switchyard.executions.progress import format_seconds

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("execution", no_wrap=True, overflow="fold")  # names are for copying
    for column in ("workflow", "status", "started", "took"):
        table.add_column(column)
    styles = {"SUCCEEDED": "green", "RUNNING": "cyan", "ABORTED": "yellow"}
    for row in executions:
        started = datetime.fromisoformat(row["started_at"]).astimezone() if row["started_at"] else None
        took = row["duration_seconds"]
        table.add_row(
            row["name"],
            row["workflow"] or "",
            f"[{styles.get(row['status'], 'red')}]{row['status']}[/]",
            f"{started:%Y-%m-%d %H:%M:%S}" if started else "",
            format_seconds(took) if took is not None else "",
        )
    console_for(False).print(table)
