"""AWS::S3::Bucket and AWS::S3::BucketPolicy, in the terms of S3's API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_aws.cloudformation.resource import (
    Context,
    Properties,
    PropertyNotSupported,
    Resource,
)

API_ENCRYPTION = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
API_EXPIRATION = {
    "ExpirationInDays": "Days",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
SAME_IN_API = {"AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration", "Status"}


class Bucket(Resource):
    """AWS::S3::Bucket. Ref is its name."""

    properties = frozenset(
        [
            "BucketEncryption",
            "BucketName",
            "LifecycleConfiguration",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        ]
    )
    replacing = frozenset({"BucketName"})
    attribute_names = frozenset({"Arn", "DomainName", "RegionalDomainName"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("BucketName") or context.generated_name().lower()[-63:].lstrip("-")
        # us-east-1 is what S3 takes an omitted constraint for, and refuses when it is named.
        where = {"LocationConstraint": context.region} if context.region != "us-east-1" else {}
        configuration = {"CreateBucketConfiguration": where} if where else {}
        context.call("s3", "create_bucket", Bucket=name, **configuration)
        self.physical_resource_id = name
        self.attributes = {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{context.region}.amazonaws.com",
        }
        for key in properties.keys() & SETTINGS.keys():
            self._set(key, properties[key], context)

    def update(self, properties: Properties, context: Context) -> None:
        for key, (_, _, _, delete) in SETTINGS.items():
            if key in properties:
                self._set(key, properties[key], context)
            elif delete:
                context.call("s3", delete, Bucket=self.physical_resource_id)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("s3", "delete_bucket", Bucket=self.physical_resource_id)

    def _set(self, key: str, value: Any, context: Context) -> None:
        operation, parameter, translate, _ = SETTINGS[key]
        bucket = {"Bucket": self.physical_resource_id}
        context.call("s3", operation, **bucket, **{parameter: translate(value)})


class BucketPolicy(Resource):
    """AWS::S3::BucketPolicy. Ref is the bucket's name."""

    properties = frozenset({"Bucket", "PolicyDocument"})
    replacing = frozenset({"Bucket"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        self.physical_resource_id = properties["Bucket"]
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        document = json.dumps(properties["PolicyDocument"])
        context.call("s3", "put_bucket_policy", Bucket=properties["Bucket"], Policy=document)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("s3", "delete_bucket_policy", Bucket=self.physical_resource_id)


def _encryption(value: Properties) -> Properties:
    rules = [
        {API_ENCRYPTION.get(key, key): each for key, each in rule.items()}
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(value: Properties) -> Properties:
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: Properties) -> Properties:
    known = {"Id", "Prefix"} | SAME_IN_API | API_EXPIRATION.keys()
    for key in rule.keys() - known:
        raise PropertyNotSupported(f"LifecycleConfiguration.Rules.{key}")
    wanted = {key: rule[key] for key in SAME_IN_API & rule.keys()}
    wanted["Filter"] = {"Prefix": rule.get("Prefix", "")}
    if "Id" in rule:
        wanted["ID"] = rule["Id"]
    if expiration := {
        API_EXPIRATION[key]: rule[key] for key in API_EXPIRATION.keys() & rule.keys()
    }:
        wanted["Expiration"] = expiration
    return wanted


def _unchanged(value: Any) -> Any:
    return value


def _tag_set(value: Any) -> Any:
    return {"TagSet": value}


Setting = tuple[str, str, Callable[[Any], Any], str]
# Property: the call that sets it, its parameter, the translation, and the call that removes it.
SETTINGS: dict[str, Setting] = {
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration", _unchanged, ""),
    "BucketEncryption": (
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        _encryption,
        "delete_bucket_encryption",
    ),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        _lifecycle,
        "delete_bucket_lifecycle",
    ),
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        "OwnershipControls",
        _unchanged,
        "delete_bucket_ownership_controls",
    ),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        _unchanged,
        "delete_public_access_block",
    ),
    "Tags": ("put_bucket_tagging", "Tagging", _tag_set, "delete_bucket_tagging"),
}
