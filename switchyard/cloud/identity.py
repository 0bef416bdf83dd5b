"""Credentials: every caller inside the local cloud signs with its own role's, as on AWS."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from switchyard.cloud.account import ACCOUNT_ID, PARTITION, REGION
from switchyard.cloud.iam.authorizer import SESSION, Authorizer

SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials, as AWS STS hands them out."""

    access_key_id: str
    secret_access_key: str
    session_token: str

    def environment(self) -> dict[str, str]:
        """Return the variables in which AWS SDKs look for them."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


_OWNER = Credentials("test", "test", "")


class Identity:
    """Hands out credentials, and AWS clients that sign with them.

    Parameters
    ----------
    endpoint_url : str
        Where the local cloud listens.

    Attributes
    ----------
    authorizer : Authorizer
        Decides and records what is done in the name of a role.
    """

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self.authorizer = Authorizer()
        self._lock = threading.RLock()
        self._session = boto3.session.Session(region_name=REGION)
        self._credentials: dict[str, Credentials] = {}
        self._clients: dict[tuple[str, str | None], Any] = {}

    def credentials(self, role_arn: str) -> Credentials:
        """Assume a role; the same role gives the same credentials for this cloud's lifetime."""
        with self._lock:
            if role_arn not in self._credentials:
                self._credentials[role_arn] = _assume(role_arn)
            return self._credentials[role_arn]

    def environment(self, role_arn: str) -> dict[str, str]:
        """Return all that a process needs to call this cloud in `role_arn`'s name."""
        return {
            **self.credentials(role_arn).environment(),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }

    def client(self, service: str, role_arn: str | None = None, *, assumed_by: str | None = None) -> Any:
        """Return a (cached, thread-safe) client of this cloud; without a role, the account's own.

        Parameters
        ----------
        assumed_by : str, optional
            The AWS service that assumes the role, such as ``states.amazonaws.com``.

        Raises
        ------
        botocore.exceptions.ClientError
            The role does not trust that service.
        """
        if role_arn and assumed_by and not self.authorizer.trusts(role_arn, assumed_by):
            raise _untrusted(role_arn, assumed_by)
        keys = self.credentials(role_arn) if role_arn else _OWNER
        return self._client((service, role_arn), service, keys)

    def client_of(self, service: str, access_key: str) -> Any:
        """Return a client of this cloud that calls in the name of whoever has an access key."""
        if self.authorizer.callers.find(access_key) is None:
            return self.client(service)
        # Who calls is told by the key alone: nobody here checks what is signed with it.
        return self._client((service, access_key), service, Credentials(access_key, "unknown", ""))

    def _client(self, key: tuple[str, str | None], service: str, keys: Credentials) -> Any:
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.client(
                    service,
                    endpoint_url=self.endpoint_url,
                    aws_access_key_id=keys.access_key_id,
                    aws_secret_access_key=keys.secret_access_key,
                    aws_session_token=keys.session_token or None,
                    config=Config(
                        parameter_validation=False,  # the service's own answer is the one to show
                        retries={"total_max_attempts": 1},
                        s3={"addressing_style": "path"},
                        read_timeout=900,
                        max_pool_connections=32,
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._clients[key]


def _untrusted(role_arn: str, service: str) -> ClientError:
    message = f"{service} is not authorized to assume the role {role_arn}"
    error = {"Code": "AccessDenied", "Message": message}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403, "RequestId": ""}}, "AssumeRole")


def _assume(role_arn: str) -> Credentials:
    from moto.sts.models import sts_backends

    role = sts_backends[ACCOUNT_ID][PARTITION].assume_role(
        region_name=REGION,
        role_session_name=SESSION,
        role_arn=role_arn,
        policy=None,
        duration=SESSION_SECONDS,
        external_id="",
    )
    return Credentials(role.access_key_id, role.secret_access_key, role.session_token)
