"""IAM policies: what they say to an access, and what the embedded AWS does about it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError

from local_aws import server, settings
from local_aws.errors import NotSupported
from local_aws.glue.version import glue_version
from local_aws.iam import enforcement, file_system, hadoop
from local_aws.iam.policy import Access, Decision, arn_matches, decide, like, parse
from local_aws.iam.sessions import RoleSession, assumed, forget_processes

REGION = "us-west-2"
ROLE_ARN = "arn:aws:iam::123456789012:role/{}"
Statements = list[dict[str, Any]]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def verdict(access: Access, *statements: dict[str, Any]) -> str | None:
    return decide([parse(document(*statements))], access).effect


# Policies


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("s3:*", "s3:GetObject", True),
        ("s3:Get*", "s3:PutObject", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a.c", "abc", False),
        ("*", "", True),
        ("a*", "b/a", False),
        ("x[1]*", "x[1]y", True),
        ("a*b", "a\nb", True),
    ],
)
def test_patterns_know_two_wild_cards_and_match_whole_texts(
    pattern: str, text: str, matches: bool
) -> None:
    assert like(pattern, text) is matches


@pytest.mark.parametrize(
    ("pattern", "arn", "matches"),
    [
        ("*", "arn:aws:s3:::b/k", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::bb", False),
        ("arn:aws:logs:r:1:log-group:g:*", "arn:aws:logs:r:1:log-group:g:log-stream:s", True),
        ("arn:aws:glue:*:1:job/j", "arn:aws:glue:us-west-2:1:job/j", True),
        ("arn:aws:glue:*:1:job/j", "arn:aws:glue:us-west-2:2:job/j", False),
        ("arn:aws:s3:::B/*", "arn:aws:s3:::b/k", False),
        ("arn:aws:s3:::b/*", "*", False),
    ],
)
def test_arns_match_segment_by_segment(pattern: str, arn: str, matches: bool) -> None:
    assert arn_matches(pattern, arn) is matches


READ = Access("s3:GetObject", "arn:aws:s3:::b/k")


def test_without_a_statement_that_allows_it_everything_is_denied() -> None:
    assert verdict(READ) is None
    assert verdict(READ, allow("s3:PutObject")) is None
    assert verdict(READ, allow("s3:GetObject", "arn:aws:s3:::other/*")) is None
    assert verdict(READ, allow("S3:getobject", "arn:aws:s3:::b/*")) == "Allow"


def test_one_deny_outweighs_every_allow_also_in_another_policy() -> None:
    policies = [parse(document(allow("*"))), parse(document(deny("s3:*", Sid="No")))]
    assert decide(policies, READ) == Decision("Deny", ("No",))
    assert not decide(policies, READ).allows
    assert decide(policies, Access("glue:GetJob", "*")).allows


def test_a_condition_holds_for_one_of_its_values_and_not_without_the_key() -> None:
    listing = Access("s3:ListBucket", "arn:aws:s3:::b", (("s3:prefix", "a/x"),))
    exact = allow("s3:ListBucket", Condition={"StringEquals": {"s3:prefix": ["b/", "a/x"]}})
    pattern = allow("s3:ListBucket", Condition={"StringLike": {"S3:Prefix": "a/*"}})
    other = allow("s3:ListBucket", Condition={"StringEquals": {"s3:prefix": "a/*"}})
    assert verdict(listing, exact) == "Allow"
    assert verdict(listing, pattern) == "Allow"
    assert verdict(listing, other) is None
    assert verdict(Access("s3:ListBucket", "arn:aws:s3:::b"), pattern) is None


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "NotAction"),
        ({"Effect": "Allow", "Action": "*", "NotResource": "*"}, "NotResource"),
        (allow("*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), "IpAddress"),
        (allow("*", Condition={"StringEquals": {"aws:userid": "x"}}), "aws:userid"),
        (allow("s3:*", "arn:aws:s3:::b/${aws:username}"), "aws:username"),
        (allow("s3:*", "arn:aws:s3"), "arn:aws:s3"),
        (allow("*") | {"Effect": "allow"}, "'allow'"),
        (allow("*", Condition={"StringLike": {"s3:prefix": "${aws:username}/*"}}), "s3:prefix"),
    ],
)
def test_what_would_not_be_heeded_is_refused_by_name(statement: Any, named: str) -> None:
    with pytest.raises(NotSupported, match=r"does not support") as refusal:
        parse(document(statement))
    assert named in refusal.value.message


def test_an_older_policy_language_is_refused() -> None:
    with pytest.raises(NotSupported, match="2008-10-17"):
        parse(json.dumps({"Version": "2008-10-17", "Statement": []}))


# Who calls


@pytest.fixture
def user(client: Callable[[str], Any]) -> Callable[..., boto3.session.Session]:
    """Makes users with the given statements; returns sessions of them."""

    def create(*statements: dict[str, Any]) -> boto3.session.Session:
        iam, name = client("iam"), f"user-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return boto3.session.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)

    return create


@pytest.fixture
def role(client: Callable[[str], Any]) -> Callable[..., str]:
    """Makes roles for Lambda and Glue with the given statements; returns their names."""

    def create(*statements: dict[str, Any], services: tuple[str, ...] = ("lambda", "glue")) -> str:
        iam, name = client("iam"), f"role-{uuid.uuid4().hex[:8]}"
        principals = {"Service": [f"{service}.amazonaws.com" for service in services]}
        trust = {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return name

    return create


@pytest.fixture
def bucket(client: Callable[[str], Any]) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client("s3").put_object(Bucket=name, Key="a/k", Body=b"text")
    return name


@pytest.fixture
def as_(embedded_aws: server.RunningServer) -> Callable[[boto3.session.Session, str], Any]:
    """A client of a session, by service name."""
    url = embedded_aws.endpoint_url
    return lambda session, service: session.client(service, endpoint_url=url)


def refused(call: Callable[..., Any], **parameters: Any) -> tuple[str, str, int]:
    """Code, message and status of the error that a call ends in."""
    with pytest.raises(ClientError) as refusal:
        call(**parameters)
    answer = refusal.value.response
    return (
        answer["Error"]["Code"],
        answer["Error"]["Message"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


def test_a_denial_names_who_what_and_on_what_as_aws_does(user: Any, as_: Any, bucket: str) -> None:
    person = user(allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    arn = as_(person, "sts").get_caller_identity()["Arn"]
    assert as_(person, "s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert refused(as_(person, "s3").get_object, Bucket=bucket, Key="a/k") == (
        "AccessDenied",
        f"User: {arn} is not authorized to perform: s3:GetObject on resource: "
        f"arn:aws:s3:::{bucket}/a/k because no identity-based policy allows the s3:GetObject "
        "action",
        403,
    )
    code, message, status = refused(as_(person, "glue").get_job, JobName="j")
    assert (code, status) == ("AccessDeniedException", 400)
    assert "glue:GetJob on resource: arn:aws:glue:us-west-2:123456789012:job/j" in message
    code, message, status = refused(as_(person, "iam").create_user, UserName="another")
    assert (code, status) == ("AccessDenied", 403)
    assert "iam:CreateUser" in message
    assert refused(as_(person, "s3").head_object, Bucket=bucket, Key="a/k")[2] == 403


def test_an_explicit_deny_is_called_so(user: Any, as_: Any, bucket: str) -> None:
    person = user(allow("s3:*"), deny("s3:DeleteObject", f"arn:aws:s3:::{bucket}/*"))
    message = refused(as_(person, "s3").delete_object, Bucket=bucket, Key="a/k")[1]
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_an_upload_and_a_delete_of_several_objects_arrive_whole(
    user: Any, as_: Any, bucket: str
) -> None:
    resource = f"arn:aws:s3:::{bucket}/a/*"
    person = as_(user(allow(["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], resource)), "s3")
    body = b"x" * 3_000_000
    person.put_object(Bucket=bucket, Key="a/large", Body=body)
    assert person.get_object(Bucket=bucket, Key="a/large")["Body"].read() == body
    keys = [{"Key": "a/large"}, {"Key": "b/other"}]
    message = refused(person.delete_objects, Bucket=bucket, Delete={"Objects": keys})[1]
    assert f"s3:DeleteObject on resource: arn:aws:s3:::{bucket}/b/other" in message
    assert person.get_object(Bucket=bucket, Key="a/large")["ContentLength"] == len(body)
    person.delete_objects(Bucket=bucket, Delete={"Objects": keys[:1]})
    code, _, _ = refused(person.head_object, Bucket=bucket, Key="a/large")
    assert code == "404"


def encrypted(client: Callable[[str], Any], bucket: str, key: str) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)


def test_objects_of_a_bucket_with_a_key_take_rights_on_that_key(
    user: Any, as_: Any, bucket: str, client: Callable[[str], Any]
) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    encrypted(client, bucket, key)
    place = {"Bucket": bucket, "Key": "a/k"}
    both = allow("s3:*")
    keyless = as_(user(both), "s3")
    _, message, status = refused(keyless.get_object, **place)
    assert (status, f"kms:Decrypt on resource: {key}" in message) == (403, True)
    writer = as_(user(both, allow("kms:GenerateDataKey", key)), "s3")
    writer.put_object(**place, Body=b"new")
    assert "kms:Decrypt" in refused(writer.get_object, **place)[1]
    assert "kms:Decrypt" in refused(writer.create_multipart_upload, **place)[1]
    reader = as_(user(both, allow("kms:Decrypt", key)), "s3")
    assert reader.get_object(**place)["Body"].read() == b"new"
    assert "kms:GenerateDataKey" in refused(reader.put_object, **place)[1]
    other = as_(user(both, allow("kms:*", client("kms").create_key()["KeyMetadata"]["Arn"])), "s3")
    assert "kms:Decrypt" in refused(other.get_object, **place)[1]
    as_(user(both, allow("kms:*", key)), "s3").create_multipart_upload(**place)


def test_an_encryption_that_is_not_the_buckets_key_by_its_arn_is_refused_by_name(
    user: Any, as_: Any, bucket: str, client: Callable[[str], Any]
) -> None:
    person = as_(user(allow(["s3:*", "kms:*"])), "s3")
    place = {"Bucket": bucket, "Key": "a/k"}
    _, message, _ = refused(person.put_object, **place, ServerSideEncryption="aws:kms")
    assert "an object's own encryption (aws:kms)" in message
    encrypted(client, bucket, "alias/mine")
    assert "the key 'alias/mine'" in refused(person.get_object, **place)[1]


def test_an_operation_that_nobody_looked_up_is_refused_where_a_policy_might_allow_it(
    user: Any, as_: Any
) -> None:
    code, message, _ = refused(as_(user(allow("glue:Get*")), "glue").get_crawlers)
    assert code == "NotSupportedByEmbeddedAws"
    assert "deciding about glue:GetCrawlers" in message
    assert refused(as_(user(), "glue").get_crawlers)[0] == "AccessDeniedException"


def test_a_key_that_nobody_owns_is_refused(as_: Any) -> None:
    stranger = boto3.session.Session("AKIASTRANGER", "x", region_name=REGION)
    assert refused(as_(stranger, "glue").get_job, JobName="j")[0] == "InvalidClientTokenId"


def test_the_account_itself_is_not_restricted(client: Callable[[str], Any]) -> None:
    assert client("sts").get_caller_identity()["Account"] == settings.ACCOUNT_ID
    assert client("iam").list_roles()["Roles"]


def test_rights_that_a_boundary_or_a_session_policy_takes_away_are_refused_by_name(
    role: Any, client: Callable[[str], Any], as_: Any, bucket: str
) -> None:
    name = role(allow("*"))
    policy = document(allow("s3:GetObject"))
    taken = client("sts").assume_role(
        RoleArn=ROLE_ARN.format(name), RoleSessionName="session", Policy=policy
    )["Credentials"]
    keys = (taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])
    session = boto3.session.Session(*keys, region_name=REGION)
    assert "session policy" in refused(as_(session, "glue").get_job, JobName="j")[1]
    client("iam").put_role_permissions_boundary(
        RoleName=name, PermissionsBoundary="arn:aws:iam::aws:policy/PowerUserAccess"
    )
    with (
        assumed(name, "s", REGION) as bounded,
        pytest.raises(NotSupported, match="permissions boundary"),
    ):
        bounded.principal()


def test_only_the_sessions_of_processes_end_with_the_embedded_aws(
    role: Any, client: Callable[[str], Any], as_: Any
) -> None:
    name = role(allow("sts:*"))
    taken = client("sts").assume_role(RoleArn=ROLE_ARN.format(name), RoleSessionName="person")
    keys = [taken["Credentials"][each] for each in ("AccessKeyId", "SecretAccessKey")]
    person = boto3.session.Session(*keys, taken["Credentials"]["SessionToken"], region_name=REGION)
    with assumed(name, "process", REGION) as process:
        assert process.principal().arn.endswith(f"{name}/process")
        forget_processes()
        with pytest.raises(JsonRESTError, match="security token"):
            process.principal()
    assert as_(person, "sts").get_caller_identity()["Arn"].endswith(f"{name}/person")


# Services in a role


CODE = """
import os, boto3
def handler(event, context):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=event["key"], Body=b"")
    return boto3.client("sts").get_caller_identity()["Arn"]
