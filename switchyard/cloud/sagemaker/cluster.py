"""The hosts of a job: their names, where each finds the others, and what each is told of them.

Source: "How Amazon SageMaker AI Provides Training Information", distributed training configuration (Amazon SageMaker
Developer Guide).
"""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass
from typing import Any

HOMOGENEOUS = "homogeneousCluster"
# The interface of 127.0.0.1, by which a job's hosts reach each other here.
LOOPBACK_INTERFACE = "lo0" if sys.platform == "darwin" else "lo"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class InstanceGroup:
    """Hosts of one instance type."""

    name: str
    instance_type: str | None
    hosts: tuple[str, ...]


class Cluster:
    """The hosts of one job, each a process of its own on this machine.

    Parameters
    ----------
    resources : dict
        The job's ``ResourceConfig``.
    """

    def __init__(self, resources: dict[str, Any]) -> None:
        wanted = resources.get("InstanceGroups") or [
            {
                "InstanceGroupName": HOMOGENEOUS,
                "InstanceType": resources.get("InstanceType"),
                "InstanceCount": resources.get("InstanceCount", 1),
            }
        ]
        groups, number = [], 0
        for group in wanted:
            count = group["InstanceCount"]
            hosts = tuple(sorted(f"algo-{number + each}" for each in range(1, count + 1)))
            groups.append(InstanceGroup(group["InstanceGroupName"], group.get("InstanceType"), hosts))
            number += count
        self.groups = groups
        self.hosts = sorted(host for group in groups for host in group.hosts)

    def resource_config(self, host: str) -> dict[str, Any]:
        """Return the contents of ``resourceconfig.json`` on a host."""
        own = next(group for group in self.groups if host in group.hosts)
        return {
            "current_host": host,
            "current_instance_type": own.instance_type,
            "current_group_name": own.name,
            "hosts": self.hosts,
            "network_interface_name": LOOPBACK_INTERFACE,
            "instance_groups": [
                {
                    "instance_group_name": group.name,
                    "instance_type": group.instance_type,
                    "hosts": list(group.hosts),
                }
                for group in self.groups
            ],
        }

    def in_groups(self, names: list[str]) -> list[str]:
        """Return the hosts of those instance groups; of all without a name."""
        return sorted(host for group in self.groups if not names or group.name in names for host in group.hosts)


def free_port() -> int:
    """Return a port that nothing on this machine listens on now."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
