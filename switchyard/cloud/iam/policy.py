"""Policy documents: what their statements say of a request. Nothing here knows of a cloud, or of HTTP.

    policies = [Policy(document, name="Jobs")]
    decision = evaluate(policies, "s3:GetObject", "arn:aws:s3:::data/a.csv", {"aws:SourceAccount": "123456789012"})
    decision.allowed, decision.statement        # True, the statement that decided

For a resource's own policy, give the principal: ``evaluate([Policy(document)], "lambda:InvokeFunction", function_arn,
{"aws:SourceArn": rule_arn}, principal=Principal(service="events.amazonaws.com"))``.

Source: Policy evaluation logic; IAM JSON policy element reference (AWS IAM User Guide).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from switchyard.cloud.iam.conditions import Condition, Context
from switchyard.cloud.iam.patterns import UnknownVariableError, fill, like, wildcard

_NO_CONTEXT: Context = {}


class PolicyError(ValueError):
    """A policy document that IAM would not take."""


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    arns : tuple of str
        All that the caller is known by: its role's ARN and its session's, or its user's.
    account : str
        The caller's account, for policies that name the whole account.
    service : str
        An AWS service that asks in its own name, such as ``events.amazonaws.com``.
    """

    arns: tuple[str, ...] = ()
    account: str = ""
    service: str = ""


@dataclass(frozen=True)
class Decision:
    """What policies say of a request: allowed, denied by a statement, or not mentioned.

    Attributes
    ----------
    allowed : bool
    statement : Statement or None
        The statement that decided; None if there is none, which is a refusal too.
    """

    allowed: bool
    statement: Statement | None = None

    @property
    def explicit(self) -> bool:
        """Whether a Deny decided."""
        return not self.allowed and self.statement is not None


