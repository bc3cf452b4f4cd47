"""What every resource of a stack can do, and how it talks to the service that it belongs to.

Resources are made, changed and deleted by calls to the embedded AWS's own API, so a stack ends in
exactly what the same calls by a client would have made.
"""

from __future__ import annotations

import functools
import threading
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException

from local_aws import settings

LONGEST_LAMBDA_SECONDS = 900
# How the services say that there is no such thing.
GONE = frozenset(
    [
        "AWS.SimpleQueueService.NonExistentQueue",
        "EntityNotFoundException",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "ResourceNotFound",
        "ResourceNotFoundException",
    ]
)

Properties = dict[str, Any]


class PropertyNotSupported(Exception):
    """A property that nothing here carries out."""

    def __init__(self, path: str) -> None:
        super().__init__(f"The embedded AWS does not support property {path}.")


class AlreadyThere(Exception):
    """Somebody else has made a resource of that name."""

    def __init__(self, name: str, resource_type: str) -> None:
        super().__init__(
            f"Resource of type '{resource_type}' with identifier '{name}' already exists."
        )


@dataclass(frozen=True)
class Context:
    """The stack that a resource belongs to, and its place in it."""

    stack_name: str
    stack_id: str
    logical_id: str
    resource_type: str
    region: str

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call the embedded AWS. Scalars are turned into the types that the operation takes.

        Raises:
            botocore.exceptions.ClientError: The service refuses.
            PropertyNotSupported: The operation has no such parameter.
        """
        client = _client(settings.current().endpoint_url, service, self.region)
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape
        answer: dict[str, Any] = getattr(client, operation)(**coerced(parameters, shape))
        return answer

    def require_absent(self, name: str, service: str, operation: str, **parameters: Any) -> None:
        """Refuse to take over what a stack did not make, where the API would just overwrite it.

        Args:
            name: What is about to be made.
            service: The service that it would belong to.
            operation: A call that only succeeds when it is there.
            parameters: The call's parameters.

        Raises:
            AlreadyThere: It is there.
        """
        try:
            self.call(service, operation, **parameters)
        except ClientError as error:
            if is_gone(error):
                return
            raise
        raise AlreadyThere(name, self.resource_type)

    def generated_name(self) -> str:
        """A name for a resource that the template does not name."""
        return f"{self.stack_name}-{self.logical_id}-{uuid.uuid4().hex[:12].upper()}"


class Resource:
    """One resource that was made. Subclasses say how; see `local_aws.cloudformation.resources`.

    Attributes:
        physical_resource_id: What `Ref` gives.
        attributes: What `Fn::GetAtt` gives.
    """

    # The properties that are carried out; a template with any other is refused.
    properties: ClassVar[frozenset[str]]
    # Those whose change makes a new resource in place of the old one; see `identity`.
    replacing: ClassVar[frozenset[str]] = frozenset()
    attribute_names: ClassVar[frozenset[str]] = frozenset({"Arn"})

    # What moto's own code asks of a resource.
    cf_resource_type: str
    logical_resource_id: str

    def __init__(self, context: Context) -> None:
        self.cf_resource_type = context.resource_type
        self.logical_resource_id = context.logical_id
        self.physical_resource_id = ""
        self.attributes: dict[str, Any] = {}

    def create(self, properties: Properties, context: Context) -> None:
        """Make it, and set the id and the attributes."""
        raise NotImplementedError

    def update(self, properties: Properties, context: Context) -> None:
        """Change it to what the properties say."""
        raise NotImplementedError

    def delete(self, properties: Properties, context: Context) -> None:
        """Delete it, given the properties that it was made with."""
        raise NotImplementedError

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """What makes it this resource: when that changes, another one takes its place."""
        return [properties.get(name) for name in sorted(cls.replacing)]

    def get_cfn_attribute(self, name: str) -> Any:
        """The value of ``Fn::GetAtt``."""
        if name not in self.attributes:
            raise UnformattedGetAttTemplateException
        return self.attributes[name]

    @classmethod
    def has_cfn_attr(cls, name: str) -> bool:
        """Whether ``Fn::GetAtt`` can give that attribute."""
        return name in cls.attribute_names


def is_gone(error: Exception) -> bool:
    """Whether a service says that there is no such thing."""
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in GONE


def set_tags(
    context: Context, service: str, parameter: str, arn: str, tags: list[Properties] | None
) -> None:
    """Give a resource these tags and no others, for the services that have these three calls.

    Args:
        context: The resource's place.
        service: Whose API to call.
        parameter: How that API spells the name of the ARN.
        arn: The resource.
        tags: As in a template, ``{"Key": ..., "Value": ...}``.
    """
    where, wanted = {parameter: arn}, tags or []
    present = context.call(service, "list_tags_for_resource", **where).get("Tags", [])
    keys = {tag["Key"] for tag in wanted}
    if stale := [tag["Key"] for tag in present if tag["Key"] not in keys]:
        context.call(service, "untag_resource", **where, TagKeys=stale)
    if wanted:
        context.call(service, "tag_resource", **where, Tags=wanted)


def coerced(value: Any, shape: Any, path: str = "") -> Any:
    """A value from a template in the types of an API: CloudFormation takes "5" for 5.

    Raises:
        PropertyNotSupported: There is no such member.
    """
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in value.keys() - shape.members.keys():
            raise PropertyNotSupported(f"{path}.{name}".lstrip("."))
        members = shape.members
        return {k: coerced(v, members[k], f"{path}.{k}") for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [coerced(each, shape.member, path) for each in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {str(k): coerced(v, shape.value, f"{path}.{k}") for k, v in value.items()}
    return _scalar(value, shape.type_name)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "string":
        return as_text(value)
    if kind in ("integer", "long") and isinstance(value, str):
        return int(value)
    if kind in ("double", "float") and isinstance(value, str):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    return value


def as_text(value: Any) -> Any:
    """A scalar as CloudFormation writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


@functools.lru_cache
def _client(endpoint_url: str, service: str, region: str) -> Any:
    once = Config(read_timeout=LONGEST_LAMBDA_SECONDS + 30, retries={"total_max_attempts": 1})
    with _creating:
        return _session().client(
            service,
            region_name=region,
            endpoint_url=endpoint_url,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - any will do
            config=once,
        )


# A session reads what its clients have in common once; only one thread at a time may use it.
_session = functools.cache(boto3.session.Session)
_creating = threading.Lock()
