"""Addresses in AWS's own console."""

from __future__ import annotations

import re
from urllib.parse import quote

_DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_JOB_PAGES = {"Training": "jobs", "Processing": "processing-jobs", "Transform": "transform-jobs"}


def execution_page(arn: str) -> str | None:
    """Give an execution's page; None when the ARN is none of a known partition."""
    home = _home(arn, "states")
    return f"{home}#/v2/executions/details/{quote(arn, safe=':')}" if home else None


def job_page(arn: str, kind: str, name: str) -> str | None:
    """Give a SageMaker job's page.

    Parameters
    ----------
    arn
        The job's, or that of the execution that runs it.
    kind
        `Training`, `Processing` or `Transform`.
    name
        The job's name.
    """
    home = _home(arn, "sagemaker")
    return f"{home}#/{_JOB_PAGES[kind]}/{quote(name, safe='')}" if home else None


def _home(arn: str, service: str) -> str | None:
    _, partition, _, region, *_ = [*arn.split(":"), "", "", "", ""]
    if partition not in _DOMAINS or not re.fullmatch(r"[a-z0-9-]{1,30}", region):
        return None
    return f"https://{region}.{_DOMAINS[partition]}/{service}/home?region={region}"
