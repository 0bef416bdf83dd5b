"""The entry point: `switchyard`, or `python -m switchyard`.

It starts the local cloud of a `run` before it imports the command line, and turns errors into messages and
exit codes: 0 succeeded, 1 the run or the command failed, 2 wrong usage.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from switchyard import launcher
from switchyard.errors import SwitchyardError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What typer makes of Ctrl-C.
_TYPER_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # A CI system that cancels, a terminal that closes: the same orderly end as Ctrl-C.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
    try:
        if arguments[:1] == ["run"]:
            launcher.prestart(arguments[1:])
        return _run(arguments)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C")
    except BrokenPipeError:
        # Who read the output has gone (`switchyard ls | head`): nothing is left to say, or to flush at exit.
        sys.stdout = None
        return 1
    except SwitchyardError as error:
        return _fail(str(error), error.exit_code)
    except Exception as error:
        from switchyard.aws.errors import explain

        known = explain(error)
        if known is not None:
            return _fail(str(known), known.exit_code)
        return _fail(
            f"this is a bug in Switchyard: {type(error).__name__}: {error}\n"
            f"Its traceback is in {_keep_traceback(error)}; please report it."
        )
    finally:
        launcher.stop_prestarted()


def _run(arguments: list[str]) -> int:
    from switchyard.cli import app

    try:
        app(arguments, prog_name="switchyard")
    except SystemExit as exit_:
        if exit_.code == _TYPER_INTERRUPTED:
            raise KeyboardInterrupt from None
        return exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    return 0


def _fail(message: str, exit_code: int = 1) -> int:
    print(f"switchyard: error: {message}", file=sys.stderr)
    return exit_code


def _keep_traceback(error: Exception) -> Path:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="switchyard-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    from pathlib import Path

    return Path(file.name)


def command() -> NoReturn:
    """Run the process's command and end the process."""
    exit_code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # Everything has been said; taking the modules apart would cost 0.1 s more.
    os._exit(exit_code)


if __name__ == "__main__":
    command()