class Statement:
    """One statement of a policy.

    Attributes
    ----------
    sid : str
        Its Sid; without one its place in the policy, such as ``#2``.
    policy : str
        The name of its policy.
    allows : bool
        Whether its Effect is Allow.
    """

    def __init__(self, document: dict[str, Any], policy: str, place: int) -> None:
        self.policy = policy
        self.document = document
        self.sid: str = document.get("Sid") or f"#{place}"
        effect = document.get("Effect")
        if effect not in {"Allow", "Deny"}:
            raise PolicyError(f"{self}: Effect is {effect!r}, not 'Allow' or 'Deny'")
        self.allows = effect == "Allow"
        self.actions = _texts(document, "Action", "NotAction", self)
        self._except_actions = "NotAction" in document
        self._exact_actions = {action.lower() for action in self.actions if not _has_wildcard(action)}
        self._action_patterns = [wildcard(action.lower()) for action in self.actions if _has_wildcard(action)]
        # A trust policy has no Resource: it concerns the role that it belongs to.
        named = "Resource" in document or "NotResource" in document
        self.resources = _texts(document, "Resource", "NotResource", self) if named else ["*"]
        self._except_resources = "NotResource" in document
        self._resource_patterns: list[re.Pattern[str] | str] = [
            resource if "${" in resource else wildcard(resource) for resource in self.resources
        ]
        self._except_principals = "NotPrincipal" in document
        self._principals = document.get("NotPrincipal" if self._except_principals else "Principal")
        try:
            self.conditions = [
                Condition(operator, key, values)
                for operator, keys in (document.get("Condition") or {}).items()
                for key, values in keys.items()
            ]
        except (ValueError, AttributeError) as error:
            raise PolicyError(f"{self}: Condition: {error}") from error

    def __str__(self) -> str:
        """Return the policy's name and the statement's, as in ``Jobs/ReadData``."""
        return f"{self.policy}/{self.sid}" if self.policy else self.sid

    def concerns(self, action: str, resource: str | None, context: Context, principal: Principal | None) -> bool:
        """Return whether the statement says anything of this request; `context` has its keys in lower case."""
        return (
            self._has_action(action.lower()) != self._except_actions
            and self._has_resource(resource, context) != self._except_resources
            and (principal is None or self._has_principal(principal) != self._except_principals)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def _has_action(self, action: str) -> bool:
        return action in self._exact_actions or any(pattern.fullmatch(action) for pattern in self._action_patterns)

    def _has_resource(self, resource: str | None, context: Context) -> bool:
        if resource is None:  # it may be any: an Allow is enough for it, a Deny only if it is for all
            return self.allows != self._except_resources or "*" in self.resources
        for pattern in self._resource_patterns:
            if isinstance(pattern, re.Pattern):
                if pattern.fullmatch(resource):
                    return True
                continue
            try:
                if like(fill(pattern, context), resource):
                    return True
            except UnknownVariableError:
                continue
        return False

    def _has_principal(self, principal: Principal) -> bool:
        if self._principals == "*":
            return True
        if not isinstance(self._principals, dict):
            return False
        return any(
            _names(kind, name, principal)
            for kind, names in self._principals.items()
            for name in (names if isinstance(names, list) else [names])
        )


def _names(kind: str, name: str, principal: Principal) -> bool:
    if kind == "Service":
        return bool(principal.service) and name in {"*", principal.service}
    if kind != "AWS":
        return False
    if name == "*":
        return True
    account = name if name.isdigit() else _account_of_root(name)
    return name in principal.arns or bool(account and account == principal.account)


def _account_of_root(arn: str) -> str:
    found = re.fullmatch(r"arn:[^:]*:iam::(\d+):root", arn)
    return found.group(1) if found else ""


class Policy:
    """A policy document, read once and asked often.

    Parameters
    ----------
    document : dict or str
        The document, or its JSON.
    name : str
        What to call it in decisions and reports.

    Raises
    ------
    PolicyError
        If IAM would refuse the document; the message names the statement.
    """

    def __init__(self, document: dict[str, Any] | str, name: str = "") -> None:
        try:
            read = json.loads(document) if isinstance(document, str) else document
        except ValueError as error:
            raise PolicyError(f"policy {name}: not JSON: {error}") from error
        statements = read.get("Statement") if isinstance(read, dict) else None
        statements = [statements] if isinstance(statements, dict) else statements
        if not isinstance(statements, list) or not all(isinstance(statement, dict) for statement in statements):
            raise PolicyError(f"policy {name}: no Statement")
        self.name = name
        self.statements = [Statement(statement, name, place) for place, statement in enumerate(statements, start=1)]


def evaluate(
    policies: Iterable[Policy],
    action: str,
    resource: str | None,
    context: Context | None = None,
    principal: Principal | None = None,
) -> Decision:
    """Decide a request: a Deny wins over every Allow; what no statement allows is not allowed.

    Parameters
    ----------
    policies : iterable of Policy
        All that belong together: an identity's, or one resource's.
    action : str
        As in policies: ``states:StartExecution``. Case does not matter.
    resource : str or None
        The ARN that is acted on; ``*`` for an action without one; None when it is not known, so that any will do.
    context : mapping, optional
        Condition keys of the request and their values, a string or (for keys of several values) a list.
    principal : Principal, optional
        Who asks; needed for resources' policies, whose statements name principals. Without it they are not looked at,
        as in identities' policies, which have none.
    """
    lowered = {key.lower(): value for key, value in context.items()} if context else _NO_CONTEXT
    allowed: Statement | None = None
    for policy in policies:
        for statement in policy.statements:
            if (allowed is None or not statement.allows) and statement.concerns(action, resource, lowered, principal):
                if not statement.allows:
                    return Decision(False, statement)
                allowed = statement
    return Decision(allowed is not None, allowed)


def _texts(document: dict[str, Any], name: str, negated: str, statement: Statement) -> list[str]:
    if (name in document) == (negated in document):
        raise PolicyError(f"{statement}: needs one of {name} and {negated}")
    value = document[name] if name in document else document[negated]
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(text, str) for text in values):
        raise PolicyError(f"{statement}: {name} is neither a string nor a list of strings")
    return values


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text
