"""`switchyard stack preview|apply|delete`: CloudFormation stacks, changed by change sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switchyard.commands.shared import AsJson, connect, console_for, examples, print_json, target_of
from switchyard.errors import StackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchyard.stacks.changes import Wish
    from switchyard.stacks.operations import Outcome

app = typer.Typer(
    name="stack",
    help="Preview, apply and delete CloudFormation stacks.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

StackName = Annotated[str, typer.Argument(metavar="STACK", help="The stack's name.")]
TemplateOption = Annotated[
    Path | None, typer.Option("--template", metavar="FILE", help="The template; by default the one that the stack has.")
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of the template; can be repeated. The others keep what they have.",
    ),
]
CapabilityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--capability",
        metavar="NAME",
        help="Acknowledge what the template does, such as CAPABILITY_IAM; can be repeated.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.callback()
def _group() -> None:
    """Preview, apply and delete CloudFormation stacks."""


@app.command(
    epilog=examples(
        "switchyard stack preview churn --template infrastructure/endpoint-two-models.yml",
        "switchyard stack preview churn --parameter VariantWeight2=30",
        "switchyard --profile prod stack preview churn --parameter VariantWeight2=30 --json",
    )
)
def preview(
    *,
    context: typer.Context,
    stack: StackName,
    template: TemplateOption = None,
    parameters: ParameterOption = None,
    capabilities: CapabilityOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what a template, or other values of its parameters, would change of a stack; change nothing.

    CloudFormation makes a change set, which is deleted again.
    Exit code 0: something would change; 1: nothing would, or the stack cannot be changed; 2: wrong usage.
    """
    from switchyard.stacks.changes import discard, make_change_set
    from switchyard.stacks.report import show_changes

    cloud = connect(target_of(context))
    change_set = make_change_set(cloud, _wish(stack, template, parameters, capabilities))
    discard(cloud, change_set)
    if as_json:
        print_json({"stack": stack, "is_new": change_set.is_new, "changes": change_set.document()})
    else:
        show_changes(change_set, stack, console_for(False))


@app.command(
    epilog=examples(
        "switchyard stack apply churn --template infrastructure/endpoint-two-models.yml",
        "switchyard stack apply churn --parameter VariantWeight2=10 --yes",
        "switchyard stack apply churn --parameter VariantWeight2=10 --rollback-alarm slow --monitoring-minutes 5",
    )
)
def apply(
    *,
    context: typer.Context,
    stack: StackName,
    template: TemplateOption = None,
    parameters: ParameterOption = None,
    capabilities: CapabilityOption = None,
    alarms: Annotated[
        list[str] | None,
        typer.Option(
            "--rollback-alarm",
            metavar="NAME",
            help="An alarm that takes the change back; can be repeated. By default those of the last change.",
        ),
    ] = None,
    minutes: Annotated[
        int | None,
        typer.Option(
            "--monitoring-minutes", metavar="N", help="For how long alarms take it back after all has been changed."
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make a stack, or change it: show the change set, ask, execute it, and follow it to its end.

    What fails, or is met by an alarm, CloudFormation takes back.
    Exit code 0: it is as asked; 1: it was taken back, or nothing would change; 2: wrong usage, nothing was changed.
    """
    from switchyard.stacks.changes import discard, make_change_set
    from switchyard.stacks.operations import execute
    from switchyard.stacks.report import show_changes

    _check_can_ask(yes)
    cloud, console = connect(target_of(context)), console_for(as_json)
    wish = _wish(stack, template, parameters, capabilities, alarms=alarms, minutes=minutes)
    change_set = make_change_set(cloud, wish)
    show_changes(change_set, stack, console)
    if not yes and not _confirmed("Execute this change set?"):
        discard(cloud, change_set)
        raise StackError("nothing was changed: the answer was no")
    _follow(lambda show: execute(cloud, change_set, show), as_json, stack)


@app.command(epilog=examples("switchyard stack delete churn", "switchyard stack delete churn --yes"))
def delete(*, context: typer.Context, stack: StackName, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a stack with all that it is made of, and follow that to its end."""
    from rich.text import Text

    from switchyard.stacks.operations import delete as delete_stack
    from switchyard.stacks.operations import existing, resources

    _check_can_ask(yes)
    cloud, console = connect(target_of(context)), console_for(as_json)
    existing(cloud, stack)
    console.print(Text.assemble("the stack ", (stack, "bold")))
    for resource in resources(cloud, stack):
        console.print(
            Text.assemble(
                ("  - delete   ", "red"),
                (resource["LogicalResourceId"], "bold"),
                (f"  {resource['ResourceType']}  {resource.get('PhysicalResourceId', '')}", "dim"),
            ),
            soft_wrap=True,
        )
    if not yes and not _confirmed("Delete it?"):
        raise StackError("nothing was deleted: the answer was no")
    _follow(lambda show: delete_stack(cloud, stack, show), as_json, stack)


def _follow(operation: Callable[[Callable[[dict[str, Any]], None]], Outcome], as_json: bool, stack: str) -> None:
    from switchyard.stacks.report import show_event, show_outcome

    console = console_for(as_json)
    try:
        outcome = operation(lambda event: show_event(event, console))
    except KeyboardInterrupt:
        raise StackError(
            f"no longer watching; what is done to {stack} goes on "
            f"(take an update back: aws cloudformation cancel-update-stack --stack-name {stack})"
        ) from None
    show_outcome(outcome, console)
    if as_json:
        print_json(outcome.document())
    raise typer.Exit(0 if outcome.is_success else 1)


def _wish(
    stack: str,
    template: Path | None,
    parameters: list[str] | None,
    capabilities: list[str] | None,
    *,
    alarms: list[str] | None = None,
    minutes: int | None = None,
) -> Wish:
    from switchyard.stacks.changes import Wish
    from switchyard.stacks.templates import parse_parameters

    return Wish(
        name=stack,
        template=template,
        parameters=parse_parameters(parameters or []),
        capabilities=tuple(capabilities or ()),
        alarms=tuple(alarms) if alarms else None,
        monitoring_minutes=minutes,
    )


def _check_can_ask(yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise UsageError("there is nobody to ask here; give --yes to go on without")


def _confirmed(question: str) -> bool:
    return bool(typer.confirm(question, default=False, err=True))