"""


def create_function(
    client: Callable[[str], Any], role_name: str, bucket: str, **options: Any
) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", CODE)
    name = f"function-{uuid.uuid4().hex[:8]}"
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE_ARN.format(role_name),
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"BUCKET": bucket}},
        Timeout=60,
        **options,
    )
    return name


def invoke(client: Callable[[str], Any], name: str, key: str) -> Any:
    payload = json.dumps({"key": key}).encode()
    return json.load(client("lambda").invoke(FunctionName=name, Payload=payload)["Payload"])


def test_a_function_calls_as_its_role_in_a_session_named_as_itself(
    role: Any, client: Callable[[str], Any], bucket: str
) -> None:
    logs = ["logs:CreateLogStream", "logs:PutLogEvents"]
    group = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/lambda/*"
    name = role(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/in/*"), allow(logs, group))
    function = create_function(client, name, bucket)
    session = f"arn:aws:sts::123456789012:assumed-role/{name}/{function}"
    assert invoke(client, function, "in/k") == session
    message = invoke(client, function, "out/k")["errorMessage"]
    assert f"User: {session} is not authorized to perform: s3:PutObject" in message
    lines = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    assert any("AccessDenied" in line["message"] for line in lines)


def test_a_function_that_may_not_log_runs_without_a_log(
    role: Any, client: Callable[[str], Any], bucket: str
) -> None:
    function = create_function(client, role(allow("s3:PutObject")), bucket)
    assert invoke(client, function, "k").endswith(function)
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")
    assert groups["logGroups"] == []


def test_a_role_that_does_not_trust_the_service_is_refused(
    role: Any, client: Callable[[str], Any], bucket: str
) -> None:
    with pytest.raises(ClientError, match=r"cannot be assumed by lambda\.amazonaws\.com"):
        create_function(client, role(services=("glue",)), bucket)
    with pytest.raises(ClientError, match=r"cannot be assumed by glue\.amazonaws\.com"):
        client("glue").create_job(
            Name="untrusted",
            Role=role(services=("lambda",)),
            Command={"Name": "glueetl", "ScriptLocation": "s3://b/k"},
        )


@pytest.fixture
def queue(client: Callable[[str], Any]) -> str:
    """The ARN of a queue."""
    name = f"q-{uuid.uuid4().hex[:8]}"
    client("sqs").create_queue(QueueName=name)
    return f"arn:aws:sqs:{REGION}:123456789012:{name}"


NO_SENDING = "execution role does not have permissions to call SendMessage on SQS"


def test_a_dead_letter_queue_or_destination_takes_the_right_to_send_to_it(
    role: Any, client: Callable[[str], Any], bucket: str, queue: str
) -> None:
    functions, letters = client("lambda"), {"TargetArn": queue}
    without, sender = role(), role(allow("sqs:SendMessage", queue))
    with pytest.raises(ClientError, match=NO_SENDING) as refusal:
        create_function(client, without, bucket, DeadLetterConfig=letters)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    plain = create_function(client, without, bucket)
    failing = {"OnFailure": {"Destination": queue}}
    for change in (
        lambda: functions.update_function_configuration(
            FunctionName=plain, DeadLetterConfig=letters
        ),
        lambda: functions.put_function_event_invoke_config(
            FunctionName=plain, DestinationConfig=failing
        ),
    ):
        with pytest.raises(ClientError, match=NO_SENDING):
            change()
    able = create_function(client, sender, bucket, DeadLetterConfig=letters)
    functions.put_function_event_invoke_config(FunctionName=able, DestinationConfig=failing)
    with pytest.raises(ClientError, match=NO_SENDING):
        functions.update_function_configuration(FunctionName=able, Role=ROLE_ARN.format(without))
    functions.update_function_configuration(FunctionName=able, Timeout=3)


@pytest.mark.parametrize("may_send", [True, False])
def test_lambda_hands_on_what_failed_with_the_rights_of_the_role(
    role: Any, client: Callable[[str], Any], bucket: str, queue: str, may_send: bool
) -> None:
    name = role(allow("sqs:SendMessage", queue))
    function = create_function(client, name, bucket, DeadLetterConfig={"TargetArn": queue})
    client("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    if not may_send:
        client("iam").delete_role_policy(RoleName=name, PolicyName="p")
    client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b'{"key": "k"}')
    decision = "Allow" if may_send else "no statement"
    deadline, sent = time.monotonic() + 30, []
    while not sent and time.monotonic() < deadline:
        lines = map(json.loads, enforcement.log_path().read_text().splitlines())
        sent = [each for each in lines if (each["resource"], each["decision"]) == (queue, decision)]
        time.sleep(0.05)
    assert sent[-1]["principal"].endswith(f"assumed-role/{name}/{function}")
    url = client("sqs").get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    wait = 5 if may_send else 1
    received = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=wait)
    bodies = [json.loads(message["Body"]) for message in received.get("Messages", [])]
    assert bodies == ([{"key": "k"}] if may_send else [])


def test_a_run_that_may_not_get_its_script_fails_with_the_reason(
    role: Any, client: Callable[[str], Any], bucket: str
) -> None:
    glue, name = client("glue"), f"job-{uuid.uuid4().hex[:8]}"
    location = f"s3://{bucket}/a/k"
    glue.create_job(
        Name=name,
        Role=role(),
        GlueVersion=glue_version(),
        Command={"Name": "glueetl", "ScriptLocation": location},
    )
    run_id = glue.start_job_run(JobName=name)["JobRunId"]
    while True:
        run = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        if run["JobRunState"] not in ("STARTING", "RUNNING"):
            break
    assert run["JobRunState"] == "FAILED"
    assert "GlueJobRunnerSession is not authorized to perform: s3:GetObject" in run["ErrorMessage"]


def test_a_query_reads_with_the_rights_of_who_asks(
    user: Any, as_: Any, client: Callable[[str], Any], bucket: str
) -> None:
    location = f"s3://{bucket}/results/"
    client("athena").create_work_group(
        Name=bucket, Configuration={"ResultConfiguration": {"OutputLocation": location}}
    )
    athena = as_(user(allow(["athena:*", "glue:*"])), "athena")
    query = athena.start_query_execution(QueryString="select 1", WorkGroup=bucket)
    status = ended(athena, query["QueryExecutionId"])
    assert status["State"] == "FAILED"
    assert "s3:GetBucketLocation" in status["StateChangeReason"]


def ended(athena: Any, query: str) -> dict[str, Any]:
    while True:
        found = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if found["State"] not in ("QUEUED", "RUNNING"):
            return dict(found)


# Spark's file system


def accesses(operation: str, path: str, target: str | None = None) -> set[tuple[str, str]]:
    """Actions, and keys without their bucket; of a listing its prefix."""
    found = hadoop.needs(operation, path, target)
    return {
        (each.action.partition(":")[2], dict(each.context).get("s3:prefix", _key(each.resource)))
        for each in found
    }


def _key(arn: str) -> str:
    return arn.partition(":::")[2].partition("/")[2]


def test_each_operation_of_the_file_system_is_taken_for_what_s3a_asks(
    client: Callable[[str], Any], bucket: str
) -> None:
    uri = f"s3://{bucket}"
    assert accesses("open", f"{uri}/a/k") == {("GetObject", "a/k")}
    assert accesses("getFileStatus", f"{uri}/a") == {("GetObject", "a"), ("ListBucket", "a/")}
    assert accesses("listStatus", f"{uri}/") == {("ListBucket", "")}
    assert accesses("create", f"{uri}/a/new") == {
        ("GetObject", "a/new"),
        ("ListBucket", "a/new/"),
        ("PutObject", "a/new"),
        ("DeleteObject", "a/"),
    }
    assert accesses("mkdirs", f"{uri}/x/y/z") == {
        ("GetObject", "x/y/z"),
        ("ListBucket", "x/y/z/"),
        ("GetObject", "x/y"),
        ("ListBucket", "x/y/"),
        ("GetObject", "x"),
        ("ListBucket", "x/"),
        ("PutObject", "x/y/z/"),
        ("DeleteObject", "x/y/"),
        ("DeleteObject", "x/"),
    }
    assert accesses("mkdirs", f"{uri}/a/z") == {
        ("GetObject", "a/z"),
        ("ListBucket", "a/z/"),
        ("ListBucket", "a/"),
        ("PutObject", "a/z/"),
        ("DeleteObject", "a/"),
    }
    assert accesses("mkdirs", f"{uri}/a") == {("ListBucket", "a/")}
    assert accesses("rename", f"{uri}/a/k", f"{uri}/a/l") == {
        ("GetObject", "a/k"),
        ("GetObject", "a/l"),
        ("ListBucket", "a/l/"),
        ("PutObject", "a/l"),
        ("DeleteObject", "a/k"),
        ("DeleteObject", "a/"),
        ("GetObject", "a"),
        ("ListBucket", "a/"),
        ("PutObject", "a/"),
    }
    assert {("DeleteObject", "a/"), ("DeleteObject", "a/k")} <= accesses("delete", f"{uri}/a")
    with pytest.raises(NotSupported, match="append"):
        hadoop.needs("append", f"{uri}/a/k")


@pytest.fixture
def reader(role: Any, bucket: str) -> Iterator[RoleSession]:
    """A session of a role that may read below `a/` of the bucket, and nothing else."""
    resource = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/a*"]
    with assumed(role(allow(["s3:GetObject", "s3:ListBucket"], resource)), "s", REGION) as session:
        yield session


def test_the_file_system_is_answered_by_the_policies_of_the_role(
    embedded_aws: server.RunningServer, reader: RoleSession, bucket: str
) -> None:
    def ask(operation: str, key: str) -> int:
        form = urlencode({"operation": operation, "path": f"s3://{bucket}/{key}"}).encode()
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={reader.access_key_id}/",
            "X-Amz-Security-Token": reader.token,
        }
        url = f"{embedded_aws.endpoint_url}{enforcement.PATH}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, form, headers)) as answer:  # noqa: S310
                return int(answer.status)
        except HTTPError as error:
            return error.code

    assert ask("open", "a/k") == 200
    assert ask("open", "b/k") == 403
    assert ask("create", "a/k") == 403
    assert ask("append", "a/k") == 501
    lines = map(json.loads, enforcement.log_path().read_text().splitlines())
    mine = [line for line in lines if bucket in line["resource"]]
    assert {line["decision"] for line in mine} == {"Allow", "no statement"}


TRY_ALL = """
import json, sys
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway
conf, bucket = SparkConf(False), sys.argv[1]
for name, value in json.loads(sys.argv[2]).items():
    conf.set(name, value)
