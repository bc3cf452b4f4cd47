from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from template_schemas import ROOT, TEMPLATE, load_template, resources, table_columns, tables

# What CloudFormation takes in a request's body.
MAX_BYTES = 51_200
OUTPUTS = {
    "StudentId", "Region", "SourceBucketName", "SourceBucketArn", "SourceDataPrefix",
    "EventGeneratorSchedule", "LambdaFunctionName", "AnalyticsOutputBucket", "BronzeDatabase",
    "SilverDatabase", "GoldDatabase", "AthenaWorkgroup", "AlarmTopicArn", "GlueJobName",
    "GlueJobRoleArn", "ScriptLocation",
}  # fmt: skip
TABLES = {
    "bronze": {"events"},
    "silver": {
        "events_cleaned",
        "events_quarantine",
        "product_hourly",
        "daily_visitors",
        "product_totals",
    },
    "gold": {
        "conversion_funnel",
        "hourly_revenue",
        "top_products",
        "category_performance",
        "user_activity",
        "pipeline_runs",
    },
}
NAMES = {
    ("SourceBucket", "BucketName"): "capstone-events-${StudentId}-${AWS::AccountId}",
    ("AnalyticsBucket", "BucketName"): "capstone-analytics-${StudentId}-${AWS::AccountId}",
    ("EventGenerator", "FunctionName"): "capstone-event-generator-${StudentId}",
    ("BucketCleanup", "FunctionName"): "capstone-bucket-cleanup-${StudentId}",
    ("Workgroup", "Name"): "capstone-${StudentId}",
    ("AlarmTopic", "TopicName"): "capstone-alarms-${StudentId}",
    ("DeadLetters", "QueueName"): "capstone-dead-letters-${StudentId}",
}
KEY = {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
ALL_TABLES = [(layer, table) for layer in TABLES for table in sorted(TABLES[layer])]


def properties(logical_id: str) -> dict[str, Any]:
    return load_template()["Resources"][logical_id]["Properties"]


def mapped(value: dict[str, list[str]]) -> str:
    """What !FindInMap gives."""
    name, first, second = value["Fn::FindInMap"]
    found: str = load_template()["Mappings"][name][first][second]
    return found


def policy_statements() -> list[dict[str, Any]]:
    policies = resources("AWS::S3::BucketPolicy").values()
    return [item for policy in policies for item in policy["PolicyDocument"]["Statement"]]


def depends_on(logical_id: str) -> set[str]:
    """Every resource that must exist before this one, and so outlives it."""
    body = load_template()["Resources"][logical_id]
    text = json.dumps(body["Properties"])
    named = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)(?:\.\w+)?\}', text)
    explicit = body.get("DependsOn", [])
    direct = {name for groups in named for name in groups if name}
    direct |= {explicit} if isinstance(explicit, str) else set(explicit)
    direct &= set(load_template()["Resources"])
    return direct.union(*(depends_on(name) for name in direct))


def test_template_fits_into_the_body_of_a_create_stack_request_with_room_to_spare() -> None:
    assert len(TEMPLATE.read_bytes()) < MAX_BYTES - 50


def test_template_needs_no_capability() -> None:
    kinds = [body["Type"] for body in load_template()["Resources"].values()]

    assert not [kind for kind in kinds if kind.startswith("AWS::IAM::")]
    assert not load_template().keys() & {"Transform", "Hooks"}
    assert "Fn::Transform" not in json.dumps(load_template())


def test_template_has_no_yaml_anchors_or_aliases() -> None:
    tokens = yaml.scan(TEMPLATE.read_text(encoding="utf-8"))

    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_cfn_lint_has_nothing_to_say_informational_checks_included() -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")

    run = subprocess.run([cfn_lint], cwd=ROOT, capture_output=True, text=True)

    assert (run.stdout, run.returncode) == ("", 0), run.stdout + run.stderr
    assert yaml.safe_load((ROOT / ".cfnlintrc").read_text())["include_checks"] == ["I"]


def test_all_outputs_exist_and_say_what_they_are() -> None:
    outputs = load_template()["Outputs"]

    assert set(outputs) == OUTPUTS
    assert all(output["Description"] for output in outputs.values())


@pytest.mark.parametrize(("logical_id", "key"), NAMES)
def test_names_are_those_that_users_rely_on(logical_id: str, key: str) -> None:
    assert properties(logical_id)[key] == {"Fn::Sub": NAMES[logical_id, key]}


def test_every_parameter_says_what_it_is_and_stands_in_a_group_of_the_console() -> None:
    interface = load_template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert all(item["Description"] for item in load_template()["Parameters"].values())
    assert sorted(grouped) == sorted(load_template()["Parameters"])


