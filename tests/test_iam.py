"""Least privilege: the whole pipeline with the roles of iam-roles.cfn.yaml, every call decided."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import cfnlint
import pytest
from botocore.exceptions import ClientError
from cells import CELLS, execute, function
from job import ROOT
from lab import NOON, event, purchase

import generate_sample_data
from local_aws.iam import operations
from local_aws.iam.policy import Access, Policy, decide, parse
from tools import local, session

ID = "least-privilege"
TEMPLATE = ROOT / "iam-roles.cfn.yaml"
DOCUMENT = (ROOT / "docs" / "IAM.md").read_text(encoding="utf-8")
OLD_RUN = "20260101T000000000000Z-0000dead"


@dataclass(frozen=True)
class Recording:
    """Every access of a whole life of the pipeline, and the policies that it took place under.

    Attributes:
        accesses: Name of the principal's role or user, and what it did.
        denied: The lines of the access log that say so.
        policies: By the same names.
    """

    accesses: set[tuple[str, Access]]
    denied: list[dict[str, Any]]
    policies: dict[str, Policy]
    principals: set[str]


@pytest.fixture(scope="module")
def recording(
    endpoint: str, client: Callable[[str], Any], data_dir: Path, tmp_path_factory: Any
) -> Recording:
    roles_command, stack_command = documented_commands(ID)
    key = {"KmsKeyArn": client("kms").create_key()["KeyMetadata"]["Arn"]}
    roles = create_stack(client, roles_command, **key)
    person = create_person(client, ID, roles["NotebookPolicyArn"])
    policies = policies_of(client, roles, ID)
    outputs = create_stack(client, stack_command, **session.SMALL, **key)
    prepare(client, outputs)
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(ROOT / "queries.sql", folder)
    with acting_as(person, endpoint):
        with contextlib.chdir(folder):
            names = run_notebook()
        look_around(outputs, names["first"].glue_run_id)
    client("cloudformation").delete_stack(StackName=f"capstone-{ID}")
    client("cloudformation").get_waiter("stack_delete_complete").wait(
        StackName=f"capstone-{ID}", WaiterConfig={"Delay": 1}
    )
    log = (data_dir / "iam" / "access.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [line for line in map(json.loads, log) if name_in(line["principal"]) in policies]
    return Recording(
        {(name_in(line["principal"]), access_of(line)) for line in lines},
        [line for line in lines if line["decision"] != "Allow"],
        policies,
        {line["principal"] for line in lines},
    )


@contextlib.contextmanager
def acting_as(person: dict[str, str], endpoint: str) -> Iterator[None]:
    """Every AWS client made in a `with` block is the person's, and none made later."""
    variables = {**local.environment(endpoint), **person, "STUDENT_ID": ID}
    with session.environment(variables), pytest.MonkeyPatch.context() as patch:
        # Clients share one that keeps the credentials that it was made with.
        patch.setattr(boto3, "DEFAULT_SESSION", boto3.session.Session())
        yield


Command = dict[str, list[str]]


def documented_commands(student_id: str) -> list[Command]:
    """The create-stack commands of docs/IAM.md for a StudentId: their options and values."""
    found = re.findall(r"^aws cloudformation create-stack (.*)$", DOCUMENT, re.MULTILINE)
    commands = []
    for line in found:
        command: Command = {}
        for word in shlex.split(line.replace("student-001", student_id)):
            if word.startswith("--"):
                values = command[word.removeprefix("--")] = []
            else:
                values.append(word)
        commands.append(command)
    return commands


def create_stack(client: Callable[[str], Any], command: Command, **more: str) -> dict[str, str]:
    """Create a stack as the account's administrator; returns its outputs."""
    cloudformation, (name,) = client("cloudformation"), command["stack-name"]
    (body,) = command["template-body"]
    given = [dict(part.split("=") for part in pair.split(",")) for pair in command["parameters"]]
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=(ROOT / body.removeprefix("file://")).read_text(encoding="utf-8"),
        Parameters=given + [{"ParameterKey": k, "ParameterValue": v} for k, v in more.items()],
        Capabilities=command.get("capabilities", []),
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1})
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def create_person(client: Callable[[str], Any], name: str, policy: str) -> dict[str, str]:
    """A user with one policy; returns the variables of their access key."""
    iam = client("iam")
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def policies_of(
    client: Callable[[str], Any], roles: dict[str, str], person: str
) -> dict[str, Policy]:
    """The one policy of each role and of the person, as they are deployed."""
    iam, found = client("iam"), {}
    for role in (roles[name] for name in ("GeneratorRole", "CleanupRole", "JobRole")):
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found[role] = parse(json.dumps(document))
    version = iam.get_policy_version(PolicyArn=roles["NotebookPolicyArn"], VersionId="v1")
    found[person] = parse(json.dumps(version["PolicyVersion"]["Document"]))
    return found


