"""Who may do what: every call in a role's or a user's name, decided by their policies and kept in the record.

Source: Policy evaluation logic (AWS IAM User Guide).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION, arn
from switchyard.cloud.iam import s3_actions, service_calls
from switchyard.cloud.iam.access import Access
from switchyard.cloud.iam.actions import accesses, needs_body
from switchyard.cloud.iam.callers import Caller, Callers, session_of
from switchyard.cloud.iam.conditions import Context
from switchyard.cloud.iam.policy import Decision, Policy, PolicyError, Principal, evaluate
from switchyard.cloud.iam.record import Record
from switchyard.cloud.iam.refusals import Refusal, message, refusal
from switchyard.cloud.iam.requests import Request
from switchyard.cloud.iam.service_calls import May

SESSION = "switchyard"
UNTRUSTED_BY_STATES = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
_MACHINE_REQUESTS = {"AWSStepFunctions.CreateStateMachine", "AWSStepFunctions.UpdateStateMachine"}
_SESSIONS = {"sts:GetSessionToken", "sts:GetFederationToken"}
_NOT_ALLOWED = Decision(False)


@dataclass(frozen=True)
class Verdict:
    """Whether a call may be made.

    Attributes
    ----------
    allowed : bool
    message : str
        What refuses it, in AWS's words; empty when it is allowed.
    """

    allowed: bool
    message: str = ""

    def __bool__(self) -> bool:
        """Return whether the call may be made."""
        return self.allowed


class Authorizer:
    """Decides calls by the policies in moto's IAM, and keeps a record of them.

    The account's owner, who has every access key that is nobody else's, may do everything; only a bucket's policy
    can deny something to the owner.
    """

    def __init__(self) -> None:
        self.callers = Callers()
        self.record = Record()
        self._bucket_policies: dict[str, tuple[bytes, Policy]] = {}

    def wants_body(self, request: Request) -> bool:
        """Return whether `refuse` needs the request's body."""
        key, _ = request.credential
        if not key:
            return False
        if request.headers.get("x-amz-target") in _MACHINE_REQUESTS:
            return True
        return self.callers.find(key) is not None and needs_body(request)

    def refuse(self, request: Request, answered_by: str = "") -> Refusal | None:
        """Return the answer to a request that is denied; None for one that may go on.

        Parameters
        ----------
        answered_by : str
            The service that answers, where its path or its headers say so; empty where the signature does.
        """
        key, service = request.credential
        caller = self.callers.find(key) if key else None
        if caller is not None:
            # What is signed for one service is judged as a request to it, so no other one may answer.
            if service == "execute-api" or answered_by not in {"", service}:
                wanted = f": '{answered_by}'" if answered_by else ""
                return refusal(request, f"Credential should be scoped to correct service{wanted}.")
            for access in _expanded(request):
                if access.action in _SESSIONS:
                    return refusal(request, _no_session(caller, access.action))
                verdict = self.decide(caller, access)
                if not verdict:
                    return refusal(request, verdict.message)
        elif service in {"s3", ""}:
            return self._refuse_to_owner(request)
        if request.headers.get("x-amz-target") in _MACHINE_REQUESTS:
            return self._refuse_machine(request)
        return None

    def of(self, role_arn: str) -> May:
        """Return what decides and records the calls that services make in one role's name."""
        caller = session_of(role_arn, SESSION)

        def may(action: str, resource: str = "*", context: Context | None = None) -> Verdict:
            return self.decide(caller, Access(action, resource, context or {}))

        return may

    def check(
        self,
        role_arn: str,
        action: str,
        resource: str = "*",
        context: Context | None = None,
    ) -> Verdict:
        """Decide and record a call that a service makes in a role's name without a request to this cloud.

        Parameters
        ----------
        role_arn : str
            The role in whose name.
        action : str
            As in policies, such as ``logs:PutLogEvents``.
        resource : str
            The ARN that it acts on; ``*`` when it has none.
        """
        return self.decide(session_of(role_arn, SESSION), Access(action, resource, context or {}))

    def trusts(self, role_arn: str, service: str, source_arn: str = "") -> bool:
        """Return whether a role exists and its trust policy lets an AWS service assume it.

        Parameters
        ----------
        service : str
            The service, such as ``lambda.amazonaws.com``.
        source_arn : str
            The resource for which it does; conditions ask for it as ``aws:SourceArn``.
        """
        keys = {"aws:SourceAccount": ACCOUNT_ID, **({"aws:SourceArn": source_arn} if source_arn else {})}
        allowed = self._trusts(role_arn, Principal(service=service), keys).allowed
        if not allowed:
            said = f"The role's trust policy does not let {service} assume it"
            self.record.add(role_arn, "sts:AssumeRole", role_arn, allowed=False, message=said)
        return allowed

    def decide(self, caller: Caller, access: Access) -> Verdict:
        """Decide and record one call."""
        context = {**_common_keys(), **caller.keys, **access.context}
        decision, kind = self._decide(caller, access, context)
        shown = access.resource or "*"
        said = "" if decision.allowed else message(caller.user, access.action, shown, decision, kind)
        self.record.add(
            caller.arn, access.action, shown, allowed=decision.allowed, statement=decision.statement, message=said
        )
        return Verdict(decision.allowed, said)

    def _decide(self, caller: Caller, access: Access, context: Context) -> tuple[Decision, str]:
        action, resource = access.action, access.resource
        identity = self.callers.identity(caller.arn)
        by_identity = evaluate(identity.policies, action, resource, context) if identity else _NOT_ALLOWED
        if by_identity.explicit:
            return by_identity, "identity-based"
        if action == "sts:AssumeRole":
            granted, kind = self._decide_assume(caller, resource or "", by_identity, context)
        else:
            granted, kind = self._decide_by_both(caller.principal, access, by_identity, context)
        if granted.explicit:
            return granted, kind
        limits = [
            (evaluate([policy], action, resource, context), name)
            for policy, name in (
                (identity.boundary if identity else None, "permissions boundary"),
                (caller.session_policy, "session"),
            )
            if policy is not None
        ]
        for limit, name in limits:
            if limit.explicit or (
                granted.allowed and not limit.allowed and not self._is_named(caller, access, context)
            ):
                return limit, name
        return granted, kind

    def _decide_by_both(
        self, principal: Principal, access: Access, by_identity: Decision, context: Context
    ) -> tuple[Decision, str]:
        by_resource = self._by_resource(principal, access.action, access.resource, context)
        if by_resource.explicit:
            return by_resource, "resource-based"
        # What a resource's own policy allows needs no identity's policy within the account.
        return (by_identity if by_identity.allowed or not by_resource.allowed else by_resource), "identity-based"

    def _decide_assume(
        self, caller: Caller, role_arn: str, by_identity: Decision, context: Context
    ) -> tuple[Decision, str]:
        # A trust policy that names the caller is enough; one that names the account leaves it to the identity's.
        alone = self._trusts(role_arn, Principal(caller.principal.arns), context)
        if alone.explicit or alone.allowed:
            return alone, "resource-based"
        by_account = self._trusts(role_arn, caller.principal, context)
        if by_account.allowed:
            return by_identity, "identity-based"
        return by_account, "resource-based"

    def _is_named(self, caller: Caller, access: Access, context: Context) -> bool:
        """Return whether a resource's policy allows it to the very user or session, which no boundary takes away."""
        named = Principal((caller.user,))
        if access.action == "sts:AssumeRole":
            return self._trusts(access.resource or "", named, context).allowed
        return self._by_resource(named, access.action, access.resource, context).allowed

    def _trusts(self, role_arn: str, principal: Principal, context: Context) -> Decision:
        trust = self.callers.trust(role_arn)
        return evaluate([trust], "sts:AssumeRole", role_arn, context, principal) if trust else _NOT_ALLOWED

    def _by_resource(self, principal: Principal, action: str, resource: str | None, context: Context) -> Decision:
        if resource is None:
            return _NOT_ALLOWED
        if action.startswith("s3:"):
            policy = self._bucket_policy(resource.removeprefix(f"arn:{PARTITION}:s3:::").partition("/")[0])
        elif action.startswith("sqs:"):
            policy = _queue_policy(resource.rpartition(":")[2])
        else:
            return _NOT_ALLOWED
        if policy is None:
            return _NOT_ALLOWED
        denied = evaluate([policy], action, resource, context, principal)
        # One that names only the account leaves it to the identity's policies.
        return denied if denied.explicit else evaluate([policy], action, resource, context, Principal(principal.arns))

    def _refuse_machine(self, request: Request) -> Refusal | None:
        role_arn = request.document.get("roleArn")
        if not isinstance(role_arn, str):
            return None
        machine = request.document.get("stateMachineArn") or arn(
            "states", f"stateMachine:{request.document.get('name')}"
        )
        if not self.trusts(role_arn, service_calls.STATES, str(machine)):
            return refusal(request, UNTRUSTED_BY_STATES)
        problem = service_calls.create_machine(self.of(role_arn), role_arn, request.document)
        return refusal(request, problem) if problem else None

    def _refuse_to_owner(self, request: Request) -> Refusal | None:
        bucket, _ = s3_actions.split(request)
        if not bucket or self._bucket_policy(bucket) is None:
            return None
        key, _ = request.credential
        owner = f"arn:{PARTITION}:iam::{ACCOUNT_ID}:root"
        user = owner if key else "anonymous"
        principal = Principal((owner,), ACCOUNT_ID) if key else Principal()
        for access in s3_actions.accesses(request):
            context = {**_common_keys(), **access.context}
            decision = self._by_resource(principal, access.action, access.resource, context)
            if decision.explicit:
                text = message(user, access.action, access.resource or "*", decision, "resource-based")
                return refusal(request, text)
        return None

    def _bucket_policy(self, bucket: str) -> Policy | None:
        from moto.s3.models import s3_backends

        found = s3_backends[ACCOUNT_ID][PARTITION].buckets.get(bucket)
        document = getattr(found, "policy", None)
        if not document:
            return None
        known = self._bucket_policies.get(bucket)
        if known is None or known[0] is not document:
            known = (document, _read(document, f"policy of {bucket}"))
            self._bucket_policies[bucket] = known
        return known[1]


