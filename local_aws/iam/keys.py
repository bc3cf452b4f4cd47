"""The rights on a KMS key that objects ask for where a bucket encrypts by that key.

"Using server-side encryption with AWS KMS keys (SSE-KMS)", S3 user guide: writing an object takes
kms:GenerateDataKey, reading it kms:Decrypt, writing it in parts both. An object is taken to be
encrypted by what its bucket encrypts by now. Key policies are not evaluated: they are taken to
leave the decision to IAM, as KMS's own default does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from moto.s3.models import s3_backends

from local_aws.errors import NotSupported
from local_aws.iam.policy import Access
from local_aws.iam.principals import PARTITION
from local_aws.settings import ACCOUNT_ID

NEEDED = {"s3:GetObject": "Decrypt", "s3:PutObject": "GenerateDataKey"}


def with_keys(accesses: Iterable[Access]) -> Iterator[Access]:
    """The accesses, each followed by what it needs of the key of its bucket."""
    for access in accesses:
        yield access
        if action := NEEDED.get(access.action):
            bucket = access.resource.rpartition(":")[2].partition("/")[0]
            yield from on_key(action, bucket)


def on_key(action: str, bucket: str) -> list[Access]:
    """An access to the key that a bucket encrypts by; none where S3 has a key of its own.

    Raises:
        NotSupported: The key is not named by its ARN.
    """
    found = s3_backends[ACCOUNT_ID][PARTITION].buckets.get(bucket)
    rule = (found.encryption or {}).get("Rule", {}) if found else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    key = default.get("KMSMasterKeyID")
    if default.get("SSEAlgorithm") != "aws:kms" or not key:
        return []
    if ":key/" not in key:
        raise NotSupported(f"deciding about the key {key!r} by policies", "Name it by its ARN.")
    return [Access(f"kms:{action}", key)]
