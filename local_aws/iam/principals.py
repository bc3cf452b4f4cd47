"""Who makes a request: the owner of the access key that signed it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    create_access_key,
)
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local_aws import locks, settings
from local_aws.errors import NotSupported
from local_aws.iam.policy import Policy, Statement, parse

PARTITION = "aws"
# What `python -m local_aws env` gives out: the account's own key, which no policy restricts.
ROOT_KEY = "local"
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/")
EVERYTHING = Statement("", "Allow", ("*",), ("*",))


@dataclass(frozen=True)
class Principal:
    """A user or the session of a role, with the policies that hold for it."""

    arn: str
    policies: tuple[Policy, ...] = ()

    @functools.cached_property
    def is_restricted(self) -> bool:
        """Whether there is anything that it may not do."""
        statements = [replace(each, sid="") for policy in self.policies for each in policy]
        return set(statements) != {EVERYTHING}


# Who made the request that is being answered; None for the account itself.
caller: ContextVar[Principal | None] = ContextVar("caller", default=None)


def identify(headers: Mapping[str, str], query: Mapping[str, Any]) -> Principal | None:
    """The principal of a request, or None for the account itself.

    The signature is not checked: what listens on loopback only has nobody to tell apart that way.

    Raises:
        JsonRESTError: Nobody owns the access key.
    """
    signed = _CREDENTIAL.search(headers.get("Authorization", ""))
    key = signed[1] if signed else str(query.get("X-Amz-Credential", "")).split("/")[0]
    if key == ROOT_KEY:
        return None
    if not key:
        return Principal("anonymous")
    with locks.of("iam"), locks.of("sts"):
        arn, documents = _found(key, _with_token(headers, query))
    return Principal(arn, tuple(parse(document) for document in documents))


def _found(key: str, token: dict[str, str]) -> tuple[str, list[str]]:
    """Name and policies of an access key's owner."""
    try:
        owner = create_access_key(settings.ACCOUNT_ID, PARTITION, key, token)
    except CreateAccessKeyFailure:
        unknown = JsonRESTError(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
        unknown.code = 403
        raise unknown from None
    if isinstance(owner, AssumedRoleAccessKey):
        _refuse_limits(key, owner)
    return owner.arn, [_document(each) for each in owner.collect_policies()]


def _refuse_limits(key: str, owner: AssumedRoleAccessKey) -> None:
    """Refuse what would leave a session fewer rights than the role's policies say."""
    session = sts_backends[settings.ACCOUNT_ID][PARTITION].get_assumed_role_from_access_key(key)
    if session.policy:
        raise NotSupported(f"the session policy of {owner.arn}")
    role = iam_backends[settings.ACCOUNT_ID][PARTITION].get_role(owner._owner_role_name)
    if role.permissions_boundary_arn:
        raise NotSupported(f"the permissions boundary of {owner.arn}")


def _with_token(headers: Mapping[str, str], query: Mapping[str, Any]) -> dict[str, str]:
    token = headers.get("X-Amz-Security-Token") or query.get("X-Amz-Security-Token")
    return {"X-Amz-Security-Token": str(token)} if token else {}


def _document(policy: Any) -> str:
    """The text of a policy in whichever of its three forms moto hands it out."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, Mapping):
        return str(policy["policy_document"])
    for version in getattr(policy, "versions", ()):
        if version.is_default:
            return str(version.document)
    raise NotSupported(f"the policy {getattr(policy, 'arn', policy)!r}")