gateway = launch_gateway(conf)
jvm = gateway.jvm
hadoop = jvm.org.apache.hadoop.conf.Configuration()
for name, value in json.loads(sys.argv[2]).items():
    hadoop.set(name.removeprefix("spark.hadoop."), value)
path = lambda key: jvm.org.apache.hadoop.fs.Path(f"s3://{bucket}/{key}")
fs = path("a").getFileSystem(hadoop)
calls = {
    "open": lambda: fs.open(path("a/k")).close(),
    "open elsewhere": lambda: fs.open(path("b/k")),
    "status": lambda: fs.getFileStatus(path("a/k")),
    "status elsewhere": lambda: fs.exists(path("b/k")),
    "list": lambda: fs.listStatus(path("a")),
    "list elsewhere": lambda: fs.listFiles(path("b"), True),
    "create": lambda: fs.create(path("a/new")),
    "mkdirs": lambda: fs.mkdirs(path("a/folder")),
    "mkdirs as": lambda: fs.mkdirs(path("a/folder"), fs.getFileStatus(path("a")).getPermission()),
    "rename": lambda: fs.rename(path("a/k"), path("a/l")),
    "delete": lambda: fs.delete(path("a/k"), False),
    "delete all": lambda: fs.delete(path("a")),
    "append": lambda: fs.append(path("a/k")),
    "truncate": lambda: fs.truncate(path("a/k"), 0),
    "checksum": lambda: fs.getFileChecksum(path("a/k")),
    "summary": lambda: fs.getContentSummary(path("a")),
}
for name, call in calls.items():
    try:
        call()
        print(name, "-", flush=True)
    except Exception as error:
        print(name, error.java_exception.getClass().getSimpleName(), flush=True)
