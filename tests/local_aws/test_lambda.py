from __future__ import annotations

import base64
import io
import json
import re
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws import settings

pytestmark = pytest.mark.slow

Client = Callable[[str], Any]
Deploy = Callable[..., str]
ROLE = "arn:aws:iam::123456789012:role/LabRole"


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def deploy(functions: Any) -> Deploy:
    """Makes a function of inline code and returns its name."""

    def make(code: str, **options: Any) -> str:
        name = f"test-{uuid.uuid4().hex}"
        settings_ = {"Runtime": "python3.13", "Handler": "index.handler", "Role": ROLE, **options}
        functions.create_function(FunctionName=name, Code={"ZipFile": zipped(code)}, **settings_)
        return name

    return make


def zipped(code: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(code))
    return buffer.getvalue()


def invoke(functions: Any, name: str, event: Any = None, **options: Any) -> tuple[Any, Any]:
    payload = {"Payload": json.dumps(event)} if event is not None else {}
    answer = functions.invoke(FunctionName=name, **payload, **options)
    return json.loads(answer["Payload"].read()), answer


def log_of(client: Client, name: str) -> list[str]:
    events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return [event["message"] for event in events]


def test_a_function_runs_with_its_event_environment_and_context(
    functions: Any, deploy: Deploy
) -> None:
    name = deploy(
        """
        import os

        def handler(event, context):
            return {
                "event": event,
                "stage": os.environ["STAGE"],
                "names": [context.function_name, os.environ["AWS_LAMBDA_FUNCTION_NAME"]],
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "left": context.get_remaining_time_in_millis(),
                "streams": [context.log_stream_name, os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]],
            }
        """,
        Environment={"Variables": {"STAGE": "test"}},
        Timeout=7,
        MemorySize=256,
    )

    result, answer = invoke(functions, name, {"n": [1, None, "é"]})

    assert (answer["StatusCode"], "FunctionError" in answer) == (200, False)
    assert result["event"] == {"n": [1, None, "é"]}
    assert (result["stage"], result["memory"]) == ("test", "256")
    assert result["names"] == [name, name]
    assert result["arn"] == f"arn:aws:lambda:us-west-2:123456789012:function:{name}"
    assert 5000 < result["left"] <= 7000
    assert result["streams"][0] == result["streams"][1]


def test_a_function_reaches_the_embedded_aws_with_plain_boto3(
    functions: Any, deploy: Deploy
) -> None:
    name = deploy(
        """
        import boto3

        def handler(event, context):
            return boto3.client("sts").get_caller_identity()["Account"]
        """,
        Timeout=30,
    )

    assert invoke(functions, name)[0] == "123456789012"


def test_the_log_has_what_was_printed_between_real_measurements(
    functions: Any, deploy: Deploy, client: Client
) -> None:
    name = deploy(
        """
        import logging, time

        def handler(event, context):
            print("two\\nlines")
            logging.warning("careful")
            time.sleep(0.2)
        """
    )

    _, answer = invoke(functions, name, LogType="Tail")

    start, two, lines, warning, end, report = log_of(client, name)
    assert re.fullmatch(r"START RequestId: [0-9a-f-]{36} Version: \$LATEST", start)
    assert (two, lines) == ("two", "lines")
    assert re.fullmatch(r"\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\tcareful", warning)
    assert end.startswith("END RequestId: ")
    measured = re.search(r"\tDuration: (\S+) ms\t.*\tMax Memory Used: (\d+) MB", report)
    assert measured
    assert 200 <= float(measured[1]) < 2000
    assert 5 < int(measured[2]) < 200
    assert base64.b64decode(answer["LogResult"]).decode().splitlines()[1] == "two"


def test_an_exception_becomes_the_documented_error(
    functions: Any, deploy: Deploy, client: Client
) -> None:
    name = deploy(
        """
        def handler(event, context):
            raise ValueError("no such thing")
        """
    )

    error, answer = invoke(functions, name)

    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no such thing")
    assert "index.py" in error["stackTrace"][0]
    assert 'raise ValueError("no such thing")' in error["stackTrace"][0]
    assert "[ERROR] ValueError: no such thing" in log_of(client, name)[1]


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import nothing_like_it", "Runtime.ImportModuleError", "No module named"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("def handler(e, c): return {1, 2}", "Runtime.MarshalError", "Unable to marshal response"),
        ("import os\ndef handler(e, c): os._exit(3)", "Runtime.ExitError", "exit status 3"),
    ],
)
def test_what_goes_wrong_around_the_handler_is_named(
    functions: Any, deploy: Deploy, code: str, kind: str, message: str
) -> None:
    error, answer = invoke(functions, deploy(code))

    assert (answer["FunctionError"], error["errorType"]) == ("Unhandled", kind)
    assert message in error["errorMessage"]


def test_a_function_is_killed_at_its_timeout_and_says_so(
    functions: Any, deploy: Deploy, client: Client
) -> None:
    name = deploy(
        """
        import time

        def handler(event, context):
            print("began", flush=True)
            time.sleep(60)
        """,
        Timeout=1,
    )
    started = time.monotonic()

    error, answer = invoke(functions, name)

    assert time.monotonic() - started < 5
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorMessage"].endswith("Task timed out after 1.00 seconds")
    log = log_of(client, name)
    assert "began" in log
    assert any(line.endswith("Task timed out after 1.00 seconds") for line in log)


def test_an_event_is_answered_at_once_and_runs_on(
    functions: Any, deploy: Deploy, client: Client
) -> None:
    name = deploy(
        """
        import time

        def handler(event, context):
            time.sleep(0.3)
            print("done with", event)
        """
    )

    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'"it"')
    logs = client("logs")
    assert answer["StatusCode"] == 202
    assert not logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]:
            break
        time.sleep(0.05)

    assert "done with it" in log_of(client, name)
    assert not list((settings.current().data_dir / "lambda").glob("*"))


def test_a_dry_run_runs_nothing(functions: Any, deploy: Deploy, client: Client) -> None:
    name = deploy("def handler(e, c): print('ran')")

    assert functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204

    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    assert groups["logGroups"] == []


def test_new_code_and_settings_take_effect(functions: Any, deploy: Deploy) -> None:
    name = deploy("def handler(e, c): return 1")

    functions.update_function_code(
        FunctionName=name, ZipFile=zipped("import os\ndef handler(e, c): return os.environ['A']")
    )
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"A": "new"}}
    )

    assert invoke(functions, name)[0] == "new"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"Runtime": "nodejs22.x"}, "runtime nodejs22.x"),
        ({"VpcConfig": {"SubnetIds": ["s"], "SecurityGroupIds": ["g"]}}, "VpcConfig"),
    ],
)
def test_what_would_not_run_is_refused_by_name(
    deploy: Deploy, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=f"does not support .*{named}"):
        deploy("def handler(e, c): pass", **options)


def test_a_payload_that_is_no_json_is_refused(functions: Any, deploy: Deploy) -> None:
    name = deploy("def handler(e, c): pass")

    with pytest.raises(ClientError, match="Could not parse request body into json"):
        functions.invoke(FunctionName=name, Payload=b"{")
