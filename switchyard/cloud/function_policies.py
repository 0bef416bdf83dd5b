"""Who may invoke a function, beside those whose own role allows it: the functions' resource policies.

Source: "Viewing resource-based IAM policies in Lambda" (AWS Lambda Developer Guide); AddPermission (API Reference).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID
from switchyard.cloud.iam.policy import Policy, Principal, evaluate


class StatementExistsError(ValueError):
    """When a statement's id is taken."""


class FunctionPolicies:
    """The resource policy of each function."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statements: dict[str, dict[str, dict[str, Any]]] = {}

    def add(self, function_arn: str, statement_id: str, permission: Mapping[str, Any]) -> dict[str, Any]:
        """Add what AddPermission, or an ``AWS::Lambda::Permission``, describes; return the statement.

        Raises
        ------
        StatementExistsError
            The id is taken.
        """
        statement = _statement(function_arn, statement_id, permission)
        with self._lock:
            statements = self._statements.setdefault(_unqualified(function_arn), {})
            if statement_id in statements:
                raise StatementExistsError(f"The statement id ({statement_id}) provided already exists.")
            statements[statement_id] = statement
        return statement

    def remove(self, function_arn: str, statement_id: str) -> bool:
        """Remove a statement; return whether it was there."""
        with self._lock:
            return self._statements.get(_unqualified(function_arn), {}).pop(statement_id, None) is not None

    def forget(self, function_arn: str) -> None:
        """Remove all statements of a function that is deleted."""
        with self._lock:
            self._statements.pop(_unqualified(function_arn), None)

    def document(self, function_arn: str) -> dict[str, Any] | None:
        """Return a function's policy, or None if it has none."""
        with self._lock:
            statements = list(self._statements.get(_unqualified(function_arn), {}).values())
        return {"Version": "2012-10-17", "Id": "default", "Statement": statements} if statements else None

    def admits(self, function_arn: str, service: str, source_arn: str) -> bool:
        """Return whether a service may invoke a function in the name of a resource of this account.

        Parameters
        ----------
        service : str
            Its principal, such as ``apigateway.amazonaws.com``.
        source_arn : str
            The resource: a rule, an API's method.
        """
        document = self.document(function_arn)
        context = {"aws:SourceArn": source_arn, "aws:SourceAccount": ACCOUNT_ID}
        return document is not None and (
            evaluate(
                [Policy(document)],
                "lambda:InvokeFunction",
                _unqualified(function_arn),
                context,
                principal=Principal(service=service),
            ).allowed
        )


def _statement(function_arn: str, statement_id: str, permission: Mapping[str, Any]) -> dict[str, Any]:
    principal = str(permission["Principal"])
    if principal == "*":
        named: Any = "*"
    elif principal.endswith(".amazonaws.com"):
        named = {"Service": principal}
    else:
        named = {"AWS": f"arn:aws:iam::{principal}:root" if principal.isdigit() else principal}
    conditions: dict[str, dict[str, Any]] = {}
    if permission.get("SourceAccount"):
        conditions.setdefault("StringEquals", {})["AWS:SourceAccount"] = str(permission["SourceAccount"])
    if permission.get("PrincipalOrgID"):
        conditions.setdefault("StringEquals", {})["aws:PrincipalOrgID"] = permission["PrincipalOrgID"]
    if permission.get("SourceArn"):
        conditions["ArnLike"] = {"AWS:SourceArn": permission["SourceArn"]}
    statement = {
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": named,
        "Action": permission["Action"],
        "Resource": _unqualified(function_arn),
    }
    return {**statement, "Condition": conditions} if conditions else statement


def _unqualified(function_arn: str) -> str:
    return ":".join(function_arn.split(":")[:7])
