"""Every error a function raises on purpose. The class name is the error's name in the state machine.

::

    SwitchyardError
    ├── InvalidRun             the run's input, recipe or data is wrong; a retry cannot help
    ├── InvalidHousekeeping    the input of housekeeping is wrong, or names a plan that there is not
    ├── InvalidRelease         the release's input, package or settings are wrong; a retry cannot help
    ├── ServiceFault           AWS throttled or failed a call; retry
    ├── EndpointBusy           somebody else changes the endpoint; retry
    ├── EndpointNotReady       the endpoint is still changing; retry
    ├── EndpointFailed         SageMaker gave up on the endpoint
    ├── EndpointRolledBack     SageMaker refused this run's configuration, the earlier one serves on
    ├── SmokeTestFailed        the endpoint is in service, and its answer is no prediction
    ├── InvalidPredictions     the batch transform's output cannot be read as rows of target,prediction
    ├── PredictionsBelowGate   the batch transform's output is not good enough
    ├── RollBackFailed         what served before cannot be restored by a function
    ├── EndpointLocked         another release holds the endpoint; retry
    ├── LeaseLost              this release does not hold the endpoint any more; make its work again
    ├── EndpointTakenOver      somebody else changed the endpoint in mid-release
    ├── CandidateUnfit         the model that is being released is not good enough to serve
    └── (any other name)       Fail run raises again the error that ended the run, under its own name
"""

# The state machine matches errors by class name, and these names are AWS-like: no `Error` at their end.
# ruff: noqa: N818

from __future__ import annotations


class SwitchyardError(Exception):
    """When a function stops on purpose; never raised itself."""


class InvalidRun(SwitchyardError):
    """When the run's input, recipe or data is wrong."""


class InvalidHousekeeping(SwitchyardError):
    """When the input of housekeeping is wrong, or names a plan that there is not."""


class InvalidRelease(SwitchyardError):
    """When a release's input, model package or settings are wrong."""


class ServiceFault(SwitchyardError):
    """When AWS throttled a function's call, or failed to answer it."""


class EndpointBusy(SwitchyardError):
    """When the endpoint is being changed before this run has touched it."""


class EndpointNotReady(SwitchyardError):
    """When the endpoint is still creating, updating or going away."""


class EndpointFailed(SwitchyardError):
    """When SageMaker reports that the endpoint failed."""


class EndpointRolledBack(SwitchyardError):
    """When SageMaker went back to the earlier endpoint configuration."""


class SmokeTestFailed(SwitchyardError):
    """When the live endpoint answers with something that is no prediction."""


class InvalidPredictions(SwitchyardError):
    """When the batch transform's output cannot be read."""


class PredictionsBelowGate(SwitchyardError):
    """When the metrics of the batch transform's output miss the gate."""


class RollBackFailed(SwitchyardError):
    """When what served before cannot be restored without a human."""


class EndpointLocked(SwitchyardError):
    """When another release holds the endpoint's lease."""


class LeaseLost(SwitchyardError):
    """When a release acts that does not hold the endpoint's lease, or not any more."""


class EndpointTakenOver(SwitchyardError):
    """When an endpoint serves in mid-release what the release has not given it."""


class CandidateUnfit(SwitchyardError):
    """When a candidate does not come up, breaches a limit, or answers what is no good answer."""
