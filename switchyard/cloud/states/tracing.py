"""What a traced execution sends to X-Ray, in the name of its machine's role.

Source: "Trace Step Functions request data in AWS X-Ray" (AWS Step Functions Developer Guide).
"""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.backend.execution import Execution

from switchyard.cloud.iam import service_calls
from switchyard.cloud.iam.authorizer import Authorizer


def install(authorizer: Authorizer) -> None:
    """Have each execution's writes checked and recorded; what the role may not send is lost, as on AWS."""
    start = Execution.start

    def begin(self: Any) -> None:
        if (self.state_machine.tracingConfiguration or {}).get("enabled"):
            service_calls.trace_machine(authorizer.of(self.role_arn))
        start(self)

    Execution.start = begin
