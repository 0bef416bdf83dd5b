"""The account's quotas: how many instances jobs and endpoints may use at a time.

How many there are of all jobs, or of all endpoints, is limited only by the quotas that are given when the cloud starts.
What one request may ask for has AWS's defaults: nobody means to start ten thousand processes here. They have the names
that AWS's Service Quotas and its errors give them.

Sources: "Amazon SageMaker endpoints and quotas" (AWS General Reference).
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from switchyard.cloud.sagemaker.errors import ResourceLimitExceededError

_TOTALS = {
    "training job": "Number of instances across all training jobs",
    "spot training job": "Number of instances across all spot training jobs",
    "processing job": "Number of instances across all processing jobs",
    "transform job": "Number of instances across all transform jobs",
    "endpoint": "Number of instances across active endpoints",
}
# For one job, or one endpoint: the quota's name and AWS's default.
_FOR_ONE = {
    "training job": ("Maximum number of instances per training job", 20),
    "spot training job": ("Maximum number of instances per training job", 20),
    "processing job": ("Maximum number of instances per processing job", 20),
    "transform job": ("Maximum number of instances per transform job", 20),
    "endpoint": ("Maximum number of instances per endpoint", 20),
}
_DEFAULTS = dict(_FOR_ONE.values())
_OF_A_TYPE = re.compile(rf"ml\.[a-z0-9-]+\.[a-z0-9-]+ for ({'|'.join(_TOTALS)}) usage")


class QuotaError(Exception):
    """There is no such quota, or its value is none."""


class Quotas:
    """The quotas that apply.

    Parameters
    ----------
    values : dict
        Instances, by the quota's name, such as ``ml.m5.large for training job usage``.

    Raises
    ------
    QuotaError
        A name is not one of the quotas that can be set, or its value is less than 0.
    """

    def __init__(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            known = {*_TOTALS.values(), *_DEFAULTS}
            if name not in known and not _OF_A_TYPE.fullmatch(name):
                raise QuotaError(
                    f"'{name}' is not a quota that can be set; there are 'ml.<type> for <use> usage' (use: "
                    f"{', '.join(_TOTALS)}) and {', '.join(repr(each) for each in (*_TOTALS.values(), *_DEFAULTS))}"
                )
            if value < 0:
                raise QuotaError(f"The quota '{name}' cannot be {value}")
        self._values = {**_DEFAULTS, **values}
        self._counts_all = bool(values)
        self._lock = threading.Lock()

    @contextmanager
    def room_for(self, use: str, wanted: Counter[str], used: Iterator[Counter[str]]) -> Iterator[None]:
        """Let nobody else take what is free of a quota before the block has taken it.

        Parameters
        ----------
        use : str
            As in the quotas' names: ``training job``, ``endpoint`` ...
        wanted : Counter
            How many instances of each type are asked for.
        used : iterator
            How many instances of each type each job, or each endpoint, of this use has now.

        Raises
        ------
        ResourceLimitExceededError
            There is not enough left.
        """
        self._check(_FOR_ONE[use][0], 0, wanted.total())
        if not self._counts_all:
            yield
            return
        with self._lock:
            now: Counter[str] = Counter()
            for each in used:
                now.update(each)
            for kind, count in wanted.items():
                self._check(f"{kind} for {use} usage", now[kind], count)
            self._check(_TOTALS[use], now.total(), wanted.total())
            yield

    def _check(self, name: str, used: int, wanted: int) -> None:
        value = self._values.get(name)
        if value is not None and used + wanted > value:
            raise ResourceLimitExceededError(
                f"The account-level service limit '{name}' is {value} Instances, with current utilization of {used} "
                f"Instances and a request delta of {wanted} Instances. Please use AWS Service Quotas to request an "
                "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
                "increase for this quota."
            )


def job_instances(kind: str, request: dict[str, Any]) -> tuple[str, Counter[str]]:
    """Return what a job counts as, and how many instances of each type it asks for.

    Parameters
    ----------
    kind : str
        As in the names of its operations: ``TrainingJob`` ...
    request : dict
        Its Create call's.
    """
    if kind == "TrainingJob":
        resources = request["ResourceConfig"]
        use = "spot training job" if request.get("EnableManagedSpotTraining") else "training job"
        groups = resources.get("InstanceGroups") or [resources]
    elif kind == "ProcessingJob":
        use, groups = "processing job", [request["ProcessingResources"]["ClusterConfig"]]
    else:
        use, groups = "transform job", [request["TransformResources"]]
    return use, _count(groups, "InstanceCount")


def endpoint_instances(variants: list[dict[str, Any]]) -> Counter[str]:
    """Return how many instances of each type production variants ask for; serverless ones have none."""
    return _count(variants, "InitialInstanceCount")


def _count(groups: list[dict[str, Any]], member: str) -> Counter[str]:
    count: Counter[str] = Counter()
    for group in groups:
        if kind := group.get("InstanceType"):
            instances = group.get(member)
            count[kind] += 1 if instances is None else instances
    return count