def _expanded(request: Request) -> list[Access]:
    """Return what a request does, and what the service does of it in the caller's name."""
    found = accesses(request)
    if request.headers.get("x-amz-target") == "SageMaker.CreateModelPackage":
        return [*found, *(Access("s3:GetObject", artifact) for artifact in service_calls.artifacts(request.document))]
    if len(found) == 1 and found[0].action == "s3:GetObject":
        bucket, key = s3_actions.split(request)
        if not _has_object(bucket, key):
            # Without the permission to list, the answer is 403 and not 404 (GetObject, Amazon S3 API Reference).
            return [*found, Access("s3:ListBucket", f"arn:{PARTITION}:s3:::{bucket}")]
    return found


def _no_session(caller: Caller, action: str) -> str:
    if caller.keys["aws:PrincipalType"] == "AssumedRole":
        return f"Cannot call {action.partition(':')[2]} with session credentials"
    return f"The local cloud has no {action} for users: call with the user's own access key"


def _has_object(bucket: str, key: str) -> bool:
    from moto.s3.models import s3_backends

    found = s3_backends[ACCOUNT_ID][PARTITION].buckets.get(bucket)
    return found is None or found.keys.get(key) is not None


def _queue_policy(name: str) -> Policy | None:
    import sys

    if "moto.sqs.models" not in sys.modules:
        return None
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[ACCOUNT_ID][REGION].queues.get(name)
    document: Any = getattr(queue, "policy", None)
    return _read(document, f"policy of {name}") if document else None


def _read(document: Any, name: str) -> Policy:
    try:
        return Policy(document.decode() if isinstance(document, bytes) else document, name)
    except PolicyError:
        return Policy({"Statement": []}, name)


def _common_keys() -> Mapping[str, str]:
    """Return the keys that every request has; the local port stands for AWS's TLS endpoints."""
    now = time.time()
    return {
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:RequestedRegion": REGION,
        "aws:CurrentTime": datetime.fromtimestamp(now, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now)),
    }