def prepare(client: Callable[[str], Any], outputs: dict[str, str]) -> None:
    """Files of which one has rejects and one is damaged, one that was read in part before, and
    what a run of long ago left.
    """
    s3, events, lake = client("s3"), outputs["SourceBucketName"], outputs["AnalyticsOutputBucket"]
    key_of = generate_sample_data.load_generator().object_key
    keys = [key_of(NOON + timedelta(minutes=5 * number)) for number in range(3)]
    good = gzip.compress(f"{event()}\n{purchase()}".encode())
    s3.put_object(Bucket=events, Key=keys[0], Body=gzip.compress(f"{event()}\ngarbage".encode()))
    s3.put_object(Bucket=events, Key=keys[1], Body=good)
    s3.put_object(Bucket=events, Key=keys[2], Body=good[:-1])
    source = keys[1].rpartition("/")[2]
    for layer, table in (("Bronze", "events"), ("Silver", "events_quarantine")):
        location = f"s3://{lake}/{layer.lower()}/{table}/run={OLD_RUN}/"
        client("glue").create_partition(
            DatabaseName=outputs[f"{layer}Database"],
            TableName=table,
            PartitionInput={
                "Values": ["2026", "11", "05", "12", source],
                "StorageDescriptor": {"Location": location},
            },
        )
    left = json.dumps({"run_id": OLD_RUN, "partitions": None})
    s3.put_object(Bucket=lake, Key=f"runs/{OLD_RUN}.json", Body=left.encode())
    orphan = f"silver/events_cleaned/run={OLD_RUN}/part.parquet"
    s3.put_object(Bucket=lake, Key=orphan, Body=b"orphan")
    s3.create_multipart_upload(Bucket=lake, Key=orphan)


def run_notebook() -> dict[str, Any]:
    """Every cell but those of the second and third run; returns their names."""
    with contextlib.redirect_stdout(io.StringIO()):
        names = execute("configuration", "clients", "outputs", "script-folder")
        magic, _, script = CELLS["script"].partition("\n")
        Path(magic.split()[1]).write_text(script + "\n", encoding="utf-8")
        execute("upload", "job", "saved", names=names)
        watch(names)
        wanted = names["job_definition"](names["outputs"])
        assert names["ensure_job"](names["JOB"], wanted | {"Timeout": 31}) == "updated (Timeout)"
        names["generate"] = function("incremental", "generate", names)
        names["generate"]()
        execute("run", names=names)
        changed = {name: f"{sql}\n" for name, sql in names["queries"].items()}
        workgroup, database = names["outputs"]["AthenaWorkgroup"], names["outputs"]["GoldDatabase"]
        outcome = names["ensure_saved_queries"](workgroup, database, changed)
        assert set(outcome.values()) == {"updated (text changed)"}
        for name, sql in names["queries"].items():
            assert len(names["query"](sql)) > 0, name
    return names


def watch(names: dict[str, Any]) -> None:
    """Schedule, alarms, rule and dashboard: made, changed, stopped, started, taken away."""
    names["SCHEDULE"] = "hourly"
    execute("schedule", "watch", "dashboard", "quality", names=names)
    changed_rules = names["rules"] + " "
    assert names["ensure_ruleset"](names["name"], names["target"], changed_rules) == (
        "updated (Ruleset)"
    )
    boto3.client("glue").delete_data_quality_ruleset(Name=names["name"])
    job, changed = names["JOB"], {**names["trigger"], "Schedule": "cron(0/15 * * * ? *)"}
    assert names["ensure_trigger"](job, changed) == "updated (Schedule)"
    boto3.client("glue").stop_trigger(Name=job)
    assert names["ensure_trigger"](job, changed) == "updated (State)"
    # No run has made this one.
    assert names["ensure_retention"](f"/aws-glue/jobs/{ID}", 1) == "created"
    names["SCHEDULE"] = "off"
    execute("schedule", "watch", names=names)


