"""Finds a training job's metrics in what it has logged, by the regular expressions of its own definition.

They are the job's, and the lines too: together they can keep a matcher busy for ever. So the matching is done by
another process (this file, run by itself), which is ended when it takes too long.
"""

import json
import re
import subprocess
import sys
from collections import deque

_SECONDS = 5.0
_MAX_POINTS = 10_000


class TooSlowError(Exception):
    """When the expressions take too long on these lines."""


def find_metrics(definitions: list[tuple[str, str]], lines: list[str]) -> list[tuple[str, int, float]]:
    """Find metrics in lines: each as its name, the line's number, and the value.

    Parameters
    ----------
    definitions
        Names and regular expressions; the first group of a match is the value.
    lines
        What was logged.

    Raises
    ------
    TooSlowError
        When it takes longer than some seconds.
    """
    if not definitions or not lines:
        return []
    request = json.dumps({"definitions": definitions, "lines": lines})
    command = [sys.executable, "-I", "-S", __file__]
    try:
        done = subprocess.run(command, input=request, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise TooSlowError from error
    return [(str(name), int(number), float(value)) for name, number, value in json.loads(done.stdout)]


def _find() -> None:
    request = json.load(sys.stdin)
    patterns = []
    for name, regex in request["definitions"]:
        try:
            patterns.append((name, re.compile(regex)))
        except (re.error, OverflowError, RecursionError):
            continue  # SageMaker would have refused it
    # The last ones, as many as are given: a line may be nothing but numbers.
    found: deque[tuple[str, int, float]] = deque(maxlen=_MAX_POINTS)
    for number, line in enumerate(request["lines"]):
        for name, pattern in patterns:
            for match in pattern.finditer(line):
                try:
                    value = float(match.group(1))
                except (ValueError, IndexError, TypeError):
                    continue
                if abs(value) <= sys.float_info.max:
                    found.append((name, number, value))
    json.dump(list(found), sys.stdout)


if __name__ == "__main__":
    _find()
