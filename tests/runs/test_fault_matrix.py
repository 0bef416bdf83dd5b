"""Every task of the workflow fails in every way: nothing stays, and the earlier endpoint answers all through."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from switchyard.executions.matrix import Matrix, Row, fault_matrix, kinds_for
from switchyard.project import Project

ROOT = Path(__file__).resolve().parents[2]
# Only a redrive comes to it; tests/runs/test_redrive.py does.
NOT_REACHED = {"Roll back again"}


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return fault_matrix(Project(ROOT), "diabetes")


def described(rows: list[Row]) -> list[str]:
    return [f"{row.before} {row.state}: {row.kind}: {row.outcome} {row.error}" for row in rows]


def test_no_run_leaves_anything_behind(matrix: Matrix) -> None:
    left = [row for row in matrix.rows if row.left]
    assert described([row for row in left if not row.is_helpless]) == []
    assert {row.state for row in left} <= {"Roll back"}


def test_the_endpoint_answers_all_through(matrix: Matrix) -> None:
    assert described([row for row in matrix.rows if row.unanswered]) == []
    assert sum(row.asked for row in matrix.rows) > len(matrix.rows)


def test_the_endpoint_serves_the_new_configuration_or_the_earlier_one(matrix: Matrix) -> None:
    assert described([row for row in matrix.rows if not row.is_good and not row.is_helpless]) == []


def test_every_task_is_made_to_fail_in_every_way(matrix: Matrix) -> None:
    assert set(matrix.not_reached) == NOT_REACHED
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for row in matrix.rows:
        if row.before != "nothing":
            kinds[row.state].add(row.kind)
    assert len(kinds) > 15
    assert all(len(found) >= len(kinds_for({})) for found in kinds.values()), dict(kinds)


def test_throttling_is_tried_again_and_nobody_notices(matrix: Matrix) -> None:
    throttled = [row for row in matrix.rows if row.kind.startswith("Throttling") and row.before == "serving"]
    assert throttled
    assert described([row for row in throttled if row.outcome != "DEPLOYED"]) == []


def test_a_job_or_an_endpoint_that_fails_is_not_deployed(matrix: Matrix) -> None:
    failed = [row for row in matrix.rows if row.kind == "Failed" and row.before == "serving"]
    assert {"Train model", "Wait for endpoint"} <= {row.state for row in failed}
    assert described([row for row in failed if row.outcome == "DEPLOYED"]) == []
