"""The access keys of this cloud: sessions of roles, users, and everything else, which is the account's owner."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from switchyard.cloud.account import ACCOUNT_ID, PARTITION
from switchyard.cloud.apigateway.signature import Caller, Key
from switchyard.cloud.iam.access import Access
from switchyard.cloud.iam.authorizer import Authorizer

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


def authorize_by(authorizer: Authorizer) -> Callable[[Caller, str, str], str | None]:
    """Return what decides calls by the policies of whoever makes them; the account's owner may make all."""

    def authorize(caller: Caller, action: str, resource: str) -> str | None:
        known = authorizer.callers.find(caller.access_key_id)
        if known is None:
            return None
        verdict = authorizer.decide(known, Access(action, resource))
        return None if verdict else verdict.message

    return authorize
