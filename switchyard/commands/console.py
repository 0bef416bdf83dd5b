"""`switchyard console`: the console of any cloud, or of past runs alone."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from switchyard import launcher
from switchyard.commands.shared import console_for, examples, find_project, target_of, with_options
from switchyard.errors import UsageError

if TYPE_CHECKING:
    from switchyard.aws.client import Cloud

EPILOG = examples(
    "switchyard console",
    "switchyard console --open",
    "switchyard console --profile prod --region eu-west-1",
)


def console(
    *,
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Where to listen; 0 for any free port. By default 4600, if it is free."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Who may connect: by default this machine alone."),
    ] = "127.0.0.1",
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    profile: Annotated[str | None, typer.Option(help="The AWS profile to use.", metavar="NAME")] = None,
    region: Annotated[str | None, typer.Option(help="The AWS region.", metavar="CODE")] = None,
) -> None:
    """See runs in the browser: their graph, states, logs and jobs, models, endpoints.

    Shows the cloud that the options name, or else past runs, and a local cloud as soon as one is up.
    Goes on until Ctrl-C. With --host, a browser needs the token in the printed URL.
    """
    from switchyard.aws.client import connect
    from switchyard.console.listening import listen, noted
    from switchyard.console.opening import open_browser

    target = with_options(target_of(context), profile, region)
    home = None if target.aws else launcher.find_home()
    cloud = connect(target)
    if target.aws and cloud is not None:
        _check_account(cloud)
    listener = listen(host, port)
    is_certain = target.aws or bool(os.environ.get("AWS_ENDPOINT_URL"))

    from switchyard.console.connection import Connection
    from switchyard.console.context import Context
    from switchyard.console.serve import ConsoleServer

    connection = Connection(cloud) if is_certain else Connection(home=home)
    server = ConsoleServer(Context(connection, home=home, project=find_project()), listener)
    server.start()
    try:
        with contextlib.ExitStack() as stack:
            if home is not None and home.is_dir() and listener.token is None:
                stack.enter_context(noted(home, listener))
            _say(cloud, listener.address(), is_guarded=listener.token is not None)
            if open_:
                open_browser(listener.address())
            server.wait()
    except KeyboardInterrupt:
        console_for(False).print("\nThe console is closed.")
    finally:
        server.stop()


def _check_account(cloud: Cloud) -> None:
    """See that there is a region and somebody to be, before anything is served."""
    from botocore.exceptions import NoCredentialsError

    if not cloud.session.region_name:
        raise UsageError("no AWS region is set; give --region, or set one for the profile")
    if cloud.session.get_credentials() is None:
        raise NoCredentialsError


def _say(cloud: Cloud | None, address: str, *, is_guarded: bool) -> None:
    console = console_for(False)
    console.print(Text.assemble("The console is at ", (address, "bold green")), soft_wrap=True)
    if is_guarded:
        console.print("Whoever has this address may start and stop executions: do not pass it on.", soft_wrap=True)
    if cloud is None:
        console.print(
            "No local cloud is up: it shows past runs, and the cloud as soon as one is up (`switchyard up`).",
            soft_wrap=True,
        )
    else:
        console.print(f"It shows {cloud}.", soft_wrap=True)
    console.print("Ctrl-C ends it.")
