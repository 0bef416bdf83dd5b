"""Makes docs/compatibility.md, of what the code says that it carries out and of the tests that call it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

PAGE = Path(__file__).with_name("compatibility.md")
TESTS = Path(__file__).parents[1] / "tests"
# It calls everything once, so it says nothing of where a behaviour is tested.
JOURNEY = "test_compatibility.py"
HEAD = """# What of AWS is here

Made by `make docs` from `switchyard/cloud/sagemaker/coverage.py` and from the tests:
`tests/cloud/test_compatibility.py` calls every operation of SageMaker's and sees that this page is true.

- **runs**: the work is done, by real processes, and what is answered is what has happened.
- **stores**: what is said is kept, listed and told again; nothing acts on it.
- **refused**: `NotImplemented` (HTTP 501), with the operation's name. Nothing is started, and nothing is stored.

Members of a request that ask for what is not run are refused in the same way; each operation's row has their names.
"""
SERVICES = {
    "AWS Step Functions": "runs: the integrations of SageMaker and Lambda, `aws-sdk` calls, redrive "
    "([local-cloud.md](local-cloud.md))",
    "AWS Lambda": "runs functions in Python, of the loaded template and of its own API: CreateFunction (a zip in the "
    "call or in S3), UpdateFunctionCode, UpdateFunctionConfiguration, PublishVersion, Invoke, permissions, settings of "
    "asynchronous invocations, tags; layers are left out, and the log says so; aliases, event source mappings, URLs, "
    "concurrency and images are refused",
    "Amazon EventBridge": "runs: rules, schedules, targets ([triggers.md](triggers.md)); other operations are moto's",
    "Amazon API Gateway": "runs the REST APIs of the loaded template ([api.md](api.md))",
    "Amazon CloudWatch": "runs: metrics, queries, alarms and their actions ([observability.md](observability.md))",
    "AWS IAM, AWS STS": "run: policies decide every call in a role's name ([permissions.md](permissions.md))",
    "AWS CloudFormation": "stacks, change sets and rollback triggers; [which types](cloudformation.md)",
    "Amazon S3, SNS, SQS, CloudWatch Logs, DynamoDB, Systems Manager": "moto's, with the defects mended that "
    "`switchyard/cloud/moto_fixes/` names",
    "SageMaker Metrics": "BatchPutMetrics runs, and DescribeTrialComponent sums up what was put; BatchGetMetrics is "
    "refused",
    "AWS Service Quotas": "SageMaker's are given to `switchyard up --quota`; its API knows none of them",
    "Application Auto Scaling": "SageMaker's endpoints scale (inference.md); other services' targets are moto's",
    "SageMaker Feature Store Runtime, Edge, Geospatial, Augmented AI": "refused",
}


def page() -> str:
    """Return the page as it should be."""
    from switchyard.cloud.sagemaker.coverage import RUNS, RUNTIME_RUNS, STORES

    operations = _operations("sagemaker")
    refused = [name for name in operations if name not in RUNS and name not in STORES]
    counts = f"{len(operations)} operations: {len(RUNS)} run, {len(STORES)} are stored, {len(refused)} are refused."
    runtime = _operations("sagemaker-runtime")
    return "\n".join(
        [
            HEAD,
            f"## SageMaker\n\n{counts}\n",
            *_table(operations, RUNS, STORES),
            "\n## SageMaker Runtime\n",
            *_table(runtime, RUNTIME_RUNS, {}),
            "\n## Other services\n",
            "| service | here |",
            "| --- | --- |",
            *(f"| {service} | {here} |" for service, here in SERVICES.items()),
            "",
        ]
    )


def _operations(service: str) -> list[str]:
    return sorted(botocore.session.Session().get_service_model(service).operation_names)


def _table(operations: Iterable[str], runs: dict[str, str], stores: dict[str, str]) -> Iterator[str]:
    from switchyard.cloud.sagemaker.not_run import members_not_run

    yield "| operation | here | | tested in |"
    yield "| --- | --- | --- | --- |"
    for name in operations:
        here = "runs" if name in runs else "stores" if name in stores else "refused"
        said = runs.get(name) or stores.get(name) or ""
        if members := members_not_run(name):
            said = "; ".join([*([said] if said else []), f"refused: {', '.join(f'`{each}`' for each in members)}"])
        test = f"`{test_of(name)}`" if here != "refused" else ""
        yield f"| {name} | {here} | {said} | {test} |"


def test_of(operation: str) -> str:
    """Return the file of the tests that calls an operation; empty when none does but the one that calls them all."""
    return _called().get(str(xform_name(operation)), "")


@cache
def _called() -> dict[str, str]:
    """Return, by its name in boto3, the first file of tests that has a call of each operation."""
    found: dict[str, str] = {}
    for path in [*sorted((TESTS / "cloud").glob("*.py")), *sorted(TESTS.glob("**/*.py"))]:
        if path.name == JOURNEY:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.setdefault(node.attr, path.name)
            # As in get_paginator("list_models"), and in parameters of tests that look an operation up.
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                found.setdefault(node.value, path.name)
    return found
