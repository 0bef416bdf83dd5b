"""What the roles called since the cloud began, which of their statements nothing needed, and what was denied."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from switchyard.cloud.iam.authorizer import Authorizer
from switchyard.cloud.iam.patterns import like
from switchyard.cloud.iam.policy import Statement
from switchyard.cloud.iam.record import Call


def report(authorizer: Authorizer) -> dict[str, Any]:
    """Return the report as a JSON document: each role, and each user who called something."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in authorizer.record:
        calls[call.caller].append(call)
    for role in authorizer.callers.roles():
        calls.setdefault(role, [])
    identities = [
        _identity(authorizer, arn, calls[arn]) for arn in sorted(calls, key=lambda arn: arn.rpartition("/")[2])
    ]
    return {"identities": identities, "denied": sum(len(identity["denied"]) for identity in identities)}


def _identity(authorizer: Authorizer, arn: str, calls: list[Call]) -> dict[str, Any]:
    known = authorizer.callers.identity(arn)
    statements = [statement for policy in known.policies for statement in policy.statements] if known else []
    calls = sorted(calls, key=lambda call: (call.action, call.resource))
    return {
        "name": arn.rpartition("/")[2],
        "arn": arn,
        "calls": [
            {
                "action": call.action,
                "resource": call.resource,
                "count": call.count,
                "statement": str(call.statement) if call.statement else None,
            }
            for call in calls
            if call.allowed
        ],
        "denied": [
            {"action": call.action, "resource": call.resource, "count": call.count, "message": call.message}
            for call in calls
            if not call.allowed
        ],
        "unused": [unused for statement in statements if (unused := _unused(statement, calls)) is not None],
    }


def _unused(statement: Statement, calls: list[Call]) -> dict[str, Any] | None:
    """Return what nothing needed of a statement; None when all of its actions were."""
    used = [call.action for call in calls if call.statement is not None and str(call.statement) == str(statement)]
    never = [action for action in statement.actions if not any(like(action.lower(), called.lower()) for called in used)]
    if used and (not never or "NotAction" in statement.document):
        return None
    return {"statement": str(statement), "actions": never, "whole": not used}
