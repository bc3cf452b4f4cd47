"""Sessions of roles: the credentials that the processes of Lambda functions and job runs get.

Each process has a key of its own, as on AWS, so that the server knows who calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_aws import locks, settings
from local_aws.errors import NotSupported
from local_aws.iam.principals import PARTITION, Principal, identify

SECONDS = 12 * 3600


class NotTrusted(Exception):
    """A role's trust policy does not let the service take it."""


@dataclass(frozen=True)
class RoleSession:
    """A role that a service has taken for one of its processes."""

    access_key_id: str
    secret_access_key: str
    token: str

    def environment(self) -> dict[str, str]:
        """The variables that AWS's clients take their credentials from."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.token,
        }

    def principal(self) -> Principal:
        """The session, with the policies that the role has now."""
        signed = {
            "Authorization": f"Credential={self.access_key_id}/",
            "X-Amz-Security-Token": self.token,
        }
        found = identify(signed, {})
        assert found is not None
        return found


@contextmanager
def assumed(role: str, session_name: str, region: str) -> Iterator[RoleSession]:
    """A session of a role for the length of a `with` block.

    Args:
        role: Name or ARN of the role.
        session_name: Part of the principal's ARN.
    """
    backend = sts_backends[settings.ACCOUNT_ID][PARTITION]
    arn = role
    if not role.startswith("arn:"):
        arn = f"arn:{PARTITION}:iam::{settings.ACCOUNT_ID}:role/{role}"
    with locks.of("sts"):
        taken = backend.assume_role(region, session_name, arn, "", SECONDS, "")
        taken.of_process = True
    try:
        yield RoleSession(taken.access_key_id, taken.secret_access_key, taken.session_token)
    finally:
        # It is gone already when the embedded AWS has ended meanwhile.
        with locks.of("sts"), suppress(ValueError):
            backend.assumed_roles.remove(taken)


def forget_processes() -> None:
    """Drop the sessions of processes that ended with an earlier embedded AWS."""
    backend = sts_backends[settings.ACCOUNT_ID][PARTITION]
    backend.assumed_roles = [
        each for each in backend.assumed_roles if not vars(each).get("of_process")
    ]


def check_trust(role: str, service: str) -> None:
    """Check that a role's trust policy names a service.

    Raises:
        NotTrusted: It does not.
        NotSupported: The policy has something that nothing here would heed.
    """
    name = role.rsplit("/", 1)[-1]
    document = iam_backends[settings.ACCOUNT_ID][PARTITION].get_role(name)
    policy = json.loads(document.assume_role_policy_document)
    if not any(_trusts(statement, service) for statement in policy["Statement"]):
        raise NotTrusted(
            f"The role {name} cannot be assumed by {service}: its trust policy has to allow"
            f" sts:AssumeRole to the service {service}"
        )


def _trusts(statement: dict[str, Any], service: str) -> bool:
    for element in statement.keys() - {"Sid", "Effect", "Principal", "Action"}:
        raise NotSupported(f"the element {element} of a trust policy")
    services = statement["Principal"].get("Service", [])
    named = service in ([services] if isinstance(services, str) else services)
    return bool(
        statement["Effect"] == "Allow" and statement["Action"] == "sts:AssumeRole" and named
    )