def look_around(outputs: dict[str, str], run: str) -> None:
    """What README and docs/ tell people to do besides."""
    glue, athena, logs = (boto3.client(name) for name in ("glue", "athena", "logs"))
    job = {"JobName": outputs["GlueJobName"]}
    for layer, table in (("Bronze", "events"), ("Silver", "events_quarantine")):
        local.query(f"select * from {outputs[f'{layer}Database']}.{table}", outputs)  # noqa: S608
    query = athena.start_query_execution(
        QueryString="select 1",
        WorkGroup=outputs["AthenaWorkgroup"],
        QueryExecutionContext={"Database": outputs["GoldDatabase"]},
    )["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=query)
    assert glue.get_job_runs(**job)["JobRuns"][0]["JobRunState"] == "SUCCEEDED"
    glue.get_job_bookmark(**job)
    glue.reset_job_bookmark(**job)
    glue.batch_stop_job_run(**job, JobRunIds=[run])
    logs.get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run)
    logs.filter_log_events(logGroupName=f"/aws/lambda/{outputs['LambdaFunctionName']}")
    glue.delete_job(**job)


def name_in(principal: str) -> str:
    """The role or user of a principal's ARN."""
    return principal.split("/")[1]


def access_of(line: dict[str, Any]) -> Access:
    return Access(line["action"], line["resource"], tuple(sorted(line["context"].items())))


@pytest.mark.slow
def test_a_whole_life_of_the_pipeline_is_never_denied_anything(recording: Recording) -> None:
    assert recording.denied == []
    assert {name_in(principal) for principal in recording.principals} == set(recording.policies)


# What nothing here does, and AWS may: S3A's committers and Athena upload large objects in parts.
UNSEEN = {
    ("KeepQueryResults", "s3:AbortMultipartUpload"),
    ("KeepQueryResults", "s3:ListMultipartUploadParts"),
    ("ListBuckets", "s3:ListBucketMultipartUploads"),
    ("WriteLake", "s3:AbortMultipartUpload"),
    ("WriteLake", "s3:ListMultipartUploadParts"),
}


def mutants(policy: Policy) -> Iterator[tuple[tuple[str, str], Policy]]:
    """The policy without each of its statements, actions, resources and values of a condition;
    with the statement's Sid and what was taken away.
    """
    for place, statement in enumerate(policy):
        before, after = policy[:place], policy[place + 1 :]
        yield (statement.sid, "all"), before + after
        for name in ("actions", "resources"):
            values = getattr(statement, name)
            for value in values:
                left = tuple(one for one in values if one != value)
                changed = replace(statement, **{name: left})
                yield (statement.sid, value), (*before, changed, *after)
        for operator, key, values in statement.conditions:
            for value in values:
                left = tuple(one for one in values if one != value)
                changed = replace(statement, conditions=((operator, key, left),))
                yield (statement.sid, value), (*before, changed, *after)


@pytest.mark.slow
def test_nothing_can_be_left_out_of_the_policies(recording: Recording) -> None:
    spared = set()
    for name, policy in recording.policies.items():
        accesses = [access for who, access in recording.accesses if who == name]
        assert all(decide([policy], access).allows for access in accesses)
        for what, mutant in mutants(policy):
            if all(decide([mutant], access).allows for access in accesses):
                spared.add(what)
    assert spared == UNSEEN


# Without a run of the job


@dataclass(frozen=True)
class Deployed:
    """The roles of a StudentId, and what they may do."""

    roles: dict[str, str]
    policies: dict[str, Policy]
    person: dict[str, str]


@pytest.fixture(scope="module")
def deployed(client: Callable[[str], Any]) -> Deployed:
    """iam-roles.cfn.yaml for the StudentId `own-roles`, and a user with the notebook's policy."""
    roles = create_stack(client, documented_commands("own-roles")[0])
    return Deployed(
        roles,
        policies_of(client, roles, "own-roles"),
        create_person(client, "own-roles", roles["NotebookPolicyArn"]),
    )


