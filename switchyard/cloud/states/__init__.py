"""Step Functions: moto's interpreter, with what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switchyard.cloud.states import context, progress, redrive, sagemaker, status
from switchyard.cloud.states.sagemaker import JobWaiter


def install(
    client_for: Callable[[str, str | None], Any], wait_for_job: JobWaiter, on_redrive: Callable[[str], None]
) -> None:
    """Teach the interpreter what it lacks, in this process, once.

    Parameters
    ----------
    client_for : callable
        Given a service and a role's ARN, returns the client to call it with.
    wait_for_job : JobWaiter
        Wakes a ``.sync`` task as soon as its SageMaker job has ended.
    on_redrive : callable
        Called with the ARN of an execution that is about to run again.
    """
    context.install()
    progress.install()
    sagemaker.install(client_for, wait_for_job)
    status.install()
    redrive.install(on_redrive)
