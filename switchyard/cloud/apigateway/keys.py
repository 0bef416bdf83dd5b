"""The access keys of this cloud: sessions of roles, users, and everything else, which is the account's owner."""

from __future__ import annotations

import datetime

from switchyard.cloud.account import ACCOUNT_ID, PARTITION
from switchyard.cloud.apigateway.gateway import INVOKE, Authorize
from switchyard.cloud.apigateway.signature import Caller, Key
from switchyard.cloud.iam.access import Access
from switchyard.cloud.iam.authorizer import Authorizer
from switchyard.cloud.iam.policy import Policy, Principal, evaluate
from switchyard.cloud.iam.refusals import message

_ROOT = f"arn:{PARTITION}:iam::{ACCOUNT_ID}:root"


def find_key(access_key_id: str) -> Key:
    """Find whose key it is.

    A key that nobody was given, such as ``test``, is the owner's: as in all of this cloud, any credentials will do.
    """
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    role = sts_backends[ACCOUNT_ID][PARTITION].get_assumed_role_from_access_key(access_key_id)
    if role is not None:
        caller = Caller(access_key_id, ACCOUNT_ID, role.arn, role.user_id, role.role_arn)
        expires = role.expiration.replace(tzinfo=datetime.UTC)
        return Key(caller, role.secret_access_key, role.session_token, expires)
    for key in iam_backends[ACCOUNT_ID][PARTITION].get_all_access_keys_for_all_users():
        if key.access_key_id == access_key_id:
            user = iam_backends[ACCOUNT_ID][PARTITION].get_user(key.user_name)
            return Key(Caller(access_key_id, ACCOUNT_ID, user.arn, user.id), key.secret_access_key)
    return Key(Caller(access_key_id, ACCOUNT_ID, _ROOT, ACCOUNT_ID, is_owner=True))


def authorize_by(authorizer: Authorizer) -> Authorize:
    """Return what decides requests by the policies of whoever makes them, and by the API's own.

    Source: "How API Gateway resource policies affect authorization workflow" (API Gateway Developer Guide): within an
    account, either of the two may allow, and a Deny in either denies.
    """

    def authorize(caller: Caller | None, resource: str, policy: Policy | None, source_ip: str) -> str | None:
        known = authorizer.callers.find(caller.access_key_id) if caller else None
        principal = known.principal if known else Principal((_ROOT,), ACCOUNT_ID) if caller else Principal()
        if policy is not None:
            context = {"aws:SourceIp": source_ip}
            decision = evaluate([policy], INVOKE, resource, context, principal)
            if decision.explicit or (caller is None and not decision.allowed):
                return message(caller.arn if caller else "anonymous", INVOKE, resource, decision, "resource-based")
            # One that names only the account leaves it to the identity's policies.
            if evaluate([policy], INVOKE, resource, context, Principal(principal.arns)).allowed:
                return None
        if known is None:
            return None
        verdict = authorizer.decide(known, Access(INVOKE, resource))
        return None if verdict else verdict.message

    return authorize