EVENTS = "arn:aws:s3:::capstone-events-own-roles-123456789012"
LAKE = "arn:aws:s3:::capstone-analytics-own-roles-123456789012"
GLUE = "arn:aws:glue:us-west-2:123456789012:"
ALARMS = "arn:aws:cloudwatch:us-west-2:123456789012:alarm:"
RULES = "arn:aws:events:us-west-2:123456789012:rule/"
KEY = "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
JOB_ROLE = "arn:aws:iam::123456789012:role/capstone-job-own-roles"
TO_GLUE = (("iam:PassedToService", "glue.amazonaws.com"),)
FORBIDDEN = {
    "generator": [
        Access("s3:PutObject", f"{EVENTS}/other/k"),
        Access("s3:PutObject", f"{EVENTS.replace('own-roles', 'own-roles-2')}/events/k"),
        Access("s3:PutObject", f"{LAKE}/events/k"),
        Access("s3:GetObject", f"{EVENTS}/events/k"),
        Access("s3:DeleteObject", f"{EVENTS}/events/k"),
        Access("sqs:SendMessage", "arn:aws:sqs:us-west-2:123456789012:capstone-dead-letters-own"),
        Access("sqs:ReceiveMessage", "*"),
    ],
    "cleanup": [
        Access("s3:GetObject", f"{EVENTS}/events/k"),
        Access("s3:PutObject", f"{EVENTS}/events/k"),
        Access("s3:DeleteBucket", EVENTS),
        Access("s3:DeleteObjectVersion", "arn:aws:s3:::capstone-events-own-123456789012/k"),
    ],
    "job": [
        Access("s3:PutObject", f"{LAKE}/scripts/capstone_etl.py"),
        Access("s3:DeleteObject", f"{EVENTS}/events/k"),
        Access("s3:PutObject", f"{EVENTS}/events/k"),
        Access("s3:GetObject", f"{LAKE}/athena-results/k"),
        Access("glue:BatchCreatePartition", f"{GLUE}table/gold_own_roles_2/t"),
        Access("glue:DeleteTable", f"{GLUE}table/gold_own_roles/t"),
        Access("glue:UpdateTable", f"{GLUE}table/gold_own_roles/t"),
        Access("cloudwatch:PutMetricData", "*", (("cloudwatch:namespace", "AWS/S3"),)),
        Access("iam:PassRole", JOB_ROLE, TO_GLUE),
    ],
    "notebook": [
        Access("iam:PassRole", JOB_ROLE, (("iam:PassedToService", "lambda.amazonaws.com"),)),
        Access("iam:PassRole", JOB_ROLE.replace("-job-", "-cleanup-"), TO_GLUE),
        Access("iam:CreateUser", "*"),
        Access("s3:GetObject", f"{EVENTS}/events/k"),
        Access("s3:PutObject", f"{LAKE}/gold/k"),
        Access("s3:DeleteObject", f"{LAKE}/scripts/capstone_etl.py"),
        Access("glue:StartJobRun", f"{GLUE}job/capstone-etl-own-roles-2"),
        Access("glue:BatchDeletePartition", f"{GLUE}table/gold_own_roles/t"),
        Access("lambda:UpdateFunctionCode", "*"),
        Access("glue:StartTrigger", f"{GLUE}trigger/capstone-etl-own-roles-2"),
        Access("glue:UpdateDataQualityRuleset", f"{GLUE}dataQualityRuleset/capstone-own-roles-2_t"),
        Access("cloudwatch:DeleteAlarms", f"{ALARMS}capstone-source-silent-own-roles"),
        Access("events:PutTargets", f"{RULES}capstone-event-schedule-own-roles"),
        Access("logs:DeleteLogGroup", "*"),
        Access("cloudformation:DeleteStack", "*"),
    ],
}


@pytest.mark.parametrize(
    ("who", "access"), [(who, access) for who in FORBIDDEN for access in FORBIDDEN[who]]
)
def test_what_lies_outside_of_the_student_id_or_of_the_task_is_denied(
    deployed: Deployed, who: str, access: Access
) -> None:
    policy = deployed.policies["own-roles" if who == "notebook" else f"capstone-{who}-own-roles"]
    assert not decide([policy], access).allows


