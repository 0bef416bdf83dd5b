"""Processes that start warm: fork servers that have already imported what their children need."""

from switchyard.cloud.processes.host import Process, ProcessHost

__all__ = ["Process", "ProcessHost"]
