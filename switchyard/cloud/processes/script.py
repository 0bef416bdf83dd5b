"""Runs a Python script in a warm process as ``python script.py arguments`` would."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from types import TracebackType


def run(script: str, *arguments: str) -> None:
    """Run `script` as ``__main__``; an uncaught exception prints its own traceback, none of ours."""
    sys.argv = [script, *arguments]
    search_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [os.path.dirname(os.path.abspath(script)), *search_path]  # noqa: PTH100, PTH120
    if not os.path.exists(script):  # noqa: PTH110
        raise SystemExit(f"python3: can't open file '{script}': [Errno 2] No such file or directory")
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:
        traceback.print_exception(type(error), error, _from_script(error.__traceback__, script))
        raise SystemExit(1) from None


def _from_script(trace: TracebackType | None, script: str) -> TracebackType | None:
    first = trace
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return trace or first
