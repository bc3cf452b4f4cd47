"""Bucket policies: moto enforces them but overlooks their conditions, so only one is admitted."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import S3ClientError

# The loopback is as private as TLS, so a request counts as made over TLS.
TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}


def put_bucket_policy(backend: Any, bucket_name: str, policy: bytes) -> None:
    """Set the policy of a bucket.

    Raises:
        S3ClientError: It is not a policy, or has a condition that nothing here would heed.
    """
    bucket = backend.get_bucket(bucket_name)
    try:
        statements = _statements(policy)
    except (ValueError, KeyError, TypeError) as error:
        raise S3ClientError("MalformedPolicy", f"Policies must be valid JSON: {error!r}") from error
    for statement in statements:
        if statement.get("Condition") and not _is_tls_only(statement):
            raise S3ClientError(
                "NotSupportedByEmbeddedAws",
                f"The embedded AWS does not support the condition {statement['Condition']} in the "
                f"policy of bucket {bucket_name}; it knows {TLS_ONLY} only.",
            )
    bucket.policy = policy


def get_permission(bucket: Any, action: str, resource: str) -> Any:
    """What the policy says to an action, with the statements left out that do not apply here."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    applying = [each for each in _statements(bucket.policy) if not _is_tls_only(each)]
    document = json.dumps({"Version": "2012-10-17", "Statement": applying})
    return IAMPolicy(document).is_action_permitted(action, resource)


def _statements(policy: bytes) -> list[dict[str, Any]]:
    statements = json.loads(policy)["Statement"]
    return [statements] if isinstance(statements, dict) else list(statements)


def _is_tls_only(statement: dict[str, Any]) -> bool:
    tests = {
        operator: {key: str(value).lower() for key, value in operands.items()}
        for operator, operands in statement.get("Condition", {}).items()
    }
    return tests == TLS_ONLY
