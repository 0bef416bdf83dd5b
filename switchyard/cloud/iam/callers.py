"""Who signs a request: the account's owner, a role's session or an IAM user, with the policies they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from switchyard.cloud.account import ACCOUNT_ID, PARTITION
from switchyard.cloud.iam.policy import Policy, PolicyError, Principal


@dataclass(frozen=True)
class Caller:
    """A caller who is not the account's owner.

    Attributes
    ----------
    arn : str
        The ARN of the identity whose policies count: the role's, or the user's.
    user : str
        The ARN that messages name: the role's session, or the user.
    keys : dict
        The condition keys that tell of the caller.
    session_policy : Policy or None
        What the session is confined to.
    """

    arn: str
    user: str
    keys: dict[str, str] = field(default_factory=dict)
    session_policy: Policy | None = None

    @property
    def principal(self) -> Principal:
        """The caller as policies of resources name it."""
        return Principal((self.arn, self.user), ACCOUNT_ID)

    @property
    def name(self) -> str:
        """The name of the role or user, without its path."""
        return self.arn.rpartition("/")[2]


@dataclass
class Identity:
    """An identity's policies, as they are now."""

    policies: list[Policy]
    boundary: Policy | None
    # What they were read from; another one means to read them again.
    source: Any = None


class Callers:
    """Knows each access key and the policies behind it, as moto's IAM has them."""

    def __init__(self) -> None:
        self._by_key: dict[str, Caller | None] = {}
        self._identities: dict[str, Identity] = {}
        self._documents: dict[str, Policy] = {}

    def find(self, access_key: str) -> Caller | None:
        """Return who has that access key; None for the account's owner, who has every other one."""
        try:
            return self._by_key[access_key]
        except KeyError:
            caller = _find(access_key)
            if len(self._by_key) > 10_000:  # any text is a key of the owner's
                self._by_key.clear()
            self._by_key[access_key] = caller
            return caller

    def identity(self, arn: str) -> Identity | None:
        """Return the policies of a role or a user; None when there is none of that ARN."""
        entity = _entity(arn)
        if entity is None:
            return None
        source = _source(entity)
        known = self._identities.get(arn)
        if known is None or known.source != source:
            boundary = _managed(entity.permissions_boundary_arn) if _boundary_arn(entity) else None
            known = Identity(
                [self._read(name, document) for name, document in _documents(entity)],
                self._read("boundary", boundary) if boundary else None,
                source,
            )
            self._identities[arn] = known
        return known

    def trust(self, role_arn: str) -> Policy | None:
        """Return a role's trust policy; None when there is no such role."""
        role = _entity(role_arn)
        return self._read("trust", role.assume_role_policy_document) if role is not None else None

    def roles(self) -> list[str]:
        """Return the ARNs of the account's roles."""
        return sorted(role.arn for role in _backend().roles.values())

    def _read(self, name: str, document: Any) -> Policy:
        text = document if isinstance(document, str) else repr(document)
        key = f"{name}\0{text}"
        if key not in self._documents:
            if len(self._documents) > 1000:
                self._documents.clear()
            try:
                self._documents[key] = Policy(document, name)
            except PolicyError:
                self._documents[key] = Policy({"Statement": []}, name)  # it allows nothing
        return self._documents[key]


def _backend() -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT_ID][PARTITION]


def _find(access_key: str) -> Caller | None:
    from moto.sts.models import sts_backends

    session = sts_backends[ACCOUNT_ID][PARTITION].get_assumed_role_from_access_key(access_key)
    if session is not None:
        return session_of(session.role_arn, session.session_name, session.policy)
    user = next(
        (
            user
            for user in _backend().users.values()
            if any(key.access_key_id == access_key for key in user.access_keys)
        ),
        None,
    )
    if user is None:
        return None
    keys = {
        "aws:PrincipalArn": user.arn,
        "aws:PrincipalAccount": ACCOUNT_ID,
        "aws:PrincipalType": "User",
        "aws:userid": user.id,
        "aws:username": user.name,
    }
    return Caller(user.arn, user.arn, {**keys, **_tag_keys(user)})


def session_of(role_arn: str, session_name: str, policy: str | None = None) -> Caller:
    """Return the caller that a role's session is."""
    role = _entity(role_arn)
    role_name = role_arn.rpartition("/")[2]
    keys = {
        "aws:PrincipalArn": role_arn,
        "aws:PrincipalAccount": ACCOUNT_ID,
        "aws:PrincipalType": "AssumedRole",
        "aws:userid": f"{role.id if role is not None else role_name}:{session_name}",
    }
    user = f"arn:{PARTITION}:sts::{ACCOUNT_ID}:assumed-role/{role_name}/{session_name}"
    confined = Policy(policy, "session") if policy else None
    return Caller(role_arn, user, {**keys, **_tag_keys(role)}, confined)


def _tag_keys(entity: Any) -> dict[str, str]:
    tags = getattr(entity, "tags", None) or []
    pairs = [(tag["Key"], tag["Value"]) for tag in tags] if isinstance(tags, list) else list(tags.items())
    return {f"aws:PrincipalTag/{key}": str(value) for key, value in pairs}


def _entity(arn: str) -> Any:
    kind, _, name = arn.partition(f":{ACCOUNT_ID}:")[2].partition("/")
    backend = _backend()
    name = name.rpartition("/")[2]
    if kind == "role":
        return next((role for role in backend.roles.values() if role.name == name and role.arn == arn), None)
    return backend.users.get(name)


def _boundary_arn(entity: Any) -> str | None:
    return getattr(entity, "permissions_boundary_arn", None)


def _managed(arn: str | None) -> Any:
    policy = _backend().managed_policies.get(arn)
    return _default_version(policy) if policy is not None else None


def _default_version(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)


def _source(entity: Any) -> Any:
    """Return what changes whenever an identity's policies do; texts that are the same compare at once."""
    inline = dict(entity.policies)
    managed = [(arn, policy.default_version_id) for arn, policy in entity.managed_policies.items()]
    groups = [(group.name, _source(group)) for group in _groups(entity)]
    return inline, managed, groups, _boundary_arn(entity)


def _documents(entity: Any) -> Iterator[tuple[str, Any]]:
    yield from entity.policies.items()
    for policy in entity.managed_policies.values():
        yield policy.name, _default_version(policy)
    for group in _groups(entity):
        yield from _documents(group)


def _groups(entity: Any) -> list[Any]:
    if not hasattr(entity, "access_keys"):
        return []
    return [group for group in _backend().groups.values() if entity in group.users]
