"""botocore's own description of SageMaker: what each operation takes and answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session


@cache
def service_model() -> Any:
    """Return botocore's model of the SageMaker service."""
    return botocore.session.Session().get_service_model("sagemaker")


def operation(name: str) -> Any:
    """Return one operation's model, such as ``CreateTrainingJob``.

    Raises
    ------
    botocore.model.OperationNotFoundError
        SageMaker has no such operation.
    """
    return service_model().operation_model(name)