def test_a_person_cannot_give_the_job_another_role(deployed: Deployed, endpoint: str) -> None:
    with acting_as(deployed.person, endpoint):
        glue = boto3.client("glue")
    with pytest.raises(ClientError) as refusal:
        glue.create_job(
            Name="capstone-etl-own-roles",
            Role="LabRole",
            Command={"Name": "glueetl", "ScriptLocation": "s3://b/k"},
        )
    error = refusal.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert "iam:PassRole on resource: arn:aws:iam::123456789012:role/LabRole" in error["Message"]


def test_without_parameters_everything_runs_as_lab_role(
    client: Callable[[str], Any], deploy: Callable[[str], dict[str, str]]
) -> None:
    """With them, the recorded calls show who made them."""
    outputs = deploy("lab-role")
    functions = ("capstone-event-generator-lab-role", "capstone-bucket-cleanup-lab-role")
    found = [client("lambda").get_function_configuration(FunctionName=name) for name in functions]
    roles = [*(one["Role"] for one in found), outputs["GlueJobRoleArn"]]
    assert roles == 3 * ["arn:aws:iam::123456789012:role/LabRole"]


def test_with_a_key_the_roles_may_use_it_and_nothing_else_changes(
    client: Callable[[str], Any], deployed: Deployed
) -> None:
    roles = create_stack(client, documented_commands("own-key")[0], KmsKeyArn=KEY)
    policies = policies_of(client, roles, "own-key")
    use, make = Access("kms:Decrypt", KEY), Access("kms:GenerateDataKey", KEY)
    rights = {
        "capstone-generator-own-key": {make},
        "capstone-cleanup-own-key": set(),
        "capstone-job-own-key": {use, make},
        "own-key": {use, make},
    }
    assert policies.keys() == rights.keys()
    for name, policy in policies.items():
        keyless = deployed.policies[name.replace("own-key", "own-roles")]
        assert [one.sid for one in policy if one.sid != "UseKey"] == [one.sid for one in keyless]
        asked = {use, make, Access("kms:Encrypt", KEY), Access("kms:Decrypt", f"{KEY}f")}
        assert {access for access in asked if decide([policy], access).allows} == rights[name]
        assert not any(decide([keyless], access).allows for access in asked)


@pytest.mark.parametrize("wrong", ["*", "1234abcd", KEY.replace("key/", "alias/"), f"{KEY}*"])
def test_what_is_no_keys_arn_is_refused(client: Callable[[str], Any], wrong: str) -> None:
    with pytest.raises(ClientError, match="must be the ARN of a key, not of an alias"):
        create_stack(client, documented_commands("no-key")[0], KmsKeyArn=wrong)


def test_the_policies_fit_into_what_iam_takes() -> None:
    """6,144 characters in a managed policy and 10,240 in a role's own, blanks not counted, with
    the longest StudentId ("IAM and AWS STS quotas").
    """
    for name, statements in template_statements("x" * 20).items():
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        limit = 6_144 if name == "NotebookPolicy" else 10_240
        assert len("".join(text.split())) < limit, name


def test_every_star_has_its_reason_beside_it() -> None:
    stars = [line for line in TEMPLATE.read_text().splitlines() if 'Resource: "*"' in line]
    assert len(stars) == 4
    assert all("# " in line for line in stars)


