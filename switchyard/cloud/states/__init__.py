"""Step Functions: moto's interpreter, with what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switchyard.cloud.faults import Faults
from switchyard.cloud.functions import Functions
from switchyard.cloud.sagemaker.api import SageMaker
from switchyard.cloud.states import context, faults, logs, preparing, progress, redrive, sagemaker, status


def install(
    *,
    client_for: Callable[[str, str | None], Any],
    service: SageMaker,
    functions: Functions,
    injected: Faults,
    on_redrive: Callable[[str], None],
) -> None:
    """Teach the interpreter what it lacks, in this process, once.

    Parameters
    ----------
    client_for : callable
        Given a service and a role's ARN, returns the client to call it with.
    service : SageMaker
        Wakes a ``.sync`` task as soon as its job has ended.
    functions : Functions
        What tasks invoke; a machine's start with its execution.
    injected : Faults
        What is to go wrong.
    on_redrive : callable
        Called with the ARN of an execution that is about to run again.
    """
    context.install()
    progress.install()
    sagemaker.install(client_for, lambda job_arn, timeout: service.job(job_arn).wait(timeout))
    faults.install(injected, client_for, service, functions)
    status.install()
    preparing.install(functions.prepare)
    redrive.install(on_redrive)
    logs.install()
