"""Roles, policies and keys, in the terms of the APIs of IAM and KMS."""

from __future__ import annotations

import json
from typing import Any

from local_aws.cloudformation.resource import Context, Properties, Resource
from local_aws.settings import ACCOUNT_ID


class Role(Resource):
    """AWS::IAM::Role. Ref is its name."""

    properties = frozenset(
        [
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ]
    )
    replacing = frozenset({"Path", "RoleName"})
    attribute_names = frozenset({"Arn", "RoleId"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("RoleName") or context.generated_name()[-64:].lstrip("-")
        given = ("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags")
        role = context.call(
            "iam",
            "create_role",
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            **{key: properties[key] for key in given if key in properties},
        )["Role"]
        self.physical_resource_id = name
        self.attributes = {"Arn": role["Arn"], "RoleId": role["RoleId"]}
        self._set_policies(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        role = {"RoleName": self.physical_resource_id}
        document = json.dumps(properties["AssumeRolePolicyDocument"])
        context.call("iam", "update_assume_role_policy", **role, PolicyDocument=document)
        duration = properties.get("MaxSessionDuration", 3600)
        description = properties.get("Description", "")
        settings = {"Description": description, "MaxSessionDuration": duration}
        context.call("iam", "update_role", **role, **settings)
        if boundary := properties.get("PermissionsBoundary"):
            boundary = {"PermissionsBoundary": boundary}
            context.call("iam", "put_role_permissions_boundary", **role, **boundary)
        elif "PermissionsBoundary" in context.call("iam", "get_role", **role)["Role"]:
            context.call("iam", "delete_role_permissions_boundary", **role)
        self._set_policies(properties, context)
        self._tag(properties.get("Tags", []), context)

    def delete(self, properties: Properties, context: Context) -> None:
        self._set_policies({}, context)
        context.call("iam", "delete_role", RoleName=self.physical_resource_id)

    def _set_policies(self, properties: Properties, context: Context) -> None:
        role = {"RoleName": self.physical_resource_id}
        inline = {each["PolicyName"]: each for each in properties.get("Policies", [])}
        for name in context.call("iam", "list_role_policies", **role)["PolicyNames"]:
            # Those that another resource or client has put there are its own business.
            if name in self.attributes.get("inline", []) and name not in inline:
                context.call("iam", "delete_role_policy", **role, PolicyName=name)
        for name, policy in inline.items():
            document = json.dumps(policy["PolicyDocument"])
            named = {"PolicyName": name, "PolicyDocument": document}
            context.call("iam", "put_role_policy", **role, **named)
        self.attributes["inline"] = list(inline)
        self._attach(properties.get("ManagedPolicyArns", []), context)

    def _attach(self, wanted: list[str], context: Context) -> None:
        role = {"RoleName": self.physical_resource_id}
        for arn in self.attributes.get("managed", []):
            if arn not in wanted:
                context.call("iam", "detach_role_policy", **role, PolicyArn=arn)
        for arn in wanted:
            context.call("iam", "attach_role_policy", **role, PolicyArn=arn)
        self.attributes["managed"] = list(wanted)

    def _tag(self, tags: list[Properties], context: Context) -> None:
        role = {"RoleName": self.physical_resource_id}
        keys = {tag["Key"] for tag in tags}
        present = context.call("iam", "list_role_tags", **role)["Tags"]
        if stale := [tag["Key"] for tag in present if tag["Key"] not in keys]:
            context.call("iam", "untag_role", **role, TagKeys=stale)
        if tags:
            context.call("iam", "tag_role", **role, Tags=tags)


class ManagedPolicy(Resource):
    """AWS::IAM::ManagedPolicy. Ref is its ARN."""

    # Whom it is attached to: the property, the two calls, and how they name the receiver.
    receivers = {
        "Roles": ("attach_role_policy", "detach_role_policy", "RoleName"),
        "Groups": ("attach_group_policy", "detach_group_policy", "GroupName"),
        "Users": ("attach_user_policy", "detach_user_policy", "UserName"),
    }
    properties = frozenset(
        {*receivers, "Description", "ManagedPolicyName", "Path", "PolicyDocument"}
    )
    replacing = frozenset({"Description", "ManagedPolicyName", "Path"})
    attribute_names = frozenset({"PolicyArn", "PolicyId"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("ManagedPolicyName") or context.generated_name()
        given = {key: properties[key] for key in ("Description", "Path") if key in properties}
        document = json.dumps(properties["PolicyDocument"])
        made = context.call(
            "iam", "create_policy", PolicyName=name, PolicyDocument=document, **given
        )["Policy"]
        self.physical_resource_id = made["Arn"]
        self.attributes = {"PolicyArn": made["Arn"], "PolicyId": made["PolicyId"]}
        self._attach(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        policy = {"PolicyArn": self.physical_resource_id}
        document = json.dumps(properties["PolicyDocument"])
        # A policy has at most five versions, and one is enough here.
        self._delete_old_versions(context)
        new = {"PolicyDocument": document, "SetAsDefault": True}
        context.call("iam", "create_policy_version", **policy, **new)
        self._delete_old_versions(context)
        self._attach(properties, context)

    def delete(self, properties: Properties, context: Context) -> None:
        self._attach({}, context)
        self._delete_old_versions(context)
        context.call("iam", "delete_policy", PolicyArn=self.physical_resource_id)

    def _delete_old_versions(self, context: Context) -> None:
        policy = {"PolicyArn": self.physical_resource_id}
        for version in context.call("iam", "list_policy_versions", **policy)["Versions"]:
            if not version["IsDefaultVersion"]:
                old = {"VersionId": version["VersionId"]}
                context.call("iam", "delete_policy_version", **policy, **old)

    def _attach(self, properties: Properties, context: Context) -> None:
        arn = self.physical_resource_id
        attached: dict[str, list[str]] = self.attributes.setdefault("attached", {})
        for key, (attach, detach, parameter) in self.receivers.items():
            before, wanted = attached.get(key, []), properties.get(key, [])
            for name in (each for each in before if each not in wanted):
                context.call("iam", detach, PolicyArn=arn, **{parameter: name})
            for name in wanted:
                context.call("iam", attach, PolicyArn=arn, **{parameter: name})
            attached[key] = list(wanted)


class Key(Resource):
    """AWS::KMS::Key. Ref is its id. A deleted key waits for its end, as on AWS."""

    properties = frozenset(
        ["Description", "EnableKeyRotation", "Enabled", "KeyPolicy", "PendingWindowInDays", "Tags"]
    )
    attribute_names = frozenset({"Arn", "KeyId"})

    def create(self, properties: Properties, context: Context) -> None:
        given: dict[str, Any] = {}
        if "KeyPolicy" in properties:
            given["Policy"] = json.dumps(properties["KeyPolicy"])
        if "Tags" in properties:
            given["Tags"] = _kms_tags(properties["Tags"])
        description = properties.get("Description", "")
        made = context.call("kms", "create_key", Description=description, **given)["KeyMetadata"]
        self.physical_resource_id = made["KeyId"]
        self.attributes = {"Arn": made["Arn"], "KeyId": made["KeyId"]}
        self._switch(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        key = {"KeyId": self.physical_resource_id}
        description = {"Description": properties.get("Description", "")}
        context.call("kms", "update_key_description", **key, **description)
        document = json.dumps(properties.get("KeyPolicy", _default_key_policy()))
        context.call("kms", "put_key_policy", **key, PolicyName="default", Policy=document)
        self._switch(properties, context)
        tags = _kms_tags(properties.get("Tags", []))
        present = context.call("kms", "list_resource_tags", **key)["Tags"]
        stale = {tag["TagKey"] for tag in present} - {tag["TagKey"] for tag in tags}
        context.call("kms", "untag_resource", **key, TagKeys=sorted(stale))
        context.call("kms", "tag_resource", **key, Tags=tags)

    def delete(self, properties: Properties, context: Context) -> None:
        window = properties.get("PendingWindowInDays", 30)
        key = {"KeyId": self.physical_resource_id, "PendingWindowInDays": window}
        context.call("kms", "schedule_key_deletion", **key)

    def _switch(self, properties: Properties, context: Context) -> None:
        key = {"KeyId": self.physical_resource_id}
        rotates, enabled = (
            str(properties.get(name, default)).lower() == "true"
            for name, default in (("EnableKeyRotation", False), ("Enabled", True))
        )
        rotation = "enable_key_rotation" if rotates else "disable_key_rotation"
        context.call("kms", rotation, **key)
        context.call("kms", "enable_key" if enabled else "disable_key", **key)


def _kms_tags(tags: list[Properties]) -> list[Properties]:
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags]


def _default_key_policy() -> Properties:
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}
