"""Runs a Lambda function's handler in AWS's own runtime interface client."""

from __future__ import annotations

import os
import sys


def run(handler: str) -> None:
    """Serve invocations of `handler` (``module.function``) until the runtime API goes away."""
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path.insert(0, task_root)
    # Imported here, not in the fork server: it connects to the runtime API of this very process.
    from awslambdaric.__main__ import main

    main([sys.executable, handler])