def test_every_student_id_that_the_pattern_admits_makes_valid_bucket_names() -> None:
    pattern = re.compile(load_template()["Parameters"]["StudentId"]["AllowedPattern"])
    longest = "a" * 20

    assert pattern.fullmatch(longest)
    assert len(f"capstone-analytics-{longest}-123456789012") <= 63
    assert all(pattern.fullmatch(good) for good in ("a", "7", "jane-doe-7"))
    bad = ("", "Jane", "-a", "a-", "a_b", "a.b", "a" * 21, "a b", "ä")
    assert not [text for text in bad if pattern.fullmatch(text)]


def test_no_policy_allows_everybody_or_everything() -> None:
    for statement in policy_statements():
        assert statement["Effect"] == "Deny"
        assert "*" not in statement["Resource"]
        assert statement["Resource"] != "*"
    (topic,) = resources("AWS::SNS::TopicPolicy").values()
    (allowed,) = topic["PolicyDocument"]["Statement"]
    assert allowed["Principal"].keys() == {"Service"}
    assert (allowed["Action"], allowed["Resource"]) == ("sns:Publish", {"Ref": "AlarmTopic"})
    account = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert allowed["Condition"] == {"StringEqualsIfExists": account}


@pytest.mark.parametrize("bucket", ["SourceBucket", "AnalyticsBucket"])
def test_buckets_are_versioned_encrypted_private_and_tls_only(bucket: str) -> None:
    settings = properties(bucket)
    policies = resources("AWS::S3::BucketPolicy").values()
    statements = [
        p["PolicyDocument"]["Statement"] for p in policies if p["Bucket"]["Ref"] == bucket
    ]

    assert settings["VersioningConfiguration"] == {"Status": "Enabled"}
    (encryption,) = settings["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": {"Fn::If": ["HasKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": KEY,
    }
    assert set(settings["PublicAccessBlockConfiguration"].values()) == {True}
    assert settings["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert statements[0][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_raw_events_expire_after_30_days_and_the_lake_does_not() -> None:
    def expiry(bucket: str) -> dict[str, int]:
        rules = properties(bucket)["LifecycleConfiguration"]["Rules"]
        return {rule.get("Prefix", ""): rule.get("ExpirationInDays", 0) for rule in rules[::-1]}

    assert expiry("SourceBucket") == {"": 30}
    assert expiry("AnalyticsBucket") == {"": 0, "athena-results/": 7, "temp/": 7}


def test_unfinished_uploads_go_after_a_day_and_old_versions_after_a_week() -> None:
    for bucket in ("SourceBucket", "AnalyticsBucket"):
        rule = properties(bucket)["LifecycleConfiguration"]["Rules"][0]
        assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
        assert "Prefix" not in rule


def test_the_schedule_may_call_the_generator_every_five_minutes() -> None:
    (rule,) = resources("AWS::Events::Rule").values()
    (permission,) = resources("AWS::Lambda::Permission").values()

    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["EventGenerator", "Arn"]}
    assert permission["SourceArn"] == {"Fn::GetAtt": ["EventSchedule", "Arn"]}
    assert properties("EventGenerator")["Timeout"] < 300


@pytest.mark.parametrize("name", ["EventGenerator", "BucketCleanup"])
def test_functions_find_their_log_group_with_a_retention(name: str) -> None:
    group = properties(f"{name}Logs")

    assert (
        group["LogGroupName"]["Fn::Sub"]
        == f"/aws/lambda/{properties(name)['FunctionName']['Fn::Sub']}"
    )
    assert group["RetentionInDays"] > 0
    assert f"{name}Logs" in depends_on(name)


def test_a_batch_that_lambda_gives_up_is_kept_for_two_weeks() -> None:
    queue = properties("DeadLetters")

    wanted = {"TargetArn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert properties("EventGenerator")["DeadLetterConfig"] == wanted
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 60 * 60
    assert queue["SqsManagedSseEnabled"]


def test_nobody_is_mailed_and_nothing_costs_a_key_unless_asked() -> None:
    template = load_template()

    defaults = {
        name: template["Parameters"][name]["Default"] for name in ("AlarmEmail", "KmsKeyArn")
    }
    assert defaults == {"AlarmEmail": "", "KmsKeyArn": ""}
    assert template["Resources"]["Budget"]["Condition"] == "HasEmail"
    assert properties("AlarmTopic")["Subscription"]["Fn::If"][::2] == [
        "HasEmail", {"Ref": "AWS::NoValue"},
    ]  # fmt: skip
    for name, parameter in (("HasEmail", "AlarmEmail"), ("HasKey", "KmsKeyArn")):
        empty = {"Fn::Equals": [{"Ref": parameter}, ""]}
        assert template["Conditions"][name] == {"Fn::Not": [empty]}


def test_each_check_that_checkov_skips_has_its_reason_above_it() -> None:
    text = (ROOT / ".checkov.yaml").read_text(encoding="utf-8")
    skipped = re.findall(r"\n((?:  # .+\n)*)  - (CKV\w+)", text)

    assert [check for _, check in skipped] == yaml.safe_load(text)["skip-check"]
    assert [check for reason, check in skipped if len(reason) < 60] == []


def test_on_deletion_writers_go_first_then_the_clean_up_then_the_buckets() -> None:
    for writer in ("EventSchedule", "EventGenerator", "SourceBucketPolicy"):
        assert {"SourceCleanup", "SourceBucket"} <= depends_on(writer)
    for user in ("Workgroup", "AnalyticsBucketPolicy"):
        assert {"AnalyticsCleanup", "AnalyticsBucket"} <= depends_on(user)
    assert {"BucketCleanup", "SourceBucket"} <= depends_on("SourceCleanup")
    assert {"BucketCleanup", "AnalyticsBucket"} <= depends_on("AnalyticsCleanup")


def test_workgroup_enforces_its_own_encrypted_result_location_and_can_be_deleted() -> None:
    workgroup = properties("Workgroup")
    settings = workgroup["WorkGroupConfiguration"]

    assert settings["EnforceWorkGroupConfiguration"]
    assert settings["ResultConfiguration"] == {
        "OutputLocation": {"Fn::Sub": "s3://${AnalyticsBucket}/athena-results/"},
        "EncryptionConfiguration": {
            "EncryptionOption": {"Fn::If": ["HasKey", "SSE_KMS", "SSE_S3"]},
            "KmsKey": KEY,
        },
    }
    assert settings["BytesScannedCutoffPerQuery"] == 10_000_000_000
    assert settings["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert workgroup["RecursiveDeleteOption"]


@pytest.mark.parametrize("layer", TABLES)
def test_each_database_holds_its_tables_and_has_a_name_without_hyphens(layer: str) -> None:
    name = properties(f"{layer.capitalize()}Database")["DatabaseInput"]["Name"]
    with_hyphens = {"Fn::Sub": f"{layer}-${{StudentId}}"}

    assert set(tables(layer)) == TABLES[layer]
    assert name == {"Fn::Join": ["_", {"Fn::Split": ["-", with_hyphens]}]}


@pytest.mark.parametrize(("layer", "table"), ALL_TABLES)
def test_each_table_states_its_grain_and_is_parquet_in_its_own_folder(
    layer: str, table: str
) -> None:
    definition = tables(layer)[table]
    storage = definition["StorageDescriptor"]

    assert definition["Description"].startswith("One row per ")
    assert (definition["TableType"], definition["Parameters"]) == (
        "EXTERNAL_TABLE",
        {"classification": "parquet"},
    )
    assert storage["Location"] == {"Fn::Sub": f"s3://${{AnalyticsBucket}}/{layer}/{table}/"}
    package, serde = "org.apache.hadoop.hive.ql.io.parquet", storage["SerdeInfo"]
    assert mapped(storage["InputFormat"]) == f"{package}.MapredParquetInputFormat"
    assert mapped(storage["OutputFormat"]) == f"{package}.MapredParquetOutputFormat"
    assert mapped(serde["SerializationLibrary"]) == f"{package}.serde.ParquetHiveSerDe"


@pytest.mark.parametrize(("layer", "table"), ALL_TABLES)
def test_each_table_has_distinct_lower_case_columns_of_types_that_athena_knows(
    layer: str, table: str
) -> None:
    columns, keys = table_columns(layer, table)
    known = r"string|int|bigint|double|boolean|date|timestamp|decimal\(\d+,\d+\)"
    nested = rf"({known}|array<({known})>|map<string,({known})>)"

    assert len({name for name, _ in columns + keys}) == len(columns + keys)
    assert all(re.fullmatch("[a-z_]+", name) for name, _ in columns + keys)
    assert all(re.fullmatch(nested, kind) for _, kind in columns)
    assert {kind for _, kind in keys} <= {"string", "int", "date"}


def test_received_lines_are_kept_as_strings_under_the_file_they_came_in() -> None:
    received = "timestamp user_id session_id event_type product_id category quantity price"
    fields = [*received.split(), "search_query", "corrupt_record"]
    keys = [(key, "string") for key in ("year", "month", "day", "hour", "source")]

    bronze = [(name, "string") for name in (*fields, "extended_record")]
    assert table_columns("bronze", "events") == (bronze, keys)
    quarantine = [(name, "string") for name in fields] + [("reasons", "array<string>")]
    assert table_columns("silver", "events_quarantine") == (quarantine, keys)


@pytest.mark.parametrize("name", ["EventGenerator", "BucketCleanup"])
def test_inline_code_passes_the_linter(name: str, tmp_path: Path) -> None:
    code = tmp_path / "index.py"
    code.write_text(properties(name)["Code"]["ZipFile"])

    run = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"),
         "--ignore", "S311", "--no-cache", str(code)],
        capture_output=True, text=True,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout
