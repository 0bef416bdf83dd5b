"""No request is lost while a release goes on, to its end or back: a load asks the endpoint all through."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASES = ["canary, alarm in bake 2", "blue-green"]


def test_a_load_of_twenty_requests_a_second_loses_none() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.releases",
        "--json",
        "--rate",
        "20",
        "--bake",
        "60",
        # Of twenty requests a second, a tenth is the candidate's in its first step.
        "--minimum",
        "3",
        # A minute of the alarm is 1.2 s here: one answer that a busy machine is late with would be much of it.
        "--latency-ms",
        "60000",
        "--only",
        *RELEASES,
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    taken_back, released = json.loads(ended.stdout)["releases"]
    assert (taken_back["outcome"], released["outcome"]) == ("ROLLED_BACK", "RELEASED")
    for each in (taken_back, released):
        assert each["load"]["failed"] == 0
        assert each["load"]["sent"] >= 50
        assert len(each["load"]["answered"]) == 2  # what served, and the candidate beside it
    assert "alarm" in taken_back["recorded"]