gateway.shutdown()
"""


@pytest.mark.slow
def test_the_file_system_of_a_restricted_run_asks_before_every_operation(
    reader: RoleSession, bucket: str
) -> None:
    from local_aws import processes
    from local_aws.glue.spark import spark_conf
    from local_aws.java import java_home

    conf = spark_conf(settings.current().s3_dir, [bucket]) | file_system.spark_conf(reader)
    assert conf["spark.hadoop.fs.s3.impl"] == file_system.CLASS
    variables = {"JAVA_HOME": str(java_home()), "SPARK_LOCAL_IP": settings.HOST}
    env = processes.child_env(
        REGION, **variables, **reader.environment(), **file_system.environment()
    )
    command = [sys.executable, "-c", TRY_ALL, bucket, json.dumps(conf)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    denied = "AccessDeniedException"
    assert dict(line.rsplit(" ", 1) for line in done.stdout.splitlines()) == {
        "open": "-",
        "open elsewhere": denied,
        "status": "-",
        "status elsewhere": denied,
        "list": "-",
        "list elsewhere": denied,
        "create": denied,
        "mkdirs": denied,
        "mkdirs as": denied,
        "rename": denied,
        "delete": denied,
        "delete all": denied,
        "append": "IOException",
        "truncate": "IOException",
        "checksum": "IOException",
        "summary": "IOException",
    }, done.stderr
    assert Path(settings.current().s3_dir, bucket, "a", "k").read_bytes() == b"text"
