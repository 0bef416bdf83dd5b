"""Who a caller is that belongs to no role: the account's owner, in a role that SageMaker and workflows can be given.

A notebook asks STS who it is, and hands its role on to jobs and state machines (the SageMaker SDK's
`get_execution_role`). On AWS an administrator has made that role; here it is made when it is first asked for.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION

ROLE, PATH = "AmazonSageMaker-ExecutionRole", "/service-role/"
_SESSION = "SageMaker"
_TRUSTED = ("sagemaker.amazonaws.com", "states.amazonaws.com", "lambda.amazonaws.com")
_lock = threading.Lock()


def install() -> None:
    """Let GetCallerIdentity answer so to whoever signs with keys that nobody has handed out."""
    from moto.iam.models import iam_backends
    from moto.sts.models import STSBackend

    original = STSBackend.get_caller_identity

    def get_caller_identity(self: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
        known = self.get_assumed_role_from_access_key(access_key_id)
        if known or iam_backends[self.account_id][self.partition].get_user_from_access_key_id(access_key_id):
            answer: tuple[str, str, str] = original(self, access_key_id, region)
            return answer
        role = _execution_role()
        arn = f"arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{ROLE}/{_SESSION}"
        return f"{role.id}:{_SESSION}", arn, ACCOUNT_ID

    STSBackend.get_caller_identity = get_caller_identity


def _execution_role() -> Any:
    from moto.iam.models import iam_backends

    iam = iam_backends[ACCOUNT_ID][PARTITION]
    with _lock:
        for role in iam.get_roles():
            if role.name == ROLE:
                return role
        role = iam.create_role(
            role_name=ROLE,
            assume_role_policy_document=_document(Principal={"Service": list(_TRUSTED)}, Action="sts:AssumeRole"),
            path=PATH,
            permissions_boundary=None,
            description="What the owner of a local cloud gives to SageMaker jobs and state machines.",
            tags=[],
            max_session_duration="3600",
        )
        iam.put_role_policy(ROLE, "All", _document(Action="*", Resource="*"))
        return role


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
