"""Faults that the local cloud is told to have: which there are, and when each one strikes."""

from switchyard.cloud.faults.kinds import FaultError, Kind
from switchyard.cloud.faults.store import Fault, Faults

__all__ = ["Fault", "FaultError", "Faults", "Kind"]