def template_statements(student_id: str, key: str = KEY) -> dict[str, list[dict[str, Any]]]:
    """The statements in iam-roles.cfn.yaml by logical id, the intrinsic functions carried out."""
    known = {
        "StudentId": student_id,
        "KmsKeyArn": key,
        "AWS::NoValue": None,
        "AWS::Partition": "aws",
        "AWS::Region": "us-west-2",
        "AWS::AccountId": "123456789012",
    }

    def value(node: Any) -> Any:
        if isinstance(node, list):
            return [found for one in node if (found := value(one)) is not None]
        if not isinstance(node, dict):
            return node
        if "Fn::If" in node:
            condition, yes, no = node["Fn::If"]
            assert condition == "HasKey"
            return value(yes if key else no)
        if "Fn::Sub" in node:
            given = node["Fn::Sub"]
            text, more = (given, {}) if isinstance(given, str) else given
            names = {**known, **{key: value(one) for key, one in more.items()}}
            return re.sub(r"\$\{([\w:]+)\}", lambda match: names[match[1]], text)
        if "Fn::Join" in node:
            return value(node["Fn::Join"][0]).join(value(node["Fn::Join"][1]))
        if "Fn::Split" in node:
            return value(node["Fn::Split"][1]).split(node["Fn::Split"][0])
        if "Fn::GetAtt" in node:
            assert node["Fn::GetAtt"] == ["JobRole", "Arn"]
            return f"arn:aws:iam::123456789012:role/capstone-job-{student_id}"
        return known[node["Ref"]] if "Ref" in node else {k: value(one) for k, one in node.items()}

    found = {}
    for name, resource in generate_sample_data.load_template(TEMPLATE)["Resources"].items():
        own = resource["Properties"]
        document = own.get("PolicyDocument") or own["Policies"][0]["PolicyDocument"]
        found[name] = value(document["Statement"])
    return found


STATEMENTS = [
    pytest.param(statement, id=f"{name}-{statement['Sid']}")
    for name, statements in template_statements("own-roles").items()
    for statement in statements
]
REFERENCE = json.loads(
    Path(cfnlint.__file__)
    .with_name("data")
    .joinpath("AdditionalSpecs", "Policies.json")
    .read_text()
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_actions_and_resources_are_those_of_the_service_authorization_reference(
    statement: dict[str, Any],
) -> None:
    """A star only where the reference has no resource for the action, and elsewhere ARNs of its
    resource types. cfn-lint ships the reference.
    """
    patterns = set()
    for action in listed(statement["Action"]):
        formats = arn_formats(action)
        if statement["Resource"] == "*":
            # The resource that the reference has is none of metrics; "Using condition keys to
            # limit access to CloudWatch namespaces", CloudWatch user guide, has the star.
            assert not formats or action == "cloudwatch:PutMetricData", action
            return
        fitting = [r for r in listed(statement["Resource"]) if any(map(matcher(r), formats))]
        assert fitting, f"{action} takes {formats}"
        patterns.update(fitting)
    assert patterns == set(listed(statement["Resource"]))


def test_the_table_of_operations_knows_no_action_that_aws_does_not_have() -> None:
    source = Path(operations.__file__).read_text(encoding="utf-8")
    for action in re.findall(r'"((?:s3|glue|iam|cloudwatch|lambda|logs):\w+)"', source):
        if action not in ("s3:prefix", "cloudwatch:namespace", "iam:PassedToService"):
            arn_formats(action)
    for service in ("athena", "cloudwatch", "events", "glue", "logs"):
        for operation in operations.OPERATIONS[service]:
            arn_formats(f"{service}:{operation}")


def arn_formats(action: str) -> list[str]:
    """Regular expressions of the ARNs that an action takes, by the reference.

    Raises:
        KeyError: There is no such action.
    """
    service, _, name = action.partition(":")
    kinds = REFERENCE[service]["Actions"][name.lower()].get("Resources", [])
    # cfn-lint keeps resource types in lower case, but not where actions name them.
    known = REFERENCE[service]["Resources"]
    return [form for kind in kinds for form in known[kind.lower()]["ARNFormats"]]


def matcher(resource: str) -> Callable[[str], bool]:
    """Whether a resource is of an ARN format of the reference."""
    return lambda form: bool(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", form), resource))


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_the_document_says_of_every_statement_what_it_allows_and_what_for() -> None:
    rows = re.findall(r"^\| (\w+) \| (.+?) \| (.+?) \|$", DOCUMENT, re.MULTILINE)
    rows = [row for row in rows if row[0] != "statement"]
    found = [(sid, sorted(re.findall(r"`([\w:]+)`", actions))) for sid, actions, _ in rows]
    assert found == [
        (statement["Sid"], sorted(listed(statement["Action"])))
        for statements in template_statements("own-roles").values()
        for statement in statements
    ]
    assert all(len(reason) > 10 for *_, reason in rows)
